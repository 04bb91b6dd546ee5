"""Quality against work as a self-contained SVG: what every rung of a payload loses, against the time its sets take on a board."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sensorproc.scoring.presentation.svg import RIGHT, document

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 430, 62, 56, 44
COLOURS = ("#1b6e8c", "#c2571a", "#5a8f29", "#7b4fa3", "#8a6d1c", "#a33b5c")
LEAST, MOST = 0.1, 30.0  # of the time between two sets


@dataclass(frozen=True)
class Place:
    """What a rung loses [dB] and the part of the time between two sets that it takes on a board."""

    board: str
    rung: str
    loss_db: float
    load: float


def pareto_svg(places: Sequence[Place]) -> str:
    """Loss against load, a line for every board through those of its rungs that no other beats in both."""
    top = max(place.loss_db for place in places) * 1.15

    def px(load: float) -> float:
        part = math.log(min(max(load, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
        return LEFT + (WIDTH - LEFT - RIGHT) * part

    def py(loss_db: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * loss_db / top

    fits = f'<path d="M{LEFT} {TOP}H{px(1.0):.1f}V{HEIGHT - BOTTOM}H{LEFT}Z" fill="#eef5ee"/>'
    marks = [fits, f'<text x="{px(1.0) - 6:.1f}" y="{TOP + 16}" text-anchor="end" fill="#5a8f29">keeps up</text>']
    for load in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0):
        x, y = px(load), HEIGHT - BOTTOM
        marks.append(f'<path d="M{x:.1f} {TOP}V{y}" stroke="#d5dbe2"/>')
        marks.append(f'<text x="{x:.1f}" y="{y + 18}" text-anchor="middle">{100 * load:g} %</text>')
    for k in range(int(top) + 1):
        marks.append(f'<path d="M{LEFT} {py(k):.1f}H{WIDTH - RIGHT}" stroke="#d5dbe2"/>')
        marks.append(f'<text x="{LEFT - 8}" y="{py(k) + 4:.1f}" text-anchor="end">{k}</text>')
    boards = list(dict.fromkeys(place.board for place in places))
    for n, board in enumerate(boards):
        marks += _board([place for place in places if place.board == board], COLOURS[n % len(COLOURS)], n, px, py)
    for place in (place for place in places if place.board == boards[-1]):
        if not any(_beats(other, place) for other in places if other.board == place.board):
            marks.append(f'<text x="{px(place.load) + 10:.1f}" y="{py(place.loss_db) + 14:.1f}">{place.rung}</text>')
    marks.append(f'<text x="{LEFT}" y="20">SNR lost [dB] against a perfect search</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    marks.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">time of a set, of that between two</text>')
    return document(WIDTH, HEIGHT, marks)


def _board(places: Sequence[Place], colour: str, n: int, px, py) -> list[str]:  # type: ignore[no-untyped-def]
    best = [place for place in places if not any(_beats(other, place) for other in places)]
    line = "L".join(f"{px(place.load):.1f} {py(place.loss_db):.1f}" for place in sorted(best, key=lambda place: place.load))
    marks = [f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>']
    for place in places:
        filled = colour if place in best else "white"
        title = f"<title>{place.board}, {place.rung}: {place.loss_db:.2f} dB, {100 * place.load:.0f} %</title>"
        at = f'cx="{px(place.load):.1f}" cy="{py(place.loss_db):.1f}"'
        marks.append(f'<circle {at} r="4.5" fill="{filled}" stroke="{colour}" stroke-width="1.5">{title}</circle>')
    x = WIDTH - RIGHT - 4
    return [*marks, f'<text x="{x}" y="{TOP + 16 + 17 * n}" text-anchor="end" fill="{colour}">{places[0].board}</text>']


def _beats(one: Place, other: Place) -> bool:
    """No worse in both, and not the same."""
    no_worse = one.load <= other.load and one.loss_db <= other.loss_db
    return no_worse and (one.load, one.loss_db) != (other.load, other.loss_db)
