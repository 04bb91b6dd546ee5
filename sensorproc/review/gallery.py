"""Image strips of the worst misses and of false tracklets: what the detector had before it, frame by frame and stacked."""

import html
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sensorproc.errors import InputError
from sensorproc.recording import Recording
from sensorproc.scoring.figures.metrics import demanded
from sensorproc.scoring.truth import Row, Truth

HALF_PX = 20
SCALE = 4
MOST_PANELS = 8
GAP_PX = 6
LOW_SIGMA, HIGH_SIGMA = -2.0, 6.0  # black and white, in robust sigmas of the cut-out
Place = tuple[int, float, float]  # frame, x, y


@dataclass(frozen=True)
class Item:
    """Something to show: a title, and where it is in every frame."""

    name: str
    title: str
    places: list[Place]


def worst_misses(rows: list[Row], sets: list[Row], truth: Truth, most: int) -> list[Item]:
    """Demanded targets that were not found, brightest over the set first."""
    missed = sorted((row for row in demanded(rows) if not row["is_found"]), key=lambda row: -row["snr"])
    spans = {row["set"]: range(row["first_frame"], row["first_frame"] + row["n_frames"]) for row in sets}
    items = []
    for k, row in enumerate(missed[:most]):
        title = f"missed: {row['name']}, set {row['set']}, set SNR {row['snr']:.1f}, {row['rate_px_frame']:.2f} px/frame"
        places = [
            (f, t["x"], t["y"]) for f in spans[row["set"]] if f < len(truth) for t in truth.frames[f] if t["id"] == row["id"]
        ]
        items.append(Item(f"miss_{k:02d}", title, places))
    return items


def false_alarms(detections: list[Row], sets: list[Row], most: int) -> list[Item]:
    """False tracklets in order of sets."""
    items = []
    for number, name in [(row["set"], name) for row in sets for name in row["false_ids"]][:most]:
        mine = [row for row in detections if row["tracklet_id"] == name]
        snr = sum(row["snr"] ** 2 for row in mine) ** 0.5
        title = f"false: tracklet {name}, set {number}, summed SNR {snr:.1f}, {len(mine)} frames"
        items.append(Item(f"false_{name:04d}", title, [(row["frame"], row["x_px"], row["y_px"]) for row in mine]))
    return items


def write_gallery(folder: Path, recording: Recording, items: list[Item]) -> list[str]:
    """One PNG per item and ``index.html``; returns frames that could not be read, a line each."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = sorted({frame for item in items for frame, _, _ in item.places})
    cuts: dict[str, list[np.ndarray]] = {item.name: [] for item in items}
    problems = []
    for frame in wanted:  # one frame in memory at a time
        if frame >= len(recording.entries):
            problems.append(f"frame {frame}: not in the recording")
            continue
        try:
            data = recording.entries[frame].frame(frame).data_dn.astype(np.float32)
        except InputError as error:
            problems.append(str(error))
            continue
        for item in items:
            cuts[item.name] += [_cut(data, x, y) for k, x, y in item.places if k == frame]
    body = []
    for item in items:
        if cuts[item.name]:
            cv2.imwrite(str(folder / f"{item.name}.png"), _strip(cuts[item.name]))
            body.append(f'<figure><figcaption>{html.escape(item.title)}</figcaption><img src="{item.name}.png"></figure>')
    shown = "".join(body) or "<p>Nothing was missed and nothing is false.</p>"
    said = f"Up to {MOST_PANELS} frames around the object and, last, the mean of all its frames, moved along with it."
    head = "<!doctype html><meta charset='utf-8'><title>Misses and false alarms</title>"
    style = "<style>body{font:15px system-ui;background:#14171c;color:#d8dee6;margin:2rem}img{image-rendering:pixelated}</style>"
    (folder / "index.html").write_text(f"{head}{style}<h1>Misses and false alarms</h1><p>{said}</p>{shown}\n", "utf-8")
    return problems


def _cut(data: np.ndarray, x: float, y: float) -> np.ndarray:
    """Pixels around the one a place falls into; beyond the detector its edge is repeated."""
    padded = np.pad(data, HALF_PX, "edge")
    i, j = (min(max(round(v), 0), n - 1) for v, n in zip((x, y), data.shape[::-1], strict=True))
    return padded[j : j + 2 * HALF_PX + 1, i : i + 2 * HALF_PX + 1]


def _strip(cuts: list[np.ndarray]) -> np.ndarray:
    chosen = [cuts[k] for k in np.linspace(0, len(cuts) - 1, min(len(cuts), MOST_PANELS)).astype(int)]
    panels = [_panel(cut) for cut in (*chosen, np.mean(cuts, axis=0, dtype=np.float32))]
    gap = np.full((panels[0].shape[0], GAP_PX), 90, np.uint8)
    return np.hstack([part for panel in panels for part in (panel, gap)][:-1])


def stretched(image: np.ndarray, low_sigma: float, high_sigma: float) -> np.ndarray:
    """An image as grey uint8, black and white at so many of its robust sigmas from its median."""
    middle = float(np.median(image))
    sigma = max(1.4826 * float(np.median(np.abs(image - middle))), 1e-3)
    return np.asarray(np.clip(((image - middle) / sigma - low_sigma) / (high_sigma - low_sigma), 0, 1) * 255).astype(np.uint8)


def _panel(cut: np.ndarray) -> np.ndarray:
    """A cut-out stretched by its own noise, with ticks that point at the middle."""
    panel = cv2.resize(stretched(cut, LOW_SIGMA, HIGH_SIGMA), None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
    centre, near, far = panel.shape[0] // 2, 5 * SCALE, 8 * SCALE
    cv2.line(panel, (centre + near, centre), (centre + far, centre), 255, 1)
    cv2.line(panel, (centre, centre + near), (centre, centre + far), 255, 1)
    return panel
