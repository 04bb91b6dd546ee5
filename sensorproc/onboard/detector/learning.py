"""What a set teaches of the detector's dark pattern, for the sets after it.

A stare without a map solves the pattern from its own frames and loses slow objects with it. The same pixels under other stars,
set after set, know it ever better, and the loss goes.
"""

import numpy as np

from sensorproc.onboard.detector.fixed_pattern import mean_exposure_s
from sensorproc.onboard.products import OwnPattern, Residual
from sensorproc.onboard.stage import stage
from sensorproc.onboard.state import FADING, LearntDark, learnt_of

STAR_SNR = 1.0  # Where more starlight was taken out of a pixel, over the frame's noise, it tells nothing of the dark.
MODEL_ERROR = 0.01  # Pixels differ by this part of their charge in how they warm: none is known better.


@stage(bytes_px=30)
def learn(learnt: LearntDark | None, own: OwnPattern | None, residuals: list[Residual]) -> LearntDark | None:
    """The dark pattern as it is known with a set whose ``own`` pattern was solved; as it was if none was, or if nobody knows how
    long the set was exposed."""
    exposure_s = np.float32(mean_exposure_s([r.facts for r in residuals]))
    if own is None or not exposure_s > 0.0:
        return learnt
    starlit = np.zeros(own.pattern_e.shape, bool)
    for r in residuals:
        starlit |= r.star_snr >= STAR_SNR
    shape = own.pattern_e.shape
    before = learnt_of(learnt, shape)
    dark = np.zeros(shape, np.float32) if before is None else before.dark_e_s
    told = np.where(starlit, np.float32(0.0), own.information)
    taught = told > 0.0
    dark = np.where(taught, dark + own.pattern_e / exposure_s, dark)
    kept = own.prior if before is not None else np.float32(0.0)
    information = np.where(taught, kept * np.float32(FADING) + told, kept) * exposure_s**2
    most = 1.0 / np.maximum(np.float32(MODEL_ERROR) * np.abs(dark), np.float32(1e-6)) ** 2
    return LearntDark(dark.astype(np.float32), np.minimum(information, most).astype(np.float32))
