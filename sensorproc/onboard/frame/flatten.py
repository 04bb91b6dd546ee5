"""Background and noise maps on a mesh: sky, stray-light gradients, and what is left of bias and dark."""

from dataclasses import replace

import numpy as np

from sensorproc.config import Flatten
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.amplifiers import amplifier_levels
from sensorproc.onboard.image.background import SAMPLED, background_and_noise_cells, draw_noise, typical
from sensorproc.onboard.image.smooth_map import SmoothMap
from sensorproc.onboard.image.stripes import is_striped, subtract_stripes
from sensorproc.onboard.kernels.filtered import add_dark_noise, to_weights
from sensorproc.onboard.pixel_ownership import Room
from sensorproc.onboard.products import Calibrated, Flattened, freeze
from sensorproc.onboard.stage import stage

WIDEST_SIGMA_PX = 2.5  # Lines lit together over no more than such a PSF may be a streak's, and are left.
STEP_ROUNDS = 3  # The mesh rounds a step off: what it hides is seen once the rest is gone.


@stage(bytes_px=30)
def flatten(calibrated: Calibrated, config: Flatten, room: Room | None = None) -> Flattened:
    """Electrons above the background, and the noise of every pixel without its sources; in the two arrays (ny, nx) float32 that
    are the ``room`` for them, if there is some.

    Raises
    ------
    FrameSetRejected
        ``NO_DATA`` if no mesh cell has enough good pixels; ``FLAT`` if the frame has no noise at all.
    """
    image, sigma = room or (np.empty_like(calibrated.image_e), np.empty_like(calibrated.image_e))
    image[:], flags = calibrated.image_e, calibrated.flags
    background, cells = _subtract_background(image, sigma, flags, config, calibrated.step_e)
    for _ in range(STEP_ROUNDS):
        levels = amplifier_levels(image, sigma, flags)
        if levels is None:
            break
        image += background.drawn() - levels
        background, cells = _subtract_background(image, sigma, flags, config, calibrated.step_e)
    sky = background.drawn(SAMPLED)
    if is_striped(image, sigma, flags):  # column noise looks like rows of faint stars, always at the same places
        broken_rows, broken_columns = subtract_stripes(image, flags, flags, WIDEST_SIGMA_PX)
        flags = flags | (broken_rows[:, None] | broken_columns[None, :]) * np.uint8(PixelFlag.HOT)
        left, cells = _subtract_background(image, sigma, flags, config, calibrated.step_e)
        sky += left.drawn(SAMPLED)
    noise = typical(sigma)
    if not noise > 0.0:
        raise FrameSetRejected("FLAT", noise_e=noise)
    if calibrated.dark_e is not None:
        dark, error, before = calibrated.dark_e, calibrated.dark_error_e, flags
        is_known, flags = error is not None, np.empty_like(before)
        limits = config.dark_error, config.dark_hot_sigma
        add_dark_noise(dark, error if is_known else dark, is_known, *limits, before, np.uint8(PixelFlag.HOT), sigma, flags)
    to_weights(flags, sigma)
    freeze(flags)
    facts = replace(calibrated.facts, background_e=float(np.median(sky)), noise_e=noise)
    return Flattened(facts, image, sigma, flags, calibrated.step_e, cells)


def _subtract_background(
    image: np.ndarray, sigma: np.ndarray, flags: np.ndarray, config: Flatten, count_step: float
) -> tuple[SmoothMap, np.ndarray]:
    """Take the background off an image in place and put the noise of its pixels into ``sigma``; what the background was, and the
    noise of the mesh's cells."""
    background, cells = background_and_noise_cells(image, flags, config, count_step)
    background.subtract_from(image)
    draw_noise(cells, sigma)
    return background, cells
