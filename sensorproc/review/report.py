"""``report.html``: one file, no network, no script: the stack with what was found on it, the frames, the tracklets."""

import base64
import html
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from sensorproc.ground.observations import Row
from sensorproc.processing import Outcome
from sensorproc.review.style import STYLE
from sensorproc.review.view import SetView, SetViews

MAX_WIDTH_PX = 1200
COLOURS = ("#35d0ba", "#ffb454", "#7aa2f7", "#f7768e", "#9ece6a", "#bb9af7", "#e0af68", "#7dcfff")


def write_report(path: Path, title: str, outcome: Outcome, views: SetViews, sections: Sequence[str] = ()) -> None:
    """Write the page of a finished run and what was seen of its sets; ``sections`` are HTML that goes above them."""
    tables = outcome.decoded.tables
    streaks = [row for row in tables["detections"] if row["tracklet_id"] < 0]
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p class='lead'>{outcome.n_frames} frames, {outcome.n_processed} processed, {len(tables['tracklets'])} tracklets,"
        f" {len(streaks)} single-frame streaks.</p>",
        f"<p class='note'>{html.escape(str(outcome.decoded.stated))}</p>",
    ]
    parts += sections
    for k, view in sorted(views.by_set.items()):
        parts.append(f"<h2>Frame set {k}</h2>")
        parts.append(_figure(view, tables["detections"], tables["tracklets"]))
        parts.append(f"<p class='note'>{_set_line(tables['housekeeping'], k)}</p>")
    if views.n_more:
        parts.append(f"<p class='note'>{views.n_more} more frame sets are in the tables, but not drawn.</p>")
    parts += ["<h2>Tracklets</h2>", _tracklets(tables["tracklets"])]
    parts += ["<h2>Signal-to-noise ratio of detections</h2>", _histogram([row["snr"] for row in tables["detections"]])]
    parts += ["<h2>Frames</h2>", _frames(tables["frames"])]
    if tables["events"]:
        parts += ["<h2>Events</h2>", _table(tables["events"], ["time_utc", "severity", "event", "frame", "value_1", "value_2"])]
    notes = [*outcome.problems, *outcome.decoded.notes]
    if notes:
        parts += ["<h2>Notes</h2>", "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in notes) + "</ul>"]
    body = "\n".join(parts)
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{html.escape(title)}</title>"
    path.write_text(
        f"<!doctype html><html lang='en'><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>\n", "utf-8"
    )


def _figure(view: SetView | None, detections: list[Row], tracklets: list[Row]) -> str:
    if view is None:
        return "<p class='note'>No frame of this set could be used.</p>"
    ny, nx = view.grey.shape
    scale = min(1.0, MAX_WIDTH_PX / nx)
    shapes = []
    ids = [t["tracklet_id"] for t in tracklets if t["epoch_frame"] in view.transforms and t["detector"] == view.detector]
    for n, tracklet_id in enumerate(ids):
        rows = [r for r in detections if r["tracklet_id"] == tracklet_id and view.shows(r)]
        places = [view.place(row, row["x_px"], row["y_px"], scale) for row in rows]
        shapes += _track_shapes(places, COLOURS[n % len(COLOURS)], f"T{tracklet_id}")
    for row in detections:
        if row["tracklet_id"] < 0 and view.shows(row):
            shapes += _streak_shape(view, row, scale)
    width, height = round(nx * scale), round(ny * scale)
    image = f"<image href='data:image/png;base64,{_png(view.grey, width, height)}' width='{width}' height='{height}'/>"
    return f"<svg viewBox='0 0 {width} {height}' role='img'>{image}{''.join(shapes)}</svg>"


def _track_shapes(places: list[tuple[float, float]], colour: str, label: str) -> list[str]:
    if not places:
        return []
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    shapes = [f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-opacity='.6'/>"]
    shapes += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6' fill='none' stroke='{colour}'/>" for x, y in places]
    x, y = places[-1]
    return [*shapes, f"<text x='{x + 10:.1f}' y='{y - 8:.1f}' fill='{colour}'>{label}</text>"]


def _streak_shape(view: SetView, row: Row, scale: float) -> list[str]:
    angle, half = math.radians(row["angle_deg"]), 0.5 * row["length_px"]
    dx, dy = half * math.cos(angle), half * math.sin(angle)
    x0, y0 = view.place(row, row["x_px"] - dx, row["y_px"] - dy, scale)
    x1, y1 = view.place(row, row["x_px"] + dx, row["y_px"] + dy, scale)
    nx, ny = -(y1 - y0), x1 - x0
    size = max(math.hypot(nx, ny), 1.0)
    nx, ny = 7 * nx / size, 7 * ny / size
    corners = [(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    label = f"<text x='{x1 + 10:.1f}' y='{y1:.1f}' fill='#e6e6e6'>frame {row['frame']}</text>"
    return [f"<polygon points='{points}' fill='none' stroke='#e6e6e6' stroke-dasharray='5 4'/>", label]


def _png(grey: np.ndarray, width: int, height: int) -> str:
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    ok, data = cv2.imencode(".png", small, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    assert ok
    return base64.b64encode(data.tobytes()).decode()


def _set_line(housekeeping: list[Row], k: int) -> str:
    row = next((r for r in housekeeping if r["set_id"] == k), None)
    if row is None:
        return ""
    raised = f", raised above theory by {row['n_null']} tracks of the sign-reversed search" if row["n_null"] else ""
    return (
        f"Median of {row['n_processed']} registered frames, with the brightest residual of each pixel. Tracklet threshold SNR"
        f" {row['threshold_snr']:.2f} for {row['expected_false_alarms']:g} expected false alarms{raised};"
        f" {row['n_velocities']} velocities, {row['n_candidates']} candidates."
    )


def _tracklets(rows: list[Row]) -> str:
    if not rows:
        return "<p class='note'>None.</p>"
    columns = ["tracklet_id", "n_frames", "first_frame", "last_frame", "x_px", "y_px", "vx_px_frame", "vy_px_frame", "snr", "mag",
               "sigma_mag", "origin", "flags"]  # fmt: skip
    return _table(rows, columns)


def _frames(rows: list[Row]) -> str:
    columns = ["frame", "time_utc", "status", "sky", "ra_deg", "dec_deg", "sigma_arcsec", "n_stars", "n_registered",
               "registration_rms_px", "zeropoint_mag", "background_e", "noise_e", "n_outliers", "psf_fwhm_px"]  # fmt: skip
    return _table(rows, columns)


def figure_table(rows: list[Row]) -> str:
    """Rows of one form as an HTML table under their own keys."""
    return _table(rows, list(rows[0])) if rows else "<p class='note'>None.</p>"


def _table(rows: list[Row], columns: list[str]) -> str:
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row[name], name)}</td>" for name in columns) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cell(value: object, name: str) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "&ndash;"
        return f"{value:.5f}" if name in ("ra_deg", "dec_deg") else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return html.escape(str(value).replace("|", " "))


def _histogram(snrs: list[float]) -> str:
    if not snrs:
        return "<p class='note'>No detections.</p>"
    edges = [0, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, math.inf]
    counts = [sum(a <= max(s, 0.0) < b for s in snrs) for a, b in zip(edges, edges[1:], strict=False)]
    top, bars = max(counts), []
    for i, count in enumerate(counts):
        height = 120 * count / top
        label = f"{edges[i]:g}+" if math.isinf(edges[i + 1]) else f"{edges[i]:g}"
        bars.append(f"<rect x='{20 + 50 * i}' y='{140 - height:.1f}' width='40' height='{height:.1f}' rx='2'/>")
        bars.append(f"<text x='{40 + 50 * i}' y='158' text-anchor='middle'>{label}</text>")
        if count:
            bars.append(f"<text x='{40 + 50 * i}' y='{134 - height:.1f}' text-anchor='middle'>{count}</text>")
    return f"<svg class='bars' viewBox='0 0 680 165' role='img'>{''.join(bars)}</svg>"
