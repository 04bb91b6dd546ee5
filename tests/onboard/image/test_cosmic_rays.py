"""What is sharper than light is rejected, light is not, whatever the focus."""

import numpy as np
import pytest

from sensorproc.config import Config
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.cosmic_rays import reject_outliers

NOISE, SHAPE = 4.0, (120, 120)


def image_of(rng, s):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = rng.normal(0.0, NOISE, SHAPE)
    places = [(25 + 23 * i + rng.uniform(-0.5, 0.5), 25 + 23 * j + rng.uniform(-0.5, 0.5)) for i in range(4) for j in range(4)]
    for cx, cy in places:
        image += 900.0 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2.0 * s * s)) / (2.0 * np.pi * s * s)
    return image.astype(np.float32), places


@pytest.mark.parametrize("s", [0.9, 1.3, 2.0])
def test_hits_go_and_stars_stay(rng, s):
    image, places = image_of(rng, s)
    hits = [(13, 14), (60, 13), (13, 100), (106, 60)]
    for x, y in hits:
        image[y, x] += 40.0 * NOISE
    weight = (1.0 / (NOISE**2 + np.maximum(image, 0.0))).astype(np.float32)
    flags, n = reject_outliers(image, weight, np.zeros(SHAPE, np.uint8), s, Config().cosmic_rays)
    marked = flags & PixelFlag.COSMIC_RAY > 0
    assert all(marked[y, x] for x, y in hits)
    assert n >= len(hits)
    assert not any(marked[round(y), round(x)] for x, y in places)
    assert marked.mean() < 0.01


def test_noise_alone_loses_next_to_nothing(rng):
    image = rng.normal(0.0, NOISE, (500, 500)).astype(np.float32)
    _, n = reject_outliers(
        image, np.full(image.shape, NOISE**-2, np.float32), np.zeros(image.shape, np.uint8), 1.1, Config().cosmic_rays
    )
    assert n <= 3  # of 250 000 pixels 0.07 lie above five sigma
