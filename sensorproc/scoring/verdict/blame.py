"""Whom a failed gate is about: the targets or sets that weigh most against its figure, by name."""

import math
from collections.abc import Callable

from sensorproc.scoring.figures.metrics import OF_SETS, demanded, select
from sensorproc.scoring.truth import Row
from sensorproc.scoring.verdict.gates import Gate

MOST_NAMED = 8
# What of a target found a figure is made of; of the others (completeness, limits) those that were missed count.
PART_OF: dict[str, str] = {
    "position_rms_px": "error_px", "position_chi2": "chi2_position", "along_bias_px": "along_px", "across_bias_px": "across_px",
    "sky_rms_arcsec": "error_arcsec", "sky_chi2": "chi2_sky", "rate_rms_px_frame": "rate_error_px_frame",
    "rate_chi2": "chi2_rate", "flux_bias": "flux_error", "flux_rms": "flux_error", "flux_chi2": "chi2_flux",
    "mag_bias": "mag_error", "mag_rms": "mag_error", "mag_chi2": "chi2_mag", "time_bias_s": "time_error_s",
}  # fmt: skip


def blamed(gate: Gate, rows: list[Row], sets: list[Row]) -> list[str]:
    """Targets, or sets, by name, worst first and no more than a few."""
    if gate.metric in OF_SETS:
        false = [(row, row["n_false"] + row["n_false_streaks"]) for row in select(sets, gate.where)]
        return _named(
            false, lambda row, n: f"{_place(row)}: {row['n_false']} false tracklets, {row['n_false_streaks']} false streaks"
        )
    known = demanded(select(rows, gate.where))
    if gate.metric in PART_OF:
        key = PART_OF[gate.metric]
        errors = [(row, abs(row[key])) for row in known if row["is_found"] and math.isfinite(row[key])]
        return _named(errors, lambda row, _: f"{_place(row)} {row['name']} ({key} {row[key]:.3g})")
    missed = [(row, row["snr"]) for row in known if not row["is_found"]]
    return _named(missed, lambda row, snr: f"{_place(row)} {row['name']} (missed, set SNR {snr:.1f})")


def _named(weighed: list[tuple[Row, float]], name: Callable[[Row, float], str]) -> list[str]:
    heaviest = sorted((one for one in weighed if one[1] > 0), key=lambda one: -one[1])
    more = len(heaviest) - MOST_NAMED
    return [name(*one) for one in heaviest[:MOST_NAMED]] + ([f"and {more} more"] if more > 0 else [])


def _place(row: Row) -> str:
    """Case, sky and set of a row."""
    sky = f" sky {row['seed']}" if "seed" in row else ""
    return f"{row.get('case', '')}{sky} set {row['set']}".strip()
