"""Time stamps of whole seconds, made finer where the cadence is known.

Many capture programs write the second in which an exposure began. Frames taken every half a second then share their stamps in
pairs; where the cadence is known all stamps together tell the time of the first to a part of a second.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sensorproc.recording.entry import Entry
from sensorproc.timescales import NS_PER_S, leap_seconds_at

FEWEST_STAMPS = 3  # that show a cadence


def finer(entries: Sequence[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """Entries of a recording in time order with times that their cadence makes finer, and what to say of it."""
    done, said = list(entries), []
    for detector in sorted({entry.detector for entry in entries}):
        places = [k for k, entry in enumerate(entries) if entry.detector == detector]
        moved = _of_detector([entries[k] for k in places])
        if moved is None:
            continue
        times, half_s = moved
        for k, t_mid in zip(places, times, strict=True):
            done[k] = replace(entries[k], t_mid_tai_ns=t_mid)
        said.append(
            f"times are written in whole seconds: the cadence of {entries[places[0]].cadence_s:g} s tells them to {half_s:.2g} s"
        )
    return done, tuple(said)


def _of_detector(entries: Sequence[Entry]) -> tuple[list[int], float] | None:
    """Mid-exposures TAI [ns] and how far they may be off [s]; None where stamps are fine as they are, or not of the cadence."""
    cadence_s = entries[0].cadence_s
    starts = np.array([e.t_mid_tai_ns - round(0.5 * e.exposure_s * NS_PER_S) for e in entries], np.int64)
    whole = all((s - leap_seconds_at(int(s)) * NS_PER_S) % NS_PER_S == 0 for s in starts)
    if not cadence_s or len(entries) < FEWEST_STAMPS or not whole or not all(e.has_time for e in entries):
        return None
    if cadence_s == round(cadence_s):
        return None  # steps of whole seconds tell nothing of the part
    seconds = (starts - starts[0]) / NS_PER_S
    k = np.arange(len(entries))
    if not _fits(seconds, k, cadence_s):  # some are missing
        k = np.round(seconds / cadence_s).astype(int)
    if not _fits(seconds, k, cadence_s) or (np.diff(k) < 1).any():
        return None
    low, high = (seconds - k * cadence_s).max(), (seconds - k * cadence_s).min() + 1.0
    first = 0.5 * (low + high)
    steps = (first + k * cadence_s).tolist()
    times = [int(starts[0]) + round((step + 0.5 * e.exposure_s) * NS_PER_S) for step, e in zip(steps, entries, strict=True)]
    return times, 0.5 * float(high - low)


def _fits(seconds: np.ndarray, k: np.ndarray, cadence_s: float) -> bool:
    """Whether the seconds are those in which frames ``k`` of this cadence began."""
    rest = seconds - k * cadence_s
    return bool(rest.max() < rest.min() + 1.0)
