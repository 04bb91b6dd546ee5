"""Figures of merit over fates: each by name, on the rows a condition selects, with its interval.

Proportions have Wilson intervals and counts Poisson's, each widened to a bootstrap over sets where that is wider; means
have the bootstrap alone: the targets of one set share its plate solution, its threshold and its noise.
"""

import math
from collections.abc import Callable

import numpy as np

from sensorproc.scoring.figures.cases import median_loss_db, most_false, worst_loss_db
from sensorproc.scoring.figures.intervals import Estimate, bootstrap_ratio, poisson_interval, widened, wilson
from sensorproc.scoring.figures.limits import half_found, search_loss
from sensorproc.scoring.truth import Row

Rows = list[Row]
Metric = Callable[[Rows, Rows, float], Estimate]
HEAVIEST = 25.0  # a chi-squared counts no more than this, 5 sigma: one wrong match must not decide for all


def demanded(rows: Rows) -> Rows:
    """Targets that count: clear of the edge in at least half of the set."""
    return [row for row in rows if row["is_whole"]]


def select(rows: Rows, where: Row) -> Rows:
    """Rows that meet all conditions: a pair of numbers is a half-open range, a list of texts a choice, else equality."""
    return [row for row in rows if all(_meets(row.get(key), wanted) for key, wanted in where.items())]


def _meets(value: object, wanted: object) -> bool:
    if isinstance(wanted, (list, tuple)) and len(wanted) == 2 and not any(isinstance(w, str) for w in wanted):
        return isinstance(value, (int, float)) and (wanted[0] <= value < wanted[1] or value == wanted[1] == math.inf)
    return value in wanted if isinstance(wanted, (list, tuple)) else value == wanted


def groups_of(rows: Rows) -> list[tuple]:
    """The set each target is of."""
    return [(row.get("case"), row.get("seed"), row["set"]) for row in rows]


def _known(rows: Rows, key: str) -> Rows:
    return [row for row in rows if row["is_found"] and math.isfinite(row[key])]


def completeness(rows: Rows, sets: Rows, confidence: float) -> Estimate:
    """Share of demanded targets found, each counted once per set."""
    found, n = np.array([float(row["is_found"]) for row in rows]), len(rows)
    if not n:
        return Estimate(math.nan, 0.0, 1.0, 0)
    exact = Estimate(float(found.mean()), *wilson(int(found.sum()), n, confidence), n)
    return widened(exact, found, np.ones(n), groups_of(rows), confidence)


def _count(key: str, per: str | None) -> Metric:
    def metric(rows: Rows, sets: Rows, confidence: float) -> Estimate:
        counts = np.array([float(row[key]) for row in sets])
        sizes = np.array([float(row[per] if per else 1) for row in sets])
        size = float(sizes.sum())
        if not size > 0:
            return Estimate(math.nan, 0.0, math.inf, 0)
        low, high = poisson_interval(int(counts.sum()), confidence)
        exact = Estimate(float(counts.sum()) / size, low / size, high / size, len(sets))
        return widened(exact, counts, sizes, groups_of(sets), confidence)

    return metric


def _mean(key: str, most: float = math.inf) -> Metric:
    def metric(rows: Rows, sets: Rows, confidence: float) -> Estimate:
        known = _known(rows, key)
        values = np.array([min(row[key], most) for row in known])
        return bootstrap_ratio(values, np.ones_like(values), groups_of(known), confidence)

    return metric


def _rms(key: str) -> Metric:
    def metric(rows: Rows, sets: Rows, confidence: float) -> Estimate:
        known = _known(rows, key)
        values = np.array([row[key] ** 2 for row in known])
        squared = bootstrap_ratio(values, np.ones_like(values), groups_of(known), confidence)
        low, high = (math.sqrt(v) if v >= 0 else v for v in (squared.low, squared.high))
        return Estimate(math.sqrt(squared.value), low, high, squared.n)

    return metric


def _mean_of_sets(key: str) -> Metric:
    def metric(rows: Rows, sets: Rows, confidence: float) -> Estimate:
        known = [row for row in sets if math.isfinite(row.get(key, math.nan))]
        values = np.array([row[key] for row in known])
        return bootstrap_ratio(values, np.ones_like(values), groups_of(known), confidence)

    return metric


def time_bias(rows: Rows, sets: Rows, confidence: float) -> Estimate:
    """Mean error of the time tag [s]: the error along the motion over the speed, weighted by what each target tells."""
    known = [row for row in rows if row["is_found"] and row["time_weight"] > 0]
    weight = np.array([row["time_weight"] for row in known])
    return bootstrap_ratio(np.array([row["time_error_s"] for row in known]) * weight, weight, groups_of(known), confidence)


def _calibration(expected: float) -> Metric:
    """False tracklets that claim at most ``expected`` false alarms a set, over those: 1 if claims are true. It needs runs that
    report down to there."""

    def metric(rows: Rows, sets: Rows, confidence: float) -> Estimate:
        known = [row for row in sets if "false_log10_pfa" in row]
        if not known:
            return Estimate(math.nan, 0.0, math.inf, 0)
        counts = np.array([float(sum(claim <= math.log10(expected) for claim in row["false_log10_pfa"])) for row in known])
        sizes = np.full(len(known), expected)
        low, high = poisson_interval(int(counts.sum()), confidence)
        exact = Estimate(float(counts.sum() / sizes.sum()), low / sizes.sum(), high / sizes.sum(), len(known))
        return widened(exact, counts, sizes, groups_of(known), confidence)

    return metric


