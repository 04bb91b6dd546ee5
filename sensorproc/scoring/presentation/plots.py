"""Completeness along an axis as a self-contained SVG: points with intervals, the fitted limit, and the best search's curve."""

import html
import math

import numpy as np

from sensorproc.scoring.figures.metrics import estimate
from sensorproc.scoring.presentation.reports import AXES, PLAIN_SNR, bins, members
from sensorproc.scoring.presentation.svg import RIGHT, document
from sensorproc.scoring.truth import Row
from sensorproc.theory import pd_search

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 390, 62, 52, 48


def completeness_svg(axis: str, rows: list[Row], stated: str = "") -> str:
    """Completeness with its 95 % intervals against the median of each bin's targets; ``stated`` is the data's marking."""
    title, _ = AXES[axis]
    placed = [(_median([row[axis] for row in members(axis, rows, low, high)]), e) for low, high, e in bins(axis, rows)]
    table = [(x, e) for x, e in placed if math.isfinite(x)]  # targets of unknown SNR have no place on its axis
    top = max([x for x, _ in table], default=1.0) * 1.08 or 1.0

    def px(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * x / top

    def py(y: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * y

    marks = []
    for k in range(6):
        y = k / 5
        marks.append(f'<path d="M{LEFT} {py(y):.1f}H{WIDTH - RIGHT}" stroke="#d5dbe2"/>')
        marks.append(f'<text x="{LEFT - 8}" y="{py(y) + 4:.1f}" text-anchor="end">{y:.1f}</text>')
    step = _step(top)
    for k in range(int(top / step) + 1):
        marks.append(f'<text x="{px(k * step):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{k * step:g}</text>')
    best = _best_search(rows) if axis == "snr" else None
    if best is not None:
        curve = [(x, float(pd_search(np.array(x), best, 4))) for x in np.linspace(0.0, top, 120)]
        path = "L".join(f"{px(x):.1f} {py(y):.1f}" for x, y in curve)
        marks.append(f'<path d="M{path}" fill="none" stroke="#c2571a" stroke-width="1.5" stroke-dasharray="5 3"/>')
        marks.append(f'<text x="{WIDTH - RIGHT}" y="38" text-anchor="end" fill="#c2571a">best search possible</text>')
    for x, e in table:
        marks.append(f'<path d="M{px(x):.1f} {py(e.low):.1f}V{py(e.high):.1f}" stroke="#1b6e8c" stroke-width="2"/>')
        marks.append(f'<circle cx="{px(x):.1f}" cy="{py(e.value):.1f}" r="4.5" fill="#1b6e8c"><title>n = {e.n}</title></circle>')
        marks.append(f'<text x="{px(x) + 7:.1f}" y="{py(e.value) - 7:.1f}" fill="#6b7784" font-size="11">{e.n}</text>')
    said = f"set SNR >= {PLAIN_SNR:g}" if axis != "snr" else _limit(rows)
    marks.append(f'<text x="{LEFT}" y="20">found, share of targets; {said}; figures are n, bars 95 %</text>')
    marks.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{title}</text>')
    if stated:
        marks.append(f'<text x="{LEFT}" y="38" fill="#6b7784" font-size="11">{html.escape(stated)}</text>')
    return document(WIDTH, HEIGHT, marks)


def _best_search(rows: list[Row]) -> float | None:
    """Threshold of the best search possible, if all rows have the same within a tenth of a sigma."""
    known = [row.get("limit_snr", math.nan) for row in rows]
    return _median(known) if known and max(known) - min(known) < 0.1 else None


def _limit(rows: list[Row]) -> str:
    half = estimate("snr_half_found", rows, [])
    return f"half at {half.value:.2f} ({half.low:.2f} to {half.high:.2f})" if not math.isnan(half.value) else "no limit to fit"


def _median(values: list[float]) -> float:
    return float(sorted(values)[len(values) // 2])


def _step(top: float) -> float:
    """A round distance between labels that gives at most ten of them."""
    decade = 10.0 ** math.floor(math.log10(top / 5.0))
    return next(decade * m for m in (1, 2, 5, 10) if top / (decade * m) <= 10)
