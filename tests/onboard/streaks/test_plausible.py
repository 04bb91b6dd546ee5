"""Lines that are no streaks: most of them hidden under hits, or what is left of stars along their own trails."""

from dataclasses import replace

import numpy as np
import pytest

from sensorproc.flags import PixelFlag
from sensorproc.onboard.products import Trail
from sensorproc.onboard.streaks.fit import Streak
from sensorproc.onboard.streaks.plausible import is_hidden, is_stars
from tests.skies.cases import BODY_FIXED
from tests.skies.frames import made_up_frames
from tests.skies.stages import stages_of

LINE = 20.0, 40.0, 80.0, 70.0  # x0, y0, x1, y1


@pytest.fixture(scope="module")
def residual():
    """A frame in which nothing is left and nothing was taken out."""
    one = stages_of(made_up_frames(160, 8, BODY_FIXED)).arguments["mask_fixed_pixels"][0][0]
    empty = np.zeros(one.image_e.shape, np.float32)
    return replace(one, image_e=empty, flags=np.zeros(empty.shape, np.uint8), star_snr=empty.astype(np.float16))


def streak(x0=LINE[0], y0=LINE[1], x1=LINE[2], y1=LINE[3]):
    return Streak(x0, y0, x1, y1, 100.0, 12.0, 8.0, np.eye(5))


def on_line(share, beside_px=0.0):
    """Pixels y, x of a ``share`` of the line, so far beside it."""
    u = np.linspace(0.0, share, 200)
    (x0, y0, x1, y1), length = LINE, np.hypot(LINE[2] - LINE[0], LINE[3] - LINE[1])
    x, y = x0 + u * (x1 - x0) - beside_px * (y1 - y0) / length, y0 + u * (y1 - y0) + beside_px * (x1 - x0) / length
    return np.rint(y).astype(int), np.rint(x).astype(int)


@pytest.mark.parametrize("flag", [PixelFlag.COSMIC_RAY, PixelFlag.HOT, PixelFlag.SATURATED])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_line_that_is_masked_is_not_seen_but_a_saturated_one_is(residual, flag, share):
    flags = residual.flags.copy()
    if share:
        flags[on_line(share)] = flag
    assert is_hidden(replace(residual, flags=flags), streak()) == (share > 0.5 and flag != PixelFlag.SATURATED)


@pytest.mark.parametrize("turned_deg", [0.0, 2.0, 25.0, 90.0])
@pytest.mark.parametrize("beside_px", [0.0, 1.0, 6.0])
def test_what_lies_along_the_trails_of_stars_and_over_their_light_is_stars(residual, turned_deg, beside_px):
    """Light a PSF sigma beside the line counts where the line keeps to one trail; of one farther off it does not."""
    star = residual.star_snr.copy()
    star[on_line(1.0, beside_px)] = 1.0
    angle = np.arctan2(LINE[3] - LINE[1], LINE[2] - LINE[0]) + np.radians(turned_deg)
    trail = Trail(16.0 * float(np.cos(angle)), 16.0 * float(np.sin(angle)))
    registration = replace(residual.registration, trail=trail, psf_sigma_px=1.0)
    frame = replace(residual, star_snr=star, registration=registration)
    assert is_stars(frame, streak()) == (turned_deg < 10.0 and beside_px < 2.0)