def nulls_over_expected(rows: Rows, sets: Rows, confidence: float) -> Estimate:
    """False tracks that the payload's own null searches have found, over those that it expects of them."""
    known = [row for row in sets if row.get("null_expected", 0.0) > 0]
    found, expected = sum(row["null_found"] for row in known), sum(row["null_expected"] for row in known)
    if not expected:
        return Estimate(math.nan, 0.0, math.inf, 0)
    low, high = poisson_interval(int(found), confidence)
    exact = Estimate(found / expected, low / expected, high / expected, len(known))
    counts, sizes = (np.array([float(row[key]) for row in known]) for key in ("null_found", "null_expected"))
    return widened(exact, counts, sizes, groups_of(known), confidence)


def purity(rows: Rows, sets: Rows, confidence: float) -> Estimate:
    """Share of tracklets that are no false ones."""
    n = sum(row["n_tracklets"] for row in sets)
    good = n - sum(row["n_false"] for row in sets)
    return Estimate(good / n if n else math.nan, *wilson(good, n, confidence), n)


def _half(key: str, rises: bool) -> Metric:
    def metric(rows: Rows, sets: Rows, confidence: float) -> Estimate:
        known = [row for row in rows if math.isfinite(row[key])]
        return half_found(np.array([row[key] for row in known]), np.array([row["is_found"] for row in known]), rises, confidence)

    return metric


def loss_db(rows: Rows, sets: Rows, confidence: float) -> Estimate:
    """SNR lost against the best search possible (:func:`sensorproc.scoring.figures.limits.search_loss`)."""
    known = [row for row in rows if math.isfinite(row["snr"]) and math.isfinite(row.get("limit_snr", math.nan))]
    rho, limit = (np.array([row[key] for row in known]) for key in ("snr", "limit_snr"))
    return search_loss(rho, np.array([row["is_found"] for row in known]), limit, confidence)


OF_BOTH = ("case", "seed", "set", "preset", "hits_per_frame", "stars_per_mpix", "n_frames")
OF_TARGETS = (
    *OF_BOTH, "id", "name", "snr", "mag", "rate_px_frame", "star_rate_px_frame", "streak_px", "is_blend", "is_saturated",
)  # to select by  # fmt: skip
OF_SETS = (  # figures of sets alone
    "purity", "false_tracklets_per_set", "false_tracklets_per_hour", "most_false_tracklets", "false_streaks_per_frame",
    "false_alarms_over_expected", "false_alarms_over_expected_0.3", "false_alarms_over_expected_0.1",
    "frames_used", "time_tag_bias_s", "exposure_bias", "noise_bias", "nulls_over_expected",
)  # fmt: skip
METRICS: dict[str, Metric] = {
    "completeness": completeness,
    "purity": purity,
    "false_tracklets_per_set": _count("n_false", None),
    "false_tracklets_per_hour": _count("n_false", "hours"),
    "most_false_tracklets": most_false,
    "false_alarms_over_expected": _calibration(1.0),
    "false_alarms_over_expected_0.3": _calibration(0.3),
    "false_alarms_over_expected_0.1": _calibration(0.1),
    "false_streaks_per_frame": _count("n_false_streaks", "n_frames"),
    "snr_half_found": _half("snr", True),
    "mag_half_found": _half("mag", False),
    "loss_db": loss_db,
    "loss_db_median_case": median_loss_db,
    "loss_db_worst_case": worst_loss_db,
    "position_rms_px": _rms("error_px"),
    "along_bias_px": _mean("along_px"),
    "across_bias_px": _mean("across_px"),
    "position_chi2": _mean("chi2_position", HEAVIEST),
    "sky_rms_arcsec": _rms("error_arcsec"),
    "sky_chi2": _mean("chi2_sky", HEAVIEST),
    "rate_rms_px_frame": _rms("rate_error_px_frame"),
    "rate_chi2": _mean("chi2_rate", HEAVIEST),
    "flux_bias": _mean("flux_error"),
    "flux_rms": _rms("flux_error"),
    "flux_chi2": _mean("chi2_flux", HEAVIEST),
    "mag_bias": _mean("mag_error"),
    "mag_rms": _rms("mag_error"),
    "mag_chi2": _mean("chi2_mag", HEAVIEST),
    "time_bias_s": time_bias,
    "frames_used": _mean_of_sets("frames_used"),
    "time_tag_bias_s": _mean_of_sets("late_s"),
    "exposure_bias": _mean_of_sets("longer"),
    "noise_bias": _mean_of_sets("noisier"),
    "nulls_over_expected": nulls_over_expected,
}


def estimate(metric: str, rows: Rows, sets: Rows, confidence: float = 0.95) -> Estimate:
    """One figure of the demanded targets among the given rows."""
    return METRICS[metric](demanded(rows), sets, confidence)
