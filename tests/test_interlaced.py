"""Video whose even and odd rows are half a frame apart, through the command line: the ground is told; rows of one time are not
said to be of two."""

import math

import numpy as np
import pytest

from tests.skies import made
from tests.test_strangers import members, processed, random_motion


def fields(rng, motion, flux, first):
    """Frames whose rows of the parity ``first`` are taken half a frame before the others."""
    x, y, vx, vy = motion
    seed = int(rng.integers(1 << 30))
    moved = (x, y), (x + 0.5 * vx, y + 0.5 * vy)
    early, late = (made.frames(np.random.default_rng(seed), [made.mover(*place, vx, vy, flux)]) for place in moved)
    for one, other in zip(early, late, strict=True):
        one[1 - first :: 2] = other[1 - first :: 2]
    return early


@members
def test_an_object_of_two_fields_tells_of_the_camera(tmp_path, seed, capsys):
    rng = np.random.default_rng(700 + seed)
    angle, speed = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(4.0, 7.0)  # two pixels between fields, at least
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    motion = 80.0 - 3.5 * vx, 80.0 - 3.5 * vy, vx, vy
    frames = fields(rng, motion, math.exp(rng.uniform(math.log(3000.0), math.log(10000.0))), seed % 2)
    events = processed(tmp_path, frames)[-1]
    assert [event["event"] for event in events] == ["INTERLACED"]
    assert "INTERLACED in 1 set (beginning with frame 0)" in capsys.readouterr().err


@pytest.mark.parametrize("fwhm", [1.4, 2.0, 3.5])
@members
def test_rows_of_one_time_are_not_said_to_be_of_two(tmp_path, seed, fwhm):
    rng = np.random.default_rng(800 + seed)
    lights = [made.mover(*random_motion(rng), math.exp(rng.uniform(math.log(500.0), math.log(20000.0)))) for _ in range(4)]
    events = processed(tmp_path, made.frames(rng, lights, optics=made.Optics(fwhm, 0.05)))[-1]
    assert "INTERLACED" not in {event["event"] for event in events}
