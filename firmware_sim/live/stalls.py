"""Faults of the work itself: a frame or a set that takes longer than it should, by number."""

import re
from collections.abc import Callable

from firmware_sim.ports import FRAME_PRIORITY, SET_PRIORITY, Job
from sensorproc.errors import UsageError

KINDS = {"stall_frame": FRAME_PRIORITY, "stall_set": SET_PRIORITY}
MOST_S = 3600.0


def stalls(text: str | None) -> Callable[[Job], float]:
    """Seconds that a job stalls, by ``stall_frame@N=S,stall_set@N=S``.

    Raises
    ------
    UsageError
        If it is written in another way.
    """
    planned: dict[tuple[int, int], float] = {}
    for part in text.split(",") if text else ():
        found = re.fullmatch(r"\s*(\w+)@(\d+)=(\d+(?:\.\d+)?)\s*", part)
        if not found or found[1] not in KINDS or not 0 < float(found[3]) <= MOST_S:
            raise UsageError(f"--inject {part!r}: want stall_frame@N=S or stall_set@N=S, S seconds up to {MOST_S:g}")
        planned[KINDS[found[1]], int(found[2])] = float(found[3])
    return lambda job: planned.get((job.priority, job.number), 0.0)
