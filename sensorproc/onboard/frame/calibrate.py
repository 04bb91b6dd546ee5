"""Counts to electrons: bias, gain, dark, saturation."""

from dataclasses import replace

import cv2
import numpy as np

from sensorproc.config import Calibrate
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame
from sensorproc.onboard.frame.covered_borders import covered_borders
from sensorproc.onboard.frame.dark_warmth import USUAL_SCATTER, Warmth, warmth
from sensorproc.onboard.frame.deferred_charge import late_charge
from sensorproc.onboard.frame.lost_lines import lost_lines
from sensorproc.onboard.products import Calibrated, FrameFacts, freeze
from sensorproc.onboard.stage import stage
from sensorproc.onboard.state import PayloadState

SAMPLE = 4096  # Pixels that tell how coarse a frame's numbers are.


@stage(bytes_px=12)
def calibrate(frame: Frame, state: PayloadState, config: Calibrate) -> Calibrated:
    """Electrons above bias and dark, the dark as warm as the frame's own pixels say.

    The bias is the overscan level of each row, else the known level, else zero (it then stays in the fitted
    background). An unknown gain counts as 1 e-/DN and is said so.

    Raises
    ------
    FrameSetRejected
        ``SATURATED`` if too much of the frame is, ``NO_DATA`` if nothing is left.
    """
    gain = frame.facts.gain_e_per_dn or 1.0
    image = frame.data_dn.astype(np.float32)
    if frame.bias_rows_dn is not None:
        image -= frame.bias_rows_dn[:, None]
    elif frame.facts.bias_dn is not None:
        image -= np.float32(frame.facts.bias_dn)
    if gain != 1.0:
        image *= np.float32(gain)
    flags = frame.flags | lost_lines(frame.data_dn) * np.uint8(PixelFlag.NO_DATA)
    if state.bad is not None:
        flags |= state.bad
    if frame.facts.full_well_e is not None:
        limit = np.float32(config.saturation_fraction * frame.facts.full_well_e)
        flags |= (image >= limit) * np.uint8(PixelFlag.SATURATED)
    saturated = (flags & np.uint8(PixelFlag.SATURATED)) != 0
    fraction = float(saturated.mean())
    if fraction > config.max_saturated_fraction:
        raise FrameSetRejected("SATURATED", fraction=fraction)
    left, right, first, last = covered_borders(image, flags == 0, config.max_covered_fraction)
    ny, nx = image.shape
    for covered in (np.s_[:, :left], np.s_[:, nx - right :], np.s_[:first], np.s_[ny - last :]):
        flags[covered] |= PixelFlag.NO_DATA.value
    if not (flags == 0).any():
        raise FrameSetRejected("NO_DATA")
    # charge spills over: the neighbours of a saturated pixel are not to be trusted either
    if fraction > 0.0:
        grown = cv2.dilate(saturated.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.uint8)
        flags |= grown * np.uint8(PixelFlag.SATURATED)
    dark, error = state.dark_charge((ny, nx), frame.exposure_s)
    warm = Warmth()
    if dark is not None:
        warm, dark, error = _subtract_dark(image, dark, error, flags == 0)
    freeze(image, flags)
    facts = replace(FrameFacts.of(frame), is_dark_known=dark is not None, dark_scale=warm.scale)
    return Calibrated(facts, image, dark, error, flags, gain * _step_dn(frame.data_dn))


def _subtract_dark(
    image: np.ndarray, dark: np.ndarray, error: np.ndarray | None, usable: np.ndarray
) -> tuple[Warmth, np.ndarray, np.ndarray | None]:
    """Take the dark charge out of an image, in place; its warmth, what it was, and its error where that is known."""
    late = late_charge(image, dark, usable) if error is None else None
    if late is not None:
        image -= late
    warm = warmth(image, dark, error, usable)
    dark = dark if warm.scale == 1.0 else np.float32(warm.scale) * dark
    image -= dark
    if error is None and warm.scatter > USUAL_SCATTER:
        error = np.float32(warm.scatter) * dark
    return warm, dark, error


def _step_dn(data_dn: np.ndarray) -> float:
    """Smallest difference between two of a frame's numbers: one, unless a converter of few bits has its own in the upper ones."""
    flat = data_dn.reshape(-1)
    known = np.unique(flat[:: max(flat.size // SAMPLE, 1)])
    return float(np.diff(known).min()) if len(known) > 1 else 0.0
