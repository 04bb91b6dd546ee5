"""Errors of one found target: in place, rate, time, light and on the sky, and how they compare with the claimed sigmas."""

import math

import numpy as np

from sensorproc.scoring.match import Match
from sensorproc.scoring.truth import Row

ARCSEC = 3600.0


def errors(held: list[Match], facts: Row, tracklet: Row | None) -> Row:
    """Mean errors and chi-squared of one found target."""
    speeds = [m.target["streak_px"] / facts["exposure_s"] for m in held] if facts.get("exposure_s") else []
    weight = sum(v * v for v in speeds)
    rows = [m.detection | {"target": m.target} for m in held]
    flux = [(r["flux_e"] / r["target"]["electrons"] - 1.0) for r in rows if _has(r, "flux_e") and r["target"].get("electrons")]
    mags = [r["mag"] - r["target"]["mag"] for r in rows if _has(r, "mag") and "mag" in r["target"]]
    return {
        "along_px": mean([m.along_px for m in held]),
        "across_px": mean([m.across_px for m in held]),
        "chi2_position": mean([position_chi2(m) for m in held]),
        "chi2_sky": mean([_sky_chi2(m) for m in held]),
        "flux_error": mean(flux),
        "chi2_flux": mean([_chi2(r, "flux_e", "electrons", "sigma_flux_e") for r in rows]),
        "mag_error": mean_magnitude(mags),
        "chi2_mag": mean([_chi2(r, "mag", "mag", "sigma_mag") for r in rows]),
        "time_error_s": sum(m.along_px * v for m, v in zip(held, speeds, strict=False)) / weight if weight else math.nan,
        "time_weight": weight,
    } | _rate_errors(held, tracklet)  # fmt: skip


def mean_magnitude(mags: list[float]) -> float:
    """Magnitude of the mean light: the mean of faint measurements' logarithms is biased by their noise."""
    return -2.5 * math.log10(mean([10.0 ** (-0.4 * mag) for mag in mags])) if mags else math.nan


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


def sky_error(row: Row, target: Row) -> float:
    """Angle between two directions [arcsec], small ones exactly."""
    if "ra_geo" not in target:
        return math.nan
    a, b, da = math.radians(row["dec_deg"]), math.radians(target["dec_geo"]), math.radians(row["ra_deg"] - target["ra_geo"])
    half = math.sin((a - b) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(da / 2) ** 2
    return math.degrees(2 * math.asin(math.sqrt(half))) * ARCSEC


def mean(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


def rms(values: list[float]) -> float:
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else math.nan
