"""What became of every target in every frame set: one row each, with its SNR over the set."""

import math

import numpy as np

from sensorproc.scoring import Row, match_all

ARCSEC = 3600.0


def by_set(detections: list[Row], truth: list[list[Row]], sets: list[tuple[int, int]]) -> list[Row]:
    """Fate of every target of every set (first frame, number of frames).

    A target is found if one tracklet holds it in at least half of the frames in which it lies clear of the edge. Its
    set SNR adds those frames in quadrature. Errors are rms over the matched frames: pixels, and arcseconds on the sky
    between reported and geometric direction (NaN without either).
    """
    rows, matches = [], match_all(detections, truth)
    for number, (first, n) in enumerate(sets):
        frames = range(first, min(first + n, len(truth)))
        clear = [(k, t) for k in frames for t in truth[k] if not {"edge", "dead"} & set(t["flags"])]
        places = {(k, t["id"]) for k, t in clear}
        mine = [m for m in matches if (m.frame, m.target["id"]) in places]
        for name in sorted({t["id"] for _, t in clear}):
            seen = [(k, t) for k, t in clear if t["id"] == name]
            found = [m for m in mine if m.target["id"] == name]
            rows.append({"set": number} | _fate(seen, found))
    return rows


def _fate(seen: list[tuple[int, Row]], found: list) -> Row:
    target = seen[0][1]
    ids = [m.detection["tracklet_id"] for m in found if m.detection["tracklet_id"] >= 0]
    best = max(sorted(set(ids)), key=ids.count, default=-1)
    held = [m for m in found if m.detection["tracklet_id"] == best and best >= 0]
    return {
        "id": target["id"],
        "name": target.get("name", str(target["id"])),
        "mag": float(np.mean([t.get("mag", math.nan) for _, t in seen])),
        "snr": math.sqrt(sum(t["snr"] ** 2 for _, t in seen)),
        "n_frames": len(seen),
        "tracklet_id": best,
        "n_held": len(held),
        "is_found": len(held) >= 0.5 * len(seen),
        "error_px": _rms([math.hypot(m.along_px, m.across_px) for m in held]),
        "error_arcsec": _rms([_sky_error(m.detection, m.target) for m in held]),
    }


def _sky_error(row: Row, target: Row) -> float:
    """Angle between two directions [arcsec], small ones exactly."""
    if "ra_geo" not in target:
        return math.nan
    a, b, da = math.radians(row["dec_deg"]), math.radians(target["dec_geo"]), math.radians(row["ra_deg"] - target["ra_geo"])
    half = math.sin((a - b) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(da / 2) ** 2
    return math.degrees(2 * math.asin(math.sqrt(half))) * ARCSEC


def _rms(values: list[float]) -> float:
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else math.nan


def spans(housekeeping: list[Row], n_frames: int) -> list[tuple[int, int]]:
    """(first frame, number of frames) of every set: up to the next set's first, for unreadable frames count too."""
    firsts = sorted(row["first_frame"] for row in housekeeping)
    return [(first, stop - first) for first, stop in zip(firsts, [*firsts[1:], n_frames], strict=True)]


def n_found(rows: list[Row], at_least_snr: float) -> tuple[int, int]:
    """Found and all targets whose set SNR reaches a value, counted once per set."""
    demanded = [row for row in rows if row["snr"] >= at_least_snr]
    return sum(row["is_found"] for row in demanded), len(demanded)
