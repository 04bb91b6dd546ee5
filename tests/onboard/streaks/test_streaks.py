"""Streaks: every length and angle is seen by the search, the fit reaches its bounds, particle tracks and damage are no light."""

import math

import numpy as np
import pytest

from sensorproc import theory
from sensorproc.config import Streaks
from sensorproc.onboard.image.matched_filter import correlate, template
from sensorproc.onboard.products import Trail
from sensorproc.onboard.streaks.fit import best_ends, exposed_area, fit_line, subtract
from sensorproc.onboard.streaks.line_search import Line, curvatures, search_lines
from sensorproc.onboard.streaks.plausible import is_like_light
from tests.oracles import slow

S, SIZE = 0.92, 256
CONFIG = Streaks()


def drawn(length, angle, rho, x=128.3, y=127.6):
    """Image of a streak of clairvoyant SNR ``rho`` in unit noise, and its flux."""
    image = slow.trail(x, y, length, angle, S, (SIZE, SIZE))
    flux = rho / math.sqrt(float((image**2).sum()))
    return flux * image, flux


def line(length, angle, x=128.3, y=127.6, longer=(0.0, 0.0)):
    dx, dy = math.cos(angle), math.sin(angle)
    first, last = -0.5 * length - longer[0], 0.5 * length + longer[1]
    return Line(x + first * dx, y + first * dy, x + last * dx, y + last * dy, 0.0, 0.0)


def filtered(image):
    kernel = template(Trail(), S)
    snr = correlate(image.astype(np.float32), kernel) / math.sqrt(float((kernel * kernel).sum()))
    return np.clip(snr, -CONFIG.clip_snr, CONFIG.clip_snr).astype(np.float32)


@pytest.mark.parametrize("angle", np.linspace(0.0, math.pi, 9)[:-1].tolist())
@pytest.mark.parametrize("length", [12.0, 20.0, 33.0, 70.0, 140.0])
def test_no_streak_falls_between_the_pieces(length, angle):
    """Without noise the best piece has all but 2 dB of the streak's SNR: enough to be fitted."""
    image, _ = drawn(length, angle, 8.0)
    found = search_lines(filtered(image), S, CONFIG)
    assert found
    best = max(found, key=lambda f: f.snr)
    assert best.snr > 8.0 * 10 ** (-2.0 / 20.0)
    assert (
        abs((0.5 * (best.y0 + best.y1) - 127.6) * math.cos(angle) - (0.5 * (best.x0 + best.x1) - 128.3) * math.sin(angle)) < 2.5
    )


@pytest.mark.parametrize(("length", "rho"), [(12.0, 20.0), (40.0, 30.0), (100.0, 40.0)])
def test_the_fit_reaches_its_bounds_and_claims_them(rng, length, rho):
    """Along, across, angle, flux within 1.25 of the bounds (n = 60), pulls of one within 0.3, from ends a tenth off."""
    pulls, ratios = [], []
    bound = theory.streak_bounds(rho, length, S)
    for angle in rng.uniform(0.0, math.pi, 60).tolist():
        image, flux = drawn(length, angle, rho)
        data = (image + rng.normal(size=image.shape)).astype(np.float32)
        off = rng.uniform(-0.1, 0.1, 2) * length
        streak = fit_line(data, np.ones_like(data), line(length, angle, longer=tuple(off)), S)
        dx, dy = streak.middle[0] - 128.3, streak.middle[1] - 127.6
        cos, sin = math.cos(angle), math.sin(angle)
        turn = math.remainder(math.atan2(streak.direction[1], streak.direction[0]) - angle, math.pi)
        errors = dx * cos + dy * sin, dy * cos - dx * sin, turn, streak.flux_e - flux
        u, v = np.array([cos, sin]), np.array([-sin, cos])
        xy = streak.cov[:2, :2]
        claims = math.sqrt(u @ xy @ u), math.sqrt(v @ xy @ v), math.sqrt(streak.cov[3, 3]), math.sqrt(streak.cov[4, 4])
        ratios.append(np.array(errors) / [bound["along"], bound["cross"], bound["angle"], flux / rho])
        pulls.append(np.array(errors) / claims)
        assert abs(streak.snr - rho) < 5.0
    rms = np.sqrt(np.mean(np.square(ratios), axis=0))
    assert (rms < [1.35, 1.25, 1.35, 1.25]).all(), rms
    assert np.sqrt(np.mean(np.square(pulls), axis=0)) == pytest.approx(np.ones(4), abs=0.35)


