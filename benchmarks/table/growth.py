"""How the time of a frame set grows with its frames, its pixels, its stars and the particles that struck it: exponents."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.bench_process import WHOLE, Set, first_set, timed
from firmware_sim.scenarios.scenario import load
from sensorproc.onboard.pipeline import process_set

SCENARIO = "geo_search_2k"
MOST_STARS = 5000  # registered in a frame, where it is they that are counted


@dataclass(frozen=True)
class Growth:
    """Of what, its values and the processor time of each part at each [s]; ``most``: the exponent we aim at, by part."""

    of: str
    values: list[float]
    seconds: dict[str, list[float]]
    most: dict[str, float]

    @property
    def exponents(self) -> dict[str, float]:
        """Of each part from the first value to the last."""
        run = math.log(self.values[-1] / self.values[0])
        return {part: math.log(max(times[-1], 1e-9) / max(times[0], 1e-9)) / run for part, times in self.seconds.items()}


def growths(side: int, repeats: int, steps: int = 3) -> Iterator[Growth]:
    """All of them, on frames of ``side`` x ``side`` px, of as many values each as ``steps``."""
    parts = (WHOLE, "search", "accept", "subtract_stars")
    frames = [8 * 2**k for k in range(steps)]
    sets = [set_of(side, n) for n in frames]
    limits = {WHOLE: 1.25, "search": 2.1, "accept": 1.2}
    yield _growth("frames", frames, sets, parts, limits, repeats)
    sides = [side // 2 * 2**k for k in range(steps)]
    sets = [set_of(one, 8) for one in sides]
    yield _growth("pixels", [one * one for one in sides], sets, parts, {WHOLE: 1.05}, repeats)
    sets = [set_of(side, 8, zeropoint_mag=20.0 + k, max_stars=MOST_STARS) for k in range(steps)]
    yield _growth("stars", [_n_stars(one) for one in sets], sets, parts, {WHOLE: 1.0}, repeats)
    hits = [10.0 * 6.0**k for k in range(steps)]
    sets = [set_of(side, 8, hits=n) for n in hits]
    yield _growth("particles", hits, sets, parts, {WHOLE: 0.3}, repeats)


def set_of(side: int, n_frames: int, zeropoint_mag: float | None = None, hits: float | None = None, max_stars: int = 400) -> Set:
    """A window of the search payload: the same sky and optics at any size."""
    sensor: dict[str, Any] = {"shape_px": [side, side]} | ({"zeropoint_mag": zeropoint_mag} if zeropoint_mag else {})
    payload = {"sensor": sensor, "frame_set": {"max_frames": n_frames}, "register": {"max_stars": max_stars}}
    scene: dict[str, Any] = {"n_frames": n_frames} | ({"radiation": {"hits_per_frame": hits}} if hits else {})
    return first_set(load(SCENARIO, over={"payload": payload, "scene": scene}))


def _n_stars(work: Set) -> float:
    """Stars of a frame, as registered."""
    counts: list[int] = []

    def do(stage: Callable[..., Any], *arguments: Any) -> Any:
        result = stage(*arguments)
        if stage.__name__ == "register":
            counts.extend(len(one.stars) for one in result[0])
        return result

    process_set(*work, do)
    return statistics.mean(counts)


def _growth(
    of: str, values: Sequence[float], sets: Sequence[Set], parts: Sequence[str], most: dict[str, float], repeats: int
) -> Growth:
    spent = [defaultdict(list) for _ in sets]
    for _ in range(repeats + 1):  # the first warms up
        for one, work in zip(spent, sets, strict=True):
            for part, (cpu_s, _) in timed(work)[0].items():
                one[part].append(cpu_s)
    medians = {part: [statistics.median(one[part][1:]) for one in spent] for part in parts}
    return Growth(of, [float(value) for value in values], medians, most)
