"""No network at run time, for ever: every verb works with sockets refused and the clock years ahead, and gives the same bytes."""

import ast
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensorproc.catalog import patterns
from sensorproc.errors import ConfigError
from sensorproc.run_folder import private
from sensorproc.timescales import LEAP_SECONDS_KNOWN_UNTIL, doubt_of, tai_ns_from_utc

ROOT = Path(__file__).resolve().parents[1]
SAMPLE, MINI = ROOT / "docs" / "sample", ROOT / "tests" / "flight" / "mini.toml"
ASKING = ("astropy.time", "astropy.wcs", "astropy.table", "astropy.coordinates", "astropy.utils.iers")

# A machine whose clock shows another day, and whose sockets answer nobody.
ANOTHER_DAY = """
import datetime, json, socket, sys, time, warnings
shift = datetime.timedelta(days=int(sys.argv[1]))
true_datetime, true_time, true_ns = datetime.datetime, time.time, time.time_ns
class Datetime(true_datetime):
    @classmethod
    def now(cls, tz=None): return super().now(tz) + shift
    @classmethod
    def utcnow(cls): return super().now(datetime.UTC).replace(tzinfo=None) + shift
    @classmethod
    def today(cls): return super().now() + shift
datetime.datetime = Datetime
time.time = lambda: true_time() + shift.total_seconds()
time.time_ns = lambda: true_ns() + int(shift.total_seconds()) * 10**9
asked = []
def refuse(*args, **kwargs):
    asked.append(repr(args[:2]))
    raise OSError("no network")
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
socket.socket.connect = refuse
from firmware_sim.cli import main as firmware_sim
from sensorproc.cli import main as sensorproc
codes = []
for command in json.loads(sys.argv[2]):
    codes.append({"sensorproc": sensorproc, "firmware-sim": firmware_sim}[command[0]](command[1:]))
print(json.dumps({"codes": codes, "asked": asked}), file=sys.__stdout__)
"""
DAYS = {"now": 0, "2027-02-15": 77, "2035": 3000}


def on(day: str, folder: Path, commands: list[list[str]]) -> tuple[dict, str]:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_DAY, str(DAYS[day]), json.dumps(commands)],
        cwd=folder, capture_output=True, text=True, timeout=580, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def every_byte(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def check(tmp_path: Path, commands: list[list[str]]) -> None:
    seen = {}
    for day in DAYS:
        told, said = on(day, tmp_path / day, commands)
        assert told["codes"] == [0] * len(commands), said
        assert told["asked"] == []
        assert "Traceback" not in said
        assert "Warning" not in said
        seen[day] = every_byte(tmp_path / day)
    assert seen["2027-02-15"] == seen["now"]
    assert seen["2035"] == seen["now"]


def test_what_the_ground_does_needs_no_network(tmp_path):
    mark = ["--marking", "U", "--data-mode", "SIMULATED"]
    check(tmp_path, [
        ["sensorproc", "inspect", str(SAMPLE)],
        ["sensorproc", "process", str(SAMPLE), "-o", "run", *mark],
        ["sensorproc", "decode", "run/downlink.bin", "-o", "decoded", *mark],
        ["sensorproc", "score", "run", "--truth", str(SAMPLE / "truth.json"), "--json-file", "score.json"],
        ["sensorproc", "config", "schema"],
        ["sensorproc", "catalog", "info"],
    ])  # fmt: skip


@pytest.mark.slow
def test_a_flight_needs_no_network(tmp_path):
    check(tmp_path, [["firmware-sim", "run", str(MINI), "-o", "run"], ["firmware-sim", "size", str(MINI)]])


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("package", ["sensorproc", "firmware_sim"])
def test_what_would_ask_the_network_is_imported_in_one_place(package):
    for path in (ROOT / package).rglob("*.py"):
        asking = {name for name in imported(path) if any(name == one or name.startswith(f"{one}.") for one in ASKING)}
        assert not asking or path == ROOT / "sensorproc" / "offline.py", path


def test_the_end_of_known_leap_seconds_is_said_of_times_behind_it():
    last = LEAP_SECONDS_KNOWN_UNTIL.isoformat()
    assert doubt_of(tai_ns_from_utc("2026-11-30T00:00:00")) == ""
    assert doubt_of(tai_ns_from_utc(f"{last}T00:00:00") - 1) == ""
    assert last in doubt_of(tai_ns_from_utc(f"{last}T00:00:00"))


# ---------------------------------------------------------------- what is kept between runs


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o1777, 0o702])
def test_a_kernel_cache_that_others_can_write_is_refused(tmp_path, monkeypatch, mode):
    tmp_path.chmod(mode)
    monkeypatch.setenv(private.KERNEL_CACHE, str(tmp_path))
    with pytest.raises(ConfigError, match="may be written by others"):
        private.prepare_kernel_cache(tmp_path)


