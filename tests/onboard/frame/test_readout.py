"""What the readout adds to a frame: coarse counts, amplifiers side by side, columns and rows of their own level."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sensorproc.config import Config
from sensorproc.flags import PixelFlag
from sensorproc.frames import Frame, SensorFacts
from sensorproc.onboard.frame.calibrate import calibrate
from sensorproc.onboard.frame.covered_borders import covered_borders
from sensorproc.onboard.frame.flatten import flatten
from sensorproc.onboard.image.amplifiers import amplifier_levels
from sensorproc.onboard.image.stripes import is_striped
from sensorproc.onboard.products import Calibrated, FrameFacts
from sensorproc.onboard.state import PayloadState

SHAPE = (256, 320)
FACTS = FrameFacts(0, 0, 10**18, 2.0, SHAPE, SensorFacts(), None, None, True)


def flat(image, step_e=0.0):
    calibrated = Calibrated(FACTS, image.astype(np.float32), None, None, np.zeros(SHAPE, np.uint8), step_e)
    return flatten(calibrated, Config().flatten)


def through_psf(image, s=1.2):
    """Local means over about a PSF's pixels, in units of their noise."""
    return gaussian_filter(image, s) * np.sqrt(4 * np.pi) * s


@pytest.mark.parametrize("noise_dn", [0.45, 0.6, 0.9, 1.6, 5.0])
@pytest.mark.parametrize("slope_dn", [0.0, 3.0])
def test_a_coarse_converter_bends_no_background(rng, noise_dn, slope_dn):
    """Levels between two counts come out to a part of the noise, whatever they are, and so does the noise itself."""
    sky = 57.3 + slope_dn * np.linspace(0, 1, SHAPE[1])[None, :]
    image = np.rint(sky + rng.normal(0.0, noise_dn, SHAPE))
    made = flat(image, 1.0)
    seen = np.sqrt(noise_dn**2 + 1 / 12)
    assert made.facts.noise_e == pytest.approx(seen, rel=0.12 if noise_dn > 0.8 else 0.2)
    error = (image - made.image_e) - sky
    # of a median between two counts not more is known than that all in one count lie evenly
    assert float(np.sqrt((error**2).mean())) < (0.11 if noise_dn > 0.8 else 0.22) * seen


def test_the_step_of_the_converter_is_measured_and_not_believed(rng):
    counts = (np.rint(rng.normal(80.0, 3.0, (64, 80))) * 16).astype(np.uint16)  # twelve bits in the upper ones of sixteen
    facts = SensorFacts(gain_e_per_dn=2.0)
    frame = Frame(0, 0, "f", counts, np.zeros(counts.shape, np.uint8), 10**18, 1.0, facts)
    assert calibrate(frame, PayloadState(), Config().calibrate).step_e == 32.0


@pytest.mark.parametrize("noise", [0.5, 3.0])
def test_a_cover_is_seen_through_coarse_counts(rng, noise):
    image = np.rint(50.0 + rng.normal(0.0, noise, SHAPE)).astype(np.float32)
    image[:, -8:] = np.rint(50.0 - 2.0 * noise + rng.normal(0.0, noise, (SHAPE[0], 8)))
    left, right, first, last = covered_borders(image, np.ones(SHAPE, bool), 0.08)
    assert 8 <= right <= 11
    assert (left, first, last) == (0, 0, 0)


@pytest.mark.parametrize("step", [0.5, 3.0, 7.0, 40.0, -15.0])
@pytest.mark.parametrize("at", [160, 101])
def test_a_step_between_amplifiers_leaves_no_wall(rng, step, at):
    image = 300.0 + 0.1 * np.arange(SHAPE[1])[None, :] + rng.normal(0.0, 5.0, SHAPE)
    image[:, at:] += 5.0 * step
    image[40:45, 60:65] += 400.0  # a star
    made = flat(image)
    near = made.image_e[:, at - 12 : at + 12].mean(axis=0)
    assert np.abs(near).max() < 5 * 5.0 / np.sqrt(SHAPE[0]) + 0.15 * 5.0
    assert made.facts.noise_e == pytest.approx(5.0, rel=0.08)


def test_quarters_are_levelled_each_by_its_own(rng):
    image = 300.0 + rng.normal(0.0, 5.0, SHAPE)
    middle = SHAPE[0] // 2, SHAPE[1] // 2
    for k, (rows, columns) in enumerate([(0, 1), (1, 0), (1, 1)]):
        image[rows * middle[0] : (rows + 1) * middle[0], columns * middle[1] : (columns + 1) * middle[1]] += (30.0, -20.0, 45.0)[
            k
        ]
    made = flat(image)
    assert np.abs(through_psf(made.image_e)).max() < 6.0 * 5.0


def test_light_without_an_edge_is_no_step(rng):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    glow = 200.0 * np.exp(-np.hypot(x, y) / 30.0) + 60.0 / (1 + np.exp(-(x - 200) / 12.0)) + 500 * np.exp(-((x - 80) ** 2) / 18)
    image = (glow + rng.normal(0.0, 5.0, SHAPE)).astype(np.float32)
    assert amplifier_levels(image, np.full(SHAPE, 5.0, np.float32), np.zeros(SHAPE, np.uint8)) is None


def test_columns_of_their_own_level_are_taken_out_and_partial_ones_flagged(rng):
    image = 300.0 + rng.normal(0.0, 5.0, SHAPE) + rng.normal(0.0, 4.0, SHAPE[1])[None, :]
    image[120:, 77] += 60.0
    made = flat(image)
    columns = made.image_e.mean(axis=0)
    others = np.abs(np.arange(SHAPE[1]) - 77) > 1
    assert np.std(columns[others]) < 1.3 * 5.0 / np.sqrt(SHAPE[0])
    assert (made.flags[:, 77] & PixelFlag.HOT).all()
    assert (made.flags[:, others] == 0).all()


def test_a_streak_along_a_column_is_no_stripe(rng):
    x = np.arange(SHAPE[1])
    image = 300.0 + rng.normal(0.0, 5.0, SHAPE) + rng.normal(0.0, 4.0, SHAPE[1])[None, :]
    light = 40.0 * np.exp(-((x - 150.3) ** 2) / 2.9)
    image += light[None, :]
    made = flat(image)
    assert made.image_e[:, 148:153].sum(axis=1).mean() > 0.8 * light.sum() - 10.0
    assert not (made.flags[:, 150] & PixelFlag.HOT).any()


@pytest.mark.parametrize("share", [0.0, 0.12])
def test_warm_pixels_are_no_stripes(rng, share):
    image = rng.normal(0.0, 5.0, SHAPE) + np.where(rng.random(SHAPE) < share, rng.exponential(30.0, SHAPE), 0.0)
    image = (image - np.median(image)).astype(np.float32)
    sigma, flags = np.full(SHAPE, 5.0, np.float32), np.zeros(SHAPE, np.uint8)
    assert not is_striped(image, sigma, flags)
    assert is_striped(image + rng.normal(0.0, 2.5, SHAPE[0])[:, None].astype(np.float32), sigma, flags)
