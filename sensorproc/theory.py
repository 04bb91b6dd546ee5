"""Limits of detection and measurement in closed form; thresholds are set here and nowhere else.

Symbols: ``s`` Gaussian PSF sigma [px]; ``flux_e`` total signal in one frame [e-]; ``sigma_e`` background noise per
pixel and frame [e-]; ``rho`` matched-filter SNR (optimal PSF photometry at a known place); ``u`` threshold on a
unit-variance statistic; dB = 20 log10 of an SNR ratio. A point sampled by square pixels behaves as a Gaussian of
variance s^2 + 1/12 (:func:`sampled_sigma`), which callers apply once.

References: Kay, Statistical Signal Processing I, II; Adler & Taylor, Random Fields and Geometry (2007), for the
expected Euler characteristic; Winick 1986, JOSA A 3, 1809 for centroids; Veres et al. 2012, PASP 124, 1197 for
trails. Every formula is checked by Monte Carlo in ``tests/test_theory.py``.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize, special

SQRT_PI = math.sqrt(math.pi)


def sampled_sigma(s: float) -> float:
    """Sigma [px] of the PSF after integration over square pixels, averaged over sub-pixel phase."""
    return math.sqrt(s * s + 1.0 / 12.0)


def noise_pixels(s: float) -> float:
    """Effective noise area 4 pi s^2 [px^2] of a Gaussian PSF of (sampled) sigma ``s``."""
    return 4.0 * math.pi * s * s


def snr_point(flux_e: float, sigma_e: float, s: float) -> float:
    """Background-limited matched-filter SNR of a point."""
    return flux_e / (sigma_e * math.sqrt(noise_pixels(s)))


def trail_energy(length_px: float, s: float) -> float:
    """Integral of the squared unit-area trail profile along the motion [1/px]; 1/(2 s sqrt(pi)) for a point."""
    if length_px < 1e-4 * s:
        return 1.0 / (2.0 * s * SQRT_PI)
    x = length_px / (2.0 * s)
    return (length_px * math.erf(x) + 2.0 * s / SQRT_PI * math.expm1(-x * x)) / length_px**2


def snr_streak(flux_e: float, sigma_e: float, length_px: float, s: float) -> float:
    """Background-limited matched-filter SNR of a streak of total flux ``flux_e``."""
    return flux_e / sigma_e * math.sqrt(trail_energy(length_px, s) / (2.0 * s * SQRT_PI))


def trailing_loss_db(length_px: float, s: float) -> float:
    """SNR lost by trailing at equal flux, matched filter in both cases [dB, negative]."""
    return 20.0 * math.log10(snr_streak(1.0, 1.0, length_px, s) / snr_streak(1.0, 1.0, 0.0, s))


def pd_known(rho: float, pfa: float) -> float:
    """Detection probability when everything but presence is known (Kay II, chapter 4)."""
    return float(special.ndtr(rho + special.ndtri(pfa)))


def pd_search(rho: np.ndarray, u: float, n_maximised: int) -> np.ndarray:
    """Detection probability of a likelihood ratio maximised over ``n_maximised`` continuous parameters.

    The maximum squared is noncentral chi-square with one more degree of freedom: 2 for x, y; 4 for x, y, vx, vy.
    """
    return 1.0 - special.chndtr(u * u, n_maximised + 1, np.maximum(rho, 1e-6) ** 2)


def snr_for_pd(pd: float, u: float, n_maximised: int) -> float:
    """SNR at which :func:`pd_search` reaches ``pd``."""
    return float(optimize.brentq(lambda rho: float(pd_search(rho, u, n_maximised)) - pd, 0.01, 100.0))


# ---- false alarms of a search: expected Euler characteristic of the excursion set


def ec_density(dimension: int, u: float) -> float:
    """Euler-characteristic density of a unit Gaussian field (Adler & Taylor 2007, chapter 12)."""
    if dimension == 0:
        return float(special.ndtr(-u))
    hermite = special.eval_hermitenorm(dimension - 1, u)
    return float(hermite * math.exp(-0.5 * u * u) / (2.0 * math.pi) ** ((dimension + 1) / 2.0))


def box_curvatures(*sides: float) -> np.ndarray:
    """Lipschitz-Killing curvatures of a box whose sides are in units of the field's correlation length."""
    curvatures = np.ones(1)
    for side in sides:
        curvatures = np.convolve(curvatures, [1.0, side])
    return curvatures


def expected_false_alarms(u: float, curvatures: Sequence[float] | np.ndarray) -> float:
    """Expected number of false alarms above ``u`` in one search; their probability when far below one."""
    return sum(float(c) * ec_density(d, u) for d, c in enumerate(curvatures))


