"""Background and noise maps on a mesh: sky, stray-light gradients, and what is left of bias and dark."""

from dataclasses import replace

import numpy as np

from sensorproc.config import Flatten
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.background import background_maps, typical
from sensorproc.onboard.products import Calibrated, Flattened, freeze
from sensorproc.onboard.stage import stage


@stage(bytes_px=30)
def flatten(calibrated: Calibrated, config: Flatten) -> Flattened:
    """Electrons above the background, and the noise of every pixel without its sources.

    Raises
    ------
    FrameSetRejected
        ``NO_DATA`` if no mesh cell has enough good pixels; ``FLAT`` if the frame has no noise at all.
    """
    background, sigma = background_maps(calibrated.image_e, calibrated.flags, config)
    noise = typical(sigma)
    if not noise > 0.0:
        raise FrameSetRejected("FLAT", noise_e=noise)
    image = calibrated.image_e - background
    flags = calibrated.flags
    if calibrated.dark_e is not None:
        signal = np.maximum(calibrated.dark_e, 0.0)
        error = calibrated.dark_error_e
        variance = signal + (np.float32(config.dark_error) * signal if error is None else error) ** 2
        doubtful = variance if error is None else error**2
        hot = doubtful > (config.dark_hot_sigma * sigma) ** 2
        flags = flags | hot.astype(np.uint8) * np.uint8(PixelFlag.HOT)
        sigma = np.sqrt(sigma * sigma + variance).astype(np.float32)
    freeze(image, sigma, flags)
    facts = replace(calibrated.facts, background_e=typical(background), noise_e=noise)
    return Flattened(facts, image, sigma, flags)
