"""What a run says of its frames against their truth: how many it used, and whether times, exposures and noise are right."""

import math

from sensorproc.ground.table_columns import PROCESSED, UNTIMED
from sensorproc.scoring.errors import mean
from sensorproc.scoring.truth import Row, Truth
from sensorproc.timescales import NS_PER_S, tai_ns_from_utc


def frame_facts(frames: list[Row], truth: Truth, first: int, n: int) -> Row:
    """Of the ``n`` frames from ``first`` on: the share that was processed, of those that are judged; mean error of the times of
    mid-exposure [s], relative errors of exposure times and noise. NaN where a truth tells none of it."""
    told = {row["frame"]: row for row in frames if first <= row["frame"] < first + n}
    judged = [k for k in range(first, min(first + n, len(truth))) if k not in truth.unjudged]
    used = [k for k in judged if k in told and told[k]["status"] == PROCESSED]
    exposure_s = truth.facts.get("exposure_s", 0.0)
    timed = [k for k in used if k in truth.mid_tai_ns and told[k]["time_utc"] != UNTIMED]
    late_s = [(tai_ns_from_utc(told[k]["time_utc"]) - truth.mid_tai_ns[k]) / NS_PER_S for k in timed]
    longer = [told[k]["exposure_s"] / exposure_s - 1.0 for k in used] if exposure_s > 0 else []
    noisier = [told[k]["noise_e"] / truth.noise_e[k] - 1.0 for k in used if truth.noise_e.get(k, 0.0) > 0]
    return {
        "frames_used": len(used) / len(judged) if judged else math.nan,
        "late_s": mean(late_s), "longer": mean(longer), "noisier": mean(noisier),
    }  # fmt: skip
