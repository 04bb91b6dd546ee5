"""Whether claimed false-alarm rates are true: false tracks seen a set against the number claimed, as a self-contained SVG."""

import math
from collections.abc import Mapping

from sensorproc.scoring.figures.intervals import poisson_interval
from sensorproc.scoring.presentation.svg import RIGHT, document
from sensorproc.scoring.truth import Row

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 560, 430, 70, 54, 46
LOW, HIGH = 0.02, 3.0  # false tracks a set
CLAIMS = (0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
COLOURS = ("#1b6e8c", "#c2571a", "#5b7f2b", "#7a4a94")


def reliability_svg(sets: Mapping[str, list[Row]]) -> str:
    """For named groups of empty sets that report down to one expected false alarm: how many claim at most so many.

    The grey band is a factor of two; bars are 95 % Poisson intervals.
    """

    def px(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / LOW) / math.log(HIGH / LOW)

    def py(y: float) -> float:
        inside = min(max(y, LOW), HIGH)
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * math.log(inside / LOW) / math.log(HIGH / LOW)

    corners = (LOW, 2 * LOW), (HIGH / 2, HIGH), (HIGH, HIGH), (HIGH, HIGH / 2), (2 * LOW, LOW), (LOW, LOW)
    band = "L".join(f"{px(x):.1f} {py(y):.1f}" for x, y in corners)
    marks = [f'<path d="M{band}Z" fill="#eef1f4"/><path d="M{px(LOW)} {py(LOW)}L{px(HIGH)} {py(HIGH)}" stroke="#28313b"/>']
    for value in (0.03, 0.1, 0.3, 1.0, 3.0):
        marks.append(f'<text x="{px(value):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:g}</text>')
        marks.append(f'<text x="{LEFT - 8}" y="{py(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for n, (name, rows) in enumerate(sets.items()):
        colour, shift = COLOURS[n % len(COLOURS)], 5.0 * (n - 0.5 * (len(sets) - 1))
        marks.append(f'<text x="{LEFT + 12}" y="{TOP + 18 + 17 * n}" fill="{colour}">{name}, {len(rows)} sets</text>')
        for claim in CLAIMS:
            count = sum(value <= math.log10(claim) for row in rows for value in row.get("false_log10_pfa", ()))
            low, high = (bound / max(len(rows), 1) for bound in poisson_interval(count))
            x, y = px(claim) + shift, py(count / max(len(rows), 1))
            marks.append(f'<path d="M{x:.1f} {py(low):.1f}V{py(high):.1f}" stroke="{colour}" stroke-width="2"/>')
            marks.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{count} of {len(rows)}</title></circle>'
            )
    marks.append(f'<text x="{LEFT}" y="22">false tracks a set, seen</text>')
    marks.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">claimed: 10^log10_pfa and less</text>'
    )
    return document(WIDTH, HEIGHT, marks)
