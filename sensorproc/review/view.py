"""What a picture of a frame set needs, taken when the set is done: its pixels, fifty times as many bytes, need not be kept."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from sensorproc.geometry import to_binned_px
from sensorproc.ground.observations import Row
from sensorproc.onboard.products import Processed, Transform
from sensorproc.onboard.stars.static_sky import deep_image

MOST_DRAWN = 100  # sets; a page of more is none that a browser opens


@dataclass(frozen=True, eq=False)
class SetView:
    """A set's mean sky with the largest residual of every pixel, ``grey`` (ny, nx) uint8 in the reference frame's pixels as read
    out, ``binning`` of the detector's each way, and how pixels of its frames, by index, lie on it."""

    detector: int
    transforms: dict[int, Transform]
    grey: np.ndarray
    binning: int = 1

    @classmethod
    def of(cls, processed: Processed) -> "SetView":
        """Of a set of which a frame could be used."""
        first = processed.residuals[0].facts
        transforms = {r.facts.index: r.registration.transform for r in processed.residuals}
        light = np.maximum(deep_image(processed.residuals), _moving_light(processed))
        return cls(processed.detector, transforms, stretched(light), first.binning)

    def shows(self, row: Row) -> bool:
        """Whether a detection is one of this set's."""
        return row["frame"] in self.transforms and row["detector"] == self.detector

    def place(self, row: Row, x: float, y: float, scale: float) -> tuple[float, float]:
        """Where a detector pixel of a row's frame lies in the picture."""
        x_out, y_out = (np.float64(to_binned_px(place, self.binning)) for place in (x, y))
        u, v = self.transforms[row["frame"]].to_registered(x_out, y_out)
        return (float(u) + 0.5) * scale, (float(v) + 0.5) * scale


@dataclass
class SetViews:
    """Views of a run's first sets by number; None for a set of which no frame could be used."""

    by_set: dict[int, SetView | None] = field(default_factory=dict)
    n_more: int = 0

    def __call__(self, set_id: int, processed: Processed) -> None:
        """Look at a set that is done."""
        if len(self.by_set) == MOST_DRAWN:
            self.n_more += 1
            return
        self.by_set[set_id] = SetView.of(processed) if processed.residuals else None


def _moving_light(processed: Processed) -> np.ndarray:
    """Largest residual of the set in each pixel, in the reference frame: shows movers as strings of beads."""
    best: np.ndarray | None = None
    for residual in processed.residuals:
        ny, nx = residual.image_e.shape
        clean = np.where(residual.weight > 0, residual.image_e, np.float32(0.0))
        place = residual.registration
        matrix = np.array(place.transform.matrix)
        moved = cv2.warpPerspective(clean, matrix, (nx, ny), flags=cv2.INTER_LINEAR)
        best = moved if best is None else np.maximum(best, moved)
    assert best is not None
    return best


def stretched(image: np.ndarray) -> np.ndarray:
    """Grey levels (ny, nx) uint8 that show faint and bright."""
    low, high = np.percentile(image, [20.0, 99.7])
    curve = np.arcsinh(np.clip((image - low) / max(high - low, 1e-6), 0.0, 1.0) * 8.0) / np.arcsinh(8.0)
    return np.rint(curve.astype(np.float32) * 255).astype(np.uint8)
