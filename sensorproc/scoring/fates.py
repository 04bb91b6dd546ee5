"""What became of every target in every frame set: one row each, with its SNR over the set and its errors."""

import math

import numpy as np

from sensorproc.scoring.match import Match, false_tracklets, judged, match_all
from sensorproc.scoring.truth import Row, Truth

ARCSEC = 3600.0
WHOLE = 0.5  # of a set's frames in which a target must be clear of the edge to be demanded


def by_set(detections: list[Row], truth: Truth, sets: list[tuple[int, int]], tracklets: list[Row] | None = None) -> list[Row]:
    """Fate of every target of every set (first frame, number of frames).

    A target is found if one tracklet holds it in at least half of the frames in which it lies clear of the edge. Its
    set SNR adds those frames in quadrature. Errors are means over the frames in which it is held: pixels along and
    across its motion, arcseconds on the sky between reported and geometric direction, flux, magnitude, rate and time;
    each ``chi2_`` is the reduced one of the claimed sigma. NaN where a figure does not exist.
    """
    covariances = {row["tracklet_id"]: row for row in tracklets or []}
    rows, matches = [], match_all(judged(detections, truth), truth)
    for number, (first, n) in enumerate(sets):
        frames = range(first, min(first + n, len(truth)))
        clear = [(k, t) for k in frames for t in truth.frames[k] if not {"edge", "dead"} & set(t["flags"])]
        places = {(k, t["id"]) for k, t in clear}
        mine = [m for m in matches if (m.frame, m.target["id"]) in places]
        n_judged = sum(k not in truth.unjudged for k in frames)
        for name in sorted({t["id"] for _, t in clear}):
            seen = [(k, t) for k, t in clear if t["id"] == name]
            found = [m for m in mine if m.target["id"] == name]
            rows.append({"set": number} | _fate(seen, found, n_judged, truth, covariances))
    return rows


def set_rows(detections: list[Row], truth: Truth, sets: list[tuple[int, int]]) -> list[Row]:
    """Every set with its false tracklets, false single-frame streaks and length in hours."""
    known = judged(detections, truth)
    matches = match_all(known, truth)
    matched = {id(m.detection) for m in matches}
    false = set(false_tracklets(known, matches))
    cadence_s = truth.facts.get("cadence_s", math.nan)
    rows = []
    for number, (first, n) in enumerate(sets):
        inside = [row for row in known if first <= row["frame"] < first + n]
        ids = {row["tracklet_id"] for row in inside if row["tracklet_id"] >= 0}
        streaks = [row for row in inside if row["tracklet_id"] < 0 and id(row) not in matched]
        rows.append(
            {"set": number, "first_frame": first, "n_frames": n, "hours": n * cadence_s / 3600.0}
            | {"n_tracklets": len(ids), "n_false": len(ids & false), "false_ids": sorted(ids & false)}
            | {"n_false_streaks": len(streaks)}
        )
    return rows


def _fate(seen: list[tuple[int, Row]], found: list[Match], n_judged: int, truth: Truth, covariances: dict[int, Row]) -> Row:
    target = seen[0][1]
    ids = [m.detection["tracklet_id"] for m in found if m.detection["tracklet_id"] >= 0]
    best = max(sorted(set(ids)), key=ids.count, default=-1)
    held = [m for m in found if m.detection["tracklet_id"] == best and best >= 0]
    is_blend = sum("blend" in t["flags"] for _, t in seen) >= 0.5 * len(seen)
    return {
        "id": target["id"],
        "name": target.get("name", str(target["id"])),
        "mag": _mean([t.get("mag", math.nan) for _, t in seen]),
        "snr": math.sqrt(sum(t["snr"] ** 2 for _, t in seen)),
        "rate_px_frame": _rate(seen),
        "streak_px": _mean([t["streak_px"] for _, t in seen]),
        "is_blend": is_blend,
        "is_saturated": any("saturated" in t["flags"] for _, t in seen),
        "is_whole": len(seen) >= WHOLE * n_judged,
        "n_frames": len(seen),
        "tracklet_id": best,
        "n_held": len(held),
        "is_found": len(held) >= 0.5 * len(seen),
        "error_px": _rms([math.hypot(m.along_px, m.across_px) for m in held]),
        "error_arcsec": _rms([_sky_error(m.detection, m.target) for m in held]),
    } | _errors(held, truth.facts, covariances.get(best))


