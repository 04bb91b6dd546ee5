"""The cost model: found again from made-up times, told where it lacks a stage, and slower where a processor is."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from firmware_sim.board.processor_profile import PROFILES, load_profile
from firmware_sim.cost.calibrate import median_of, write_profile, write_stages
from firmware_sim.cost.fit import fit_stage, levels_of
from firmware_sim.cost.measure import Sample, cell
from firmware_sim.cost.model import CostModel, StageCost, bandwidth_bytes_s, cpu_s, load_stages
from firmware_sim.cost.work import Work
from sensorproc.errors import ConfigError, InputError, SensorprocError

HOST = load_profile("host")
TRUE = StageCost(5e7, 1e6, 400.0, 3000.0, 0.0, 0.0, 0.5, 0.0)


def work(n, px, items=0.0):
    return Work(n, n * px, items, 8 * px)


def sample(n, px, items, noise=1.0):
    call = work(n, px, items)
    seconds = cpu_s(TRUE, call, HOST) * noise
    return Sample((call,), seconds, seconds * 0.75)


def test_a_cost_is_found_again_from_noisy_times():
    rng = np.random.default_rng(3)
    cells = [(n, px, rng.uniform(0, 2e5)) for n in (4, 9, 20) for px in (1e5, 4e5, 1.6e6)]
    samples = [sample(n, px, items, float(np.exp(rng.normal(0, 0.03)))) for n, px, items in cells]
    found = fit_stage(samples, HOST)
    for n, px in ((6, 2e5), (16, 1e6)):
        told = replace(found, bytes_px=0.0)
        assert cpu_s(told, work(n, px, 1e5), HOST) == pytest.approx(cpu_s(TRUE, work(n, px, 1e5), HOST), rel=0.08)
    assert found.parallel == pytest.approx(0.5)
    assert found.spread < 0.06


def test_levels_of_memory_are_seen_in_copies():
    copied = {2**k: (80e9 if k < 20 else 40e9 if k < 24 else 10e9) for k in range(16, 28)}
    levels = levels_of(copied)
    assert levels.bandwidth_bytes_s == (80e9, 40e9, 10e9)
    assert [round(np.log2(size), 1) for size in levels.cache_bytes] == [19.5, 23.5]
    profile = replace(HOST, cache_bytes=levels.cache_bytes, bandwidth_bytes_s=levels.bandwidth_bytes_s)
    assert bandwidth_bytes_s(profile, 1e3) == pytest.approx(80e9, rel=0.01)
    assert bandwidth_bytes_s(profile, 1e12) == pytest.approx(10e9, rel=0.01)


def stages_in_code() -> set[str]:
    modules = [module for name, module in sys.modules.items() if name.startswith("sensorproc.onboard")]
    return {f.__name__ for module in modules for f in vars(module).values() if callable(f) and hasattr(f, "moved_bytes")}


def test_every_stage_of_the_pipeline_has_a_cost():
    one = cell(256, 4)
    stages = load_stages()
    assert set(one.run()) <= set(stages)
    assert set(stages) == stages_in_code()
    assert all(cost.ops_call + cost.ops_frame + cost.ops_px > 0 for cost in stages.values())


def test_a_stage_without_a_cost_is_told():
    with pytest.raises(SensorprocError, match="firmware-sim calibrate"):
        CostModel(HOST, np.random.default_rng(0), {}).core_s("search", work(1, 1.0))


def test_a_slower_processor_takes_longer():
    stages = load_stages()

    def seconds(name):
        profile = replace(load_profile(name), jitter=0.0)
        model = CostModel(profile, np.random.default_rng(0), stages)
        parts = [model.core_s(stage, work(16, 2048.0**2)) for stage in stages]
        return sum(serial + shared / profile.cores for serial, shared in parts)

    times = [seconds(name) for name in PROFILES]
    assert times[0] > 10 * times[-1]
    assert times == sorted(times, reverse=True) or times[4] > times[3]  # Zynq and HPSC are near one another


def test_what_was_measured_is_read_back(tmp_path):
    write_stages(tmp_path / "s.toml", {"accept": TRUE}, "a test")
    assert load_stages(tmp_path / "s.toml") == {"accept": TRUE}
    write_profile(tmp_path / "host.toml", HOST)
    assert load_profile(tmp_path / "host.toml") == HOST
    (tmp_path / "bad.toml").write_text("[stages.accept]\nx = 1\n")
    with pytest.raises(ConfigError, match="calibrate"):
        load_stages(tmp_path / "bad.toml")
    with pytest.raises(InputError):
        load_stages(tmp_path / "nowhere.toml")
    text = (tmp_path / "host.toml").read_text().replace("bandwidth_bytes_s = [", "bandwidth_bytes_s = [1e9, ")
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ConfigError, match="wants 3 values"):
        load_profile(tmp_path / "p.toml")


def test_the_median_of_runs_is_taken():
    runs = [sample(4, 1e5, 0.0, noise) for noise in (1.0, 5.0, 1.1)]
    assert median_of(runs).cpu_s == runs[2].cpu_s
