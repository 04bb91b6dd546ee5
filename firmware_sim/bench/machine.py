"""The machine under a bench: what it is, how busy it was, and who was to blame for a wait."""

import os
import platform
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sensorproc.run_folder.facts import LIBRARIES, library_version

SAMPLE_S = 1.0
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
MOST_STOLEN = 0.01  # of the time of all cores: more of it, and somebody else's work is in the figures


def environment() -> dict[str, Any]:
    """What machine and software are."""
    governor = "".join(_lines("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")) or "unknown"
    return {
        "processor": processor_name(), "cores": os.cpu_count(), "governor": governor, "kernel": platform.release(),
        "machine": platform.machine(), "python": platform.python_version(), **{name: library_version(name) for name in LIBRARIES},
    }  # fmt: skip


def processor_name() -> str:
    """What the processor calls itself."""
    return next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown")


@dataclass(frozen=True)
class Sample:
    """A second of a process and of its machine: counters, as they stand."""

    at_ns: int
    rss_bytes: int
    cpu_s: float
    waited_s: float  # that its threads were ready and had no core
    faults: int  # pages that came from a disk
    stalled_s: float | None  # in which anything on the machine waited for a core
    stolen_s: float | None  # that the hypervisor gave to others


@dataclass
class Watch:
    """Samples a process until it is told to stop."""

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="watch")
        self._thread.start()

    def stop(self) -> None:
        """No more samples."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            if (one := sample(self.pid)) is not None:
                self.samples.append(one)
            self._over.wait(SAMPLE_S)

    def told(self) -> dict[str, Any]:
        """What the samples come to."""
        if len(self.samples) < 2:
            return {}
        first, last = self.samples[0], self.samples[-1]
        elapsed_s = (last.at_ns - first.at_ns) * 1e-9
        cores = os.cpu_count() or 1
        shares: dict[str, float | None] = {
            "cores_used": (last.cpu_s - first.cpu_s) / elapsed_s, "waited_for_core": (last.waited_s - first.waited_s) / elapsed_s,
            "machine_stalled": _share(first.stalled_s, last.stalled_s, elapsed_s),
            "stolen": _share(first.stolen_s, last.stolen_s, elapsed_s * cores),
        }  # fmt: skip
        rss = {"rss_max_bytes": max(s.rss_bytes for s in self.samples), "rss_slope_bytes_min": self._slope()}
        return {**shares, **rss, "major_faults": last.faults - first.faults, "samples": len(self.samples)}

    def _slope(self) -> float:
        """Growth of memory in the second half [bytes/min]: the first is start-up."""
        half = self.samples[len(self.samples) // 2 :]
        if len(half) < 2:
            return 0.0
        minutes = np.array([s.at_ns for s in half]) / 6e10
        return float(np.polyfit(minutes - minutes[0], [s.rss_bytes for s in half], 1)[0])


def is_disturbed(told: dict[str, Any]) -> bool:
    """Whether others had so much of the machine that the figures are not the payload's."""
    return (told.get("stolen") or 0.0) > MOST_STOLEN


def sample(pid: int) -> Sample | None:
    """A process now; nothing once it has gone."""
    stat = "".join(_lines(f"/proc/{pid}/stat"))
    if not stat:
        return None
    fields = stat.rpartition(")")[2].split()
    waited_ns = sum(_waited_ns(task) for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    cpu_s = (int(fields[11]) + int(fields[12])) / TICKS
    return Sample(time.monotonic_ns(), int(fields[21]) * PAGE, cpu_s, waited_ns * 1e-9, int(fields[9]), stalled_s(), stolen_s())


def _waited_ns(path: Path) -> int:
    words = "".join(_lines(path)).split()
    return int(words[1]) if len(words) > 1 else 0


def stalled_s() -> float | None:
    """Time in which anything on this machine waited for a core; None where the system does not tell."""
    some = next((line for line in _lines("/proc/pressure/cpu") if line.startswith("some")), None)
    return int(some.split("total=")[1]) * 1e-6 if some else None


def stolen_s() -> float | None:
    """Time of all cores that the hypervisor gave to others; None where the system does not tell."""
    words = next((line.split() for line in _lines("/proc/stat") if line.startswith("cpu ")), [])
    return int(words[8]) / TICKS if len(words) > 8 else None


def _share(before: float | None, after: float | None, of: float) -> float | None:
    return None if before is None or after is None else (after - before) / of


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
