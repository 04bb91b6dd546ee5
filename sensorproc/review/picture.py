"""One picture of a frame set: the stack, and every tracklet and streak drawn on it."""

from pathlib import Path

import cv2
import numpy as np

from sensorproc.ground.observations import Row
from sensorproc.review.report import COLOURS
from sensorproc.review.view import SetView

WIDTH_PX = 900
MARGIN_PX = 60  # around what was found
FINE = 4  # bits of sub-pixel drawing
JPEG_QUALITY = 88


def write_picture(path: Path, view: SetView, detections: list[Row], stated: str) -> None:
    """JPEG of a set's stack with its tracklets, cut to where they are, and its marking."""
    tracks: dict[int, list[tuple[float, float]]] = {}
    for row in detections:
        if row["tracklet_id"] >= 0 and view.shows(row):
            tracks.setdefault(row["tracklet_id"], []).append(view.place(row, row["x_px"], row["y_px"], 1.0))
    x0, y0, x1, y1 = _window(tracks, view.grey.shape)
    scale = WIDTH_PX / (x1 - x0)
    size = (WIDTH_PX, round((y1 - y0) * scale))
    grey = cv2.resize(view.grey[y0:y1, x0:x1], size, interpolation=cv2.INTER_CUBIC)
    image = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    for n, track in enumerate(tracks[i] for i in sorted(tracks)):
        _draw(image, [((x - x0) * scale, (y - y0) * scale) for x, y in track], COLOURS[n % len(COLOURS)])
    place = (8, image.shape[0] - 10)
    cv2.putText(image, stated, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert ok
    path.write_bytes(data.tobytes())


def _window(tracks: dict[int, list[tuple[float, float]]], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Part of the stack that holds every track, as columns and rows."""
    places = np.array([place for track in tracks.values() for place in track] or [(0.0, 0.0), (float(shape[1]), float(shape[0]))])
    low = np.maximum(np.floor(places.min(axis=0)) - MARGIN_PX, 0).astype(int)
    high = np.minimum(np.ceil(places.max(axis=0)) + MARGIN_PX, [shape[1], shape[0]]).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _draw(image: np.ndarray, track: list[tuple[float, float]], colour: str) -> None:
    bgr = tuple(int(colour[i : i + 2], 16) for i in (5, 3, 1))
    points = np.rint(np.array(track) * (1 << FINE)).astype(np.int32)
    cv2.polylines(image, [points], False, bgr, 1, cv2.LINE_AA, FINE)
    for x, y in points:
        cv2.circle(image, (int(x), int(y)), 7 << FINE, bgr, 1, cv2.LINE_AA, FINE)
