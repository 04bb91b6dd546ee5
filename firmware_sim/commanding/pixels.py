"""Raw pixels for the ground: a frame or a chip of it, from memory while its set is there, in IMAGE records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from firmware_sim.ports import SetStore, port
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.records import IMAGE, IMAGE_PART
from sensorproc.downlink.telecommands import Code, Operation, Telecommand
from sensorproc.frames import Frame
from sensorproc.onboard.frame.binning import MOST_DN

MOST_PIXELS = 65_536  # of one request: half a minute of a thin link


@dataclass
class PixelRequests:
    """Answers REQUEST_FRAME and REQUEST_CHIP; called by the executor."""

    store: SetStore = port()
    out: Callable[[int, list[bytes]], None] = port()

    def __call__(self, command: Telecommand) -> Code:
        """Send the pixels; a code if they are not in memory, or are too many."""
        given = command.arguments
        frame = self._frame(given["frame"], given["detector"])
        if frame is None:
            return Code.NOT_AVAILABLE
        ny, nx = frame.data_dn.shape
        chip = command.operation is Operation.REQUEST_CHIP
        x, y, width, height = _as_read_out(given, frame.binning) if chip else (0, 0, nx, ny)
        if not (0 < width <= nx - x and 0 < height <= ny - y) or width * height > MOST_PIXELS:
            return Code.OUT_OF_RANGE
        chosen = frame.data_dn[y : y + height, x : x + width]
        data = np.clip(np.rint(chosen), 0, MOST_DN).astype(">u2").tobytes()
        common: dict[str, Any] = {"frame": frame.index, "detector": frame.detector, "t_mid_tai_ns": frame.t_mid_tai_ns}
        common |= {"request": command.request, "x_px": x, "y_px": y, "nx": width, "ny": height}
        parts = [(k, data[k : k + IMAGE_PART]) for k in range(0, len(data), IMAGE_PART)]
        self.out(int(Apid.IMAGE), [IMAGE.pack(common | {"offset": k, "n_bytes": len(p), "part": p}) for k, p in parts])
        return Code.NONE

    def _frame(self, index: int, detector: int) -> Frame | None:
        for opened in self.store.sets.values():
            for item in opened.items if opened.detector == detector else ():
                if isinstance(item, Frame) and item.index == index:
                    checked = self.store.read(opened, item)
                    return checked if isinstance(checked, Frame) else None
        return None


def _as_read_out(given: dict[str, Any], n: int) -> tuple[int, int, int, int]:
    """First column and row, columns and rows of the frame as read out that hold a chip given in pixels of the detector."""
    x, y, width, height = (int(given[name]) for name in ("x_px", "y_px", "nx", "ny"))
    left, top = x // n, y // n
    return left, top, -(-(x + width) // n) - left, -(-(y + height) // n) - top