def _errors(held: list[Match], facts: Row, tracklet: Row | None) -> Row:
    """Mean errors and chi-squared of one found target."""
    speeds = [m.target["streak_px"] / facts["exposure_s"] for m in held] if facts.get("exposure_s") else []
    weight = sum(v * v for v in speeds)
    rows = [m.detection | {"target": m.target} for m in held]
    flux = [(r["flux_e"] / r["target"]["electrons"] - 1.0) for r in rows if _has(r, "flux_e") and r["target"].get("electrons")]
    mags = [r["mag"] - r["target"]["mag"] for r in rows if _has(r, "mag") and "mag" in r["target"]]
    return {
        "along_px": _mean([m.along_px for m in held]),
        "across_px": _mean([m.across_px for m in held]),
        "chi2_position": _mean([position_chi2(m) for m in held]),
        "chi2_sky": _mean([_sky_chi2(m) for m in held]),
        "flux_error": _mean(flux),
        "chi2_flux": _mean([_chi2(r, "flux_e", "electrons", "sigma_flux_e") for r in rows]),
        "mag_error": _mean(mags),
        "chi2_mag": _mean([_chi2(r, "mag", "mag", "sigma_mag") for r in rows]),
        "time_error_s": sum(m.along_px * v for m, v in zip(held, speeds, strict=False)) / weight if weight else math.nan,
        "time_weight": weight,
    } | _rate_errors(held, tracklet)  # fmt: skip


def _rate_errors(held: list[Match], tracklet: Row | None) -> Row:
    """Slope of the position error over time [px/frame], and its chi-squared against the tracklet's claimed rate."""
    if len(held) < 3 or tracklet is None:
        return {"rate_error_px_frame": math.nan, "chi2_rate": math.nan}
    t = np.array([m.frame for m in held], float)
    t -= t.mean()
    errors = np.array([[m.detection["x_px"] - m.target["x"], m.detection["y_px"] - m.target["y"]] for m in held])
    slope = (t[:, None] * errors).sum(axis=0) / (t * t).sum()
    claimed = np.array([tracklet["cov_uu"], tracklet["cov_vv"]])
    chi2 = float(0.5 * (slope**2 / claimed).sum()) if (claimed > 0).all() else math.nan
    return {"rate_error_px_frame": float(np.hypot(*slope)), "chi2_rate": chi2}


def position_chi2(match: Match) -> float:
    """Half the squared position error over the claimed sigmas: one for honest ones, on average."""
    dx = match.detection["x_px"] - match.target["x"]
    dy = match.detection["y_px"] - match.target["y"]
    sx, sy = (match.detection.get(f"sigma_{axis}_px", math.nan) for axis in "xy")
    return 0.5 * ((dx / sx) ** 2 + (dy / sy) ** 2)


def _sky_chi2(match: Match) -> float:
    row, target = match.detection, match.target
    if "ra_geo" not in target or not _has(row, "sigma_ra_arcsec") or not _has(row, "ra_deg"):
        return math.nan
    turn = (row["ra_deg"] - target["ra_geo"] + 180.0) % 360.0 - 180.0
    east = turn * math.cos(math.radians(target["dec_geo"])) * ARCSEC
    north = (row["dec_deg"] - target["dec_geo"]) * ARCSEC
    return 0.5 * ((east / row["sigma_ra_arcsec"]) ** 2 + (north / row["sigma_dec_arcsec"]) ** 2)


def _chi2(row: Row, measured: str, true: str, sigma: str) -> float:
    if not _has(row, measured) or not _has(row, sigma) or true not in row["target"] or not row[sigma] > 0:
        return math.nan
    return ((row[measured] - row["target"][true]) / row[sigma]) ** 2


def _has(row: Row, key: str) -> bool:
    return key in row and math.isfinite(row[key])


def _rate(seen: list[tuple[int, Row]]) -> float:
    """Speed over the detector [px/frame] of a straight line through the true places; NaN from one frame."""
    t = np.array([k for k, _ in seen], float)
    if len(t) < 2:
        return math.nan
    t -= t.mean()
    places = np.array([[target["x"], target["y"]] for _, target in seen])
    return float(np.hypot(*((t[:, None] * places).sum(axis=0) / (t * t).sum())))


def _sky_error(row: Row, target: Row) -> float:
    """Angle between two directions [arcsec], small ones exactly."""
    if "ra_geo" not in target:
        return math.nan
    a, b, da = math.radians(row["dec_deg"]), math.radians(target["dec_geo"]), math.radians(row["ra_deg"] - target["ra_geo"])
    half = math.sin((a - b) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(da / 2) ** 2
    return math.degrees(2 * math.asin(math.sqrt(half))) * ARCSEC


def _mean(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


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