def test_ends_are_looked_for_along_the_whole_line(rng):
    """From a quarter of the streak the fit finds all of it."""
    image, _ = drawn(120.0, 0.7, 25.0)
    data = (image + rng.normal(size=image.shape)).astype(np.float32)
    streak = fit_line(data, np.ones_like(data), line(60.0, 0.7, longer=(0.0, 0.0)), S)
    assert streak.length_px == pytest.approx(120.0, abs=12.0)
    x0, y0, x1, y1 = best_ends(data, np.ones_like(data), streak, S)
    assert math.hypot(x1 - x0, y1 - y0) == pytest.approx(120.0, abs=15.0)
    subtract(data, streak, S)
    left = fit_line(data, np.ones_like(data), line(120.0, 0.7), S)
    assert left is None or left.snr < 6.0


def test_light_is_told_from_particles_damage_and_spots(rng):
    noise = rng.normal(size=(SIZE, SIZE))
    light, _ = drawn(60.0, 0.4, 20.0)
    particle = np.zeros_like(light)
    for t in np.linspace(-30.0, 30.0, 300):
        particle[round(127.6 + t * math.sin(0.4)), round(128.3 + t * math.cos(0.4))] = 4.0
    damage = np.zeros_like(light)
    damage[127, 90:160] = 3.5
    spots = sum(drawn(0.0, 0.0, 12.0, 128.3 + t * math.cos(0.4), 127.6 + t * math.sin(0.4))[0] for t in (-25.0, 25.0))
    wide = np.exp(-0.5 * (np.arange(SIZE)[:, None] - 127.6) ** 2 / 16.0) * np.ones((1, SIZE))
    verdicts = {}
    for name, image, angle in (
        ("light", light, 0.4), ("particle", particle, 0.4), ("damage", damage, 0.0), ("spots", spots, 0.4), ("wide", wide, 0.0),
    ):  # fmt: skip
        data = (image + noise).astype(np.float32)
        weight = np.ones_like(data)
        streak = fit_line(data, weight, line(58.0, angle), S)
        verdicts[name] = is_like_light(data, weight, streak, S, CONFIG)
    assert verdicts == {"light": True, "particle": False, "damage": False, "spots": False, "wide": False}


def test_noise_makes_as_few_streaks_as_expected(rng):
    """One expected in a frame: between a quarter and one and a half are fitted above its threshold, of 30 frames of noise."""
    config = Streaks(false_alarms_per_frame=0.99)
    u = theory.threshold(0.99, curvatures((SIZE, SIZE), S, config))
    found = 0
    for _ in range(30):
        data = rng.normal(size=(SIZE, SIZE)).astype(np.float32)
        weight = np.ones_like(data)
        for candidate in search_lines(filtered(data), S, config):
            streak = fit_line(data, weight, candidate, S)
            if streak is not None and streak.snr > u:
                found += 1
                subtract(data, streak, S)
    assert 0.25 * 30 < found < 1.5 * 30


@pytest.mark.parametrize("covered", [0, 20])
def test_a_streak_is_cut_where_the_exposed_area_ends(rng, covered):
    """Its errors are finite, and its end is known from the edge."""
    image, _ = drawn(200.0, 0.1, 40.0, x=230.0)
    data = (image + rng.normal(size=image.shape)).astype(np.float32)
    weight = np.ones_like(data)
    weight[:, SIZE - covered :] = 0.0
    assert exposed_area(weight) == (0, 0, SIZE - 1 - covered, SIZE - 1)
    streak = fit_line(data, weight, line(180.0, 0.1, x=230.0), S)
    assert max(streak.x0, streak.x1) == pytest.approx(SIZE - 0.5 - covered, abs=0.6)
    assert np.isfinite(streak.cov).all()
    assert math.sqrt(streak.cov[4, 4]) < 0.2 * streak.flux_e
    assert fit_line(data, weight, line(100.0, 0.0, y=-6.0), S) is None