def test_a_kernel_cache_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(private.KERNEL_CACHE, str(tmp_path))
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1234)
    if tmp_path.stat().st_uid == 0:
        pytest.skip("the superuser's folders are trusted")
    with pytest.raises(ConfigError, match="another user"):
        private.prepare_kernel_cache(tmp_path)


def test_a_cache_that_is_made_is_its_users_alone(tmp_path, monkeypatch):
    monkeypatch.setenv(private.KERNEL_CACHE, str(tmp_path / "new" / "cache"))
    assert private.prepare_kernel_cache(tmp_path) == ""
    assert stat.S_IMODE((tmp_path / "new" / "cache").stat().st_mode) == 0o700


def test_where_nothing_can_be_kept_kernels_are_compiled_anew(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")  # in its place no folder can be made, whoever tries
    monkeypatch.delenv(private.KERNEL_CACHE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(private, "_TEMPORARY", [])
    assert "compiled anew" in private.prepare_kernel_cache(tmp_path / "file")
    folder = Path(os.environ[private.KERNEL_CACHE])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(private.KERNEL_CACHE)
    assert private.prepare_kernel_cache(tmp_path / "file") == ""


def damaged(kind: str, unit: np.ndarray, quads: np.ndarray, keys: np.ndarray) -> bytes | dict[str, np.ndarray]:
    match kind:
        case "empty":
            return b""
        case "noise":
            return bytes(range(256)) * 40
        case "outside":
            return {"unit": unit, "quads": quads + np.uint32(10_000), "keys": keys}
        case "unsorted":
            return {"unit": unit, "quads": quads, "keys": keys[::-1].copy()}
        case "infinite":
            return {"unit": unit * np.float32(np.inf), "quads": quads, "keys": keys}
        case "types":
            return {"unit": unit.astype(float), "quads": quads.astype(int), "keys": keys}
        case "shapes":
            return {"unit": unit[:, :2], "quads": quads, "keys": keys}
        case "lacking":
            return {"unit": unit}
        case _:
            return {"unit": unit, "quads": quads, "keys": keys[:-1]}


@pytest.mark.parametrize("kind", ["empty", "noise", "outside", "unsorted", "infinite", "types", "shapes", "lacking", "lengths"])
def test_a_damaged_index_of_patterns_is_built_anew(tmp_path, rng, kind):
    unit = rng.normal(size=(50, 3)).astype(np.float32)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    quads, keys = rng.integers(0, 50, (20, 4)).astype(np.uint32), np.sort(rng.integers(0, 2**32, 20)).astype(np.uint32)
    path = tmp_path / "patterns.npz"
    np.savez(path, unit=unit, quads=quads, keys=keys)
    assert patterns._read(path, 0.1) is not None
    found = damaged(kind, unit, quads, keys)
    if isinstance(found, bytes):
        path.write_bytes(found)
    else:
        np.savez(path, **found)
    assert patterns._read(path, 0.1) is None


def test_an_index_that_others_could_have_made_is_not_believed(tmp_path, rng):
    unit = rng.normal(size=(50, 3)).astype(np.float32)
    np.savez(tmp_path / "p.npz", unit=unit, quads=np.zeros((1, 4), np.uint32), keys=np.zeros(1, np.uint32))
    assert patterns._read(tmp_path / "p.npz", 0.1) is not None
    tmp_path.chmod(0o777)
    assert patterns._read(tmp_path / "p.npz", 0.1) is None
