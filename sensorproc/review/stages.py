"""What a set's processing went through, kept on the ground as one FITS file per set: images in a viewer, tables anywhere.

``RESIDUAL`` electrons above everything known, ``SIGMA`` their noise (0 where not searched), ``FLAGS`` and ``STARS`` (the
light taken out) are cubes of the set's frames; ``CANDIDATES`` what was found before any test, ``TRACKS`` what passed them,
``BOXES`` the centres of the velocities searched. Places [px] and rates [px/frame] are of the registered plane, whose axes
are those of the reference frame and whose time is counted from its middle in cadences (``FRAMES``).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from sensorproc.onboard.products import Candidate, Processed
from sensorproc.onboard.search.track import Track
from sensorproc.onboard.search.velocity_boxes import Box
from sensorproc.onboard.stack import Stack

CANDIDATE_SOURCES = "slow_movers", "link_points", "search"
TEXT = "ORIGIN", "CENTRE"  # columns of words


class StageKeeper:
    """Stands between the stages of one set (``do`` of the pipeline), looks at what they return and changes nothing."""

    def __init__(self) -> None:
        self.stack: Stack | None = None
        self.boxes: list[Box] = []
        self.candidates: list[Candidate] = []
        self.tracks: list[Track] = []

    def do(self, stage: Callable[..., Any], *arguments: Any) -> Any:
        """Run a stage. Null searches, on pixels of their own, are left out."""
        result = stage(*arguments)
        name = stage.__name__
        if name == "stack":
            self.stack = result
        elif name == "boxes":
            self.boxes = result
        elif name == "accept" and arguments[0] is self.stack:
            self.tracks = result[0]
        elif name in CANDIDATE_SOURCES and (name == "slow_movers" or arguments[0] is self.stack):
            self.candidates += result.bright if name == "search" else result
        return result

    def write(self, path: Path, processed: Processed) -> bool:
        """Write what was kept of the set that became ``processed``; False if it ended before there was anything."""
        if self.stack is None:
            return False
        stack = self.stack
        sigma = np.where(stack.weight > 0, 1.0 / np.sqrt(np.where(stack.weight > 0, stack.weight, 1.0)), 0.0)
        primary = fits.PrimaryHDU()
        primary.header["DETECTOR"] = processed.detector
        primary.header["THRESH"] = (processed.threshold_snr, "SNR of a track over the set")
        primary.header["EXPECTFA"] = (processed.expected_false_alarms, "false tracks expected above it")
        primary.header["EXCESS"] = (processed.excess, "of false tracks over theory")
        primary.header["PSFSIGMA"] = (stack.psf_sigma_px, "px, as all of this file's as read out")
        primary.header["BINNING"] = (stack.facts.binning, "x as many pixels of the detector are one")
        numbers = [frame.facts.index for frame in stack.frames]
        hdus = [
            primary,
            fits.ImageHDU(stack.image_e, name="RESIDUAL"),
            fits.ImageHDU(sigma.astype(np.float32), name="SIGMA"),
            fits.ImageHDU(np.stack([frame.flags for frame in stack.frames]), name="FLAGS"),
            fits.ImageHDU(np.stack([frame.star_e for frame in stack.frames]), name="STARS"),
            _table("FRAMES", {"FRAME": numbers, "T_FRAMES": stack.times}),
            _table("BOXES", _rates([c for box in self.boxes for c in box.centres])),
            _table("CANDIDATES", _motions(self.candidates)),
            _table("TRACKS", _motions([t.candidate for t in self.tracks]) | {"FLUX_E": [t.flux_e for t in self.tracks]}),
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.HDUList(hdus).writeto(path, overwrite=True)
        return True


def _motions(candidates: Sequence[Candidate]) -> dict[str, Any]:
    columns = {"X_PX": "x_px", "Y_PX": "y_px", "VX": "vx_px_frame", "VY": "vy_px_frame", "SNR": "snr"}
    numbers: dict[str, Any] = {name: np.array([getattr(c, key) for c in candidates]) for name, key in columns.items()}
    return {"ORIGIN": [c.origin for c in candidates]} | numbers


def _rates(centres: Sequence[Any]) -> dict[str, Any]:
    rates = np.array([[c.vx_px_frame, c.vy_px_frame] for c in centres]).reshape(-1, 2)
    return {"CENTRE": [c.name for c in centres], "VX": rates[:, 0], "VY": rates[:, 1]}


def _table(name: str, columns: dict[str, Any]) -> fits.BinTableHDU:
    forms = {key: ("16A", "S16") if key in TEXT else ("D", float) for key in columns}
    made = [fits.Column(key, form, array=np.array(columns[key], dtype)) for key, (form, dtype) in forms.items()]
    return fits.BinTableHDU.from_columns(made, name=name)
