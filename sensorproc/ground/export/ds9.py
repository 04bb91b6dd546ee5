"""DS9 region files in image coordinates (1-based), one per frame."""

import math

from sensorproc.conventions import FITS_ORIGIN
from sensorproc.ground.observations import Row


def regions(rows: list[Row], stated: str) -> str:
    """Region text of one frame's detections: circles for points, lines for streaks; ``stated`` is its marking."""
    lines = ["# Region file format: DS9 version 4.1", f"# {stated}", "image"]
    for row in rows:
        x, y = row["x_px"] + FITS_ORIGIN, row["y_px"] + FITS_ORIGIN
        label = f"T{row['tracklet_id']}" if row["tracklet_id"] >= 0 else "single"
        if row["kind"] == "streak":
            half, angle = 0.5 * row["length_px"], math.radians(row["angle_deg"])
            dx, dy = half * math.cos(angle), half * math.sin(angle)
            shape = f"line({x - dx:.3f},{y - dy:.3f},{x + dx:.3f},{y + dy:.3f})"
        else:
            shape = f"circle({x:.3f},{y:.3f},6)"
        lines.append(f"{shape} # text={{{label} {row['snr']:.1f}}}")
    return "\n".join(lines) + "\n"