def search_curvatures(area_px: float, s: float, frame_times: Sequence[float], velocity_area: float) -> np.ndarray:
    """Search volume of linear motion: ``area_px`` unmasked pixels and ``velocity_area`` [px^2/frame^2] of velocities.

    One frame (or no velocities) is a search in x and y alone. The metric is 1/(2 s^2) in position and
    var(t)/(2 s^2) in velocity.
    """
    side = math.sqrt(area_px) / (math.sqrt(2.0) * s)
    spread = float(np.std(np.asarray(frame_times, float)))
    if len(frame_times) < 2 or velocity_area <= 0:
        return box_curvatures(side, side)
    velocity = math.sqrt(velocity_area) * spread / (math.sqrt(2.0) * s)
    return box_curvatures(side, side, velocity, velocity)


def streak_curvatures(area_px: float, s: float, length_px: float) -> np.ndarray:
    """Search volume of streaks of one length and any angle in one frame (leading term, length >> s)."""
    bound = streak_bounds(1.0, length_px, s)
    volume = area_px * math.pi / (bound["cross"] * bound["along"] * bound["angle"])
    return np.array([0.0, 0.0, 0.0, volume])


def threshold(false_alarms: float, curvatures: np.ndarray, skewness: float = 0.0) -> float:
    """Threshold ``u`` with the given expected number of false alarms per search.

    ``skewness`` is that of the statistic (:func:`poisson_skewness`); it multiplies the tail by exp(g u^3 / 6).
    """

    return _threshold(false_alarms, tuple(float(c) for c in curvatures), skewness)


@functools.lru_cache(maxsize=1024)
def _threshold(false_alarms: float, curvatures: tuple[float, ...], skewness: float) -> float:
    def excess(u: float) -> float:
        expected = max(expected_false_alarms(u, curvatures), 1e-300)
        return math.log(expected) + skewness * u**3 / 6.0 - math.log(false_alarms)

    grid = np.arange(2.0, 12.0, 0.05)
    below = [u for u in grid if excess(u) < 0.0]
    if not below:
        return 12.0
    return float(optimize.brentq(excess, max(below[0] - 0.05, 1.0), below[0])) if below[0] > 2.0 else 2.0


def poisson_skewness(background_e: float, read_noise_e: float, s: float, n_frames: int) -> float:
    """Skewness of the stacked matched-filter statistic: sky photons are Poisson."""
    variance = background_e + read_noise_e**2
    if variance <= 0.0:
        return 0.0
    return background_e / variance**1.5 * (2.0 / 3.0) / (SQRT_PI * s * math.sqrt(n_frames))


# ---- Cramer-Rao bounds


def point_bound(rho: float, s: float) -> float:
    """Background-limited centroid rms per axis sqrt(2) s / rho [px] (Winick 1986)."""
    return math.sqrt(2.0) * s / rho


def point_bound_photon(flux_e: float, s: float) -> float:
    """Photon-limited centroid rms per axis s / sqrt(F) [px]."""
    return s / math.sqrt(flux_e)


def streak_bounds(rho: float, length_px: float, s: float) -> dict[str, float]:
    """Background-limited bounds of a streak of SNR ``rho``: cross, along [px], angle [rad].

    Angle and cross-track in the limit length >> s; the along-track bound is exact for any length.
    """
    energy = trail_energy(length_px, s)
    ends = -math.expm1(-((length_px / (2.0 * s)) ** 2))
    return {
        "cross": math.sqrt(2.0) * s / rho,
        "along": math.sqrt(SQRT_PI * s * length_px**2 * energy / ends) / rho,
        "angle": math.sqrt(24.0) * s / (rho * length_px),
    }


def track_bounds(rho_set: float, frame_times: Sequence[float], s: float) -> tuple[float, float]:
    """Position [px] at the mean epoch and rate [px/frame] bounds per axis of a joint fit over a set."""
    position = point_bound(rho_set, s)
    return position, position / float(np.std(np.asarray(frame_times, float)))


def magnitude_bound(rho: float) -> float:
    """Magnitude rms 2.5 / (ln 10 rho)."""
    return 2.5 / math.log(10.0) / rho


def registration_bound(n_stars: int, sigma_px: float, width_px: float, height_px: float) -> tuple[float, float]:
    """Shift per axis [px] and rotation [rad] bounds from equal stars filling a field."""
    shift = sigma_px / math.sqrt(n_stars)
    return shift, sigma_px / math.sqrt(n_stars * (width_px**2 + height_px**2) / 12.0)


# ---- losses (SNR factors)


def jitter_loss(rms_px: float, s: float) -> float:
    """Uncorrected registration error of ``rms_px`` per axis, independent from frame to frame."""
    return 1.0 / (1.0 + rms_px**2 / (2.0 * s * s))


def static_sky_loss(speed_px_frame: float, frame_times: Sequence[float], s: float) -> float:
    """Mover at ``speed_px_frame`` after subtraction of the per-pixel mean of the same frames."""
    t = np.asarray(frame_times, float)
    lag = t[:, None] - t[None, :]
    return math.sqrt(max(1.0 - float(np.exp(-((speed_px_frame * lag) ** 2) / (4.0 * s * s)).mean()), 0.0))
