"""Counts to electrons: bias, gain, dark, saturation."""

import cv2
import numpy as np

from sensorproc.config import Calibrate
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame
from sensorproc.onboard.frame.covered_borders import covered_borders
from sensorproc.onboard.products import Calibrated, FrameFacts, freeze
from sensorproc.onboard.stage import stage
from sensorproc.onboard.state import PayloadState


@stage(bytes_px=12)
def calibrate(frame: Frame, state: PayloadState, config: Calibrate) -> Calibrated:
    """Electrons above bias and dark.

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
    image *= np.float32(gain)
    flags = frame.flags.copy()
    if state.bad is not None:
        flags |= state.bad
    if frame.facts.full_well_e is not None:
        limit = np.float32(config.saturation_fraction * frame.facts.full_well_e)
        flags[image >= limit] |= PixelFlag.SATURATED.value
    saturated = (flags & PixelFlag.SATURATED) != 0
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
    grown = cv2.dilate(saturated.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    flags[grown] |= PixelFlag.SATURATED.value
    if state.dark_e_s is not None:
        image -= state.dark_e_s * np.float32(frame.exposure_s)
    freeze(image, flags)
    return Calibrated(FrameFacts.of(frame), image, state.dark_e_s, flags)
