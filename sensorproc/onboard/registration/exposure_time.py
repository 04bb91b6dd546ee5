"""How long the shutter was open, as the stars' trails show it: their length over the rate at which stars cross the detector.

A header that is wrong about the exposure is wrong about its middle: by half the difference where one end is stamped rightly.
The rate comes from where stars are in the frames of a set and from their times, never from the exposure the header gives.
"""

import math

import numpy as np
from scipy.special import erf

from sensorproc.onboard.image.star_finding import lonely
from sensorproc.onboard.kernels.cholesky import invert_symmetric
from sensorproc.onboard.products import MIN_FRAMES, Registered, Trail
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import velocity
from sensorproc.timescales import NS_PER_S

LEAST_TRAIL_SIGMAS = 4.0  # The ends of shorter trails [PSF widths] overlap.
LEAST_SNR, MOST_STARS = 20.0, 4  # Stars that are fitted have this SNR, and a frame gives so many of them.
ROUNDS = 3  # Gauss-Newton steps: a trail's first guess is good to a pixel.
LENGTH_FLOOR_PX = 0.1  # The shape of a PSF may lengthen or shorten all trails alike by so much.
WORST_MISFIT = 0.1  # A star that misfits by more (rms over its trail's brightest pixel, noise taken off) is not alone.
N_TERMS = 6  # The fit's unknowns: flux, background, place along and across the trail, its length and width.


@stage(bytes_px=0)
def exposure_bias(frames: list[Registered]) -> tuple[float, float]:
    """Exposure the trails show less the header's, and its sigma [s], over a set; sigma 0: the stars do not trail.

    The sigma holds photon noise, the frames' scatter (a camera that shakes lengthens one frame's trails and shortens another's)
    and a tenth of a pixel of length for the shape of the PSF.
    """
    if len(frames) < MIN_FRAMES or frames[0].trail.length_px < LEAST_TRAIL_SIGMAS * frames[0].psf_sigma_px:
        return 0.0, 0.0
    found = [one for one in (_of_frame(k, frames) for k in range(len(frames))) if one]
    if len(found) < MIN_FRAMES:
        return 0.0, 0.0
    bias, sigma = np.array(found).T
    mean, sigma_mean = _weighted_mean(bias, sigma**2 + _shake(bias, sigma) ** 2)
    rate_px_s = frames[0].trail.length_px / frames[0].facts.exposure_s
    return mean, math.hypot(sigma_mean, LENGTH_FLOOR_PX / rate_px_s)


def _shake(bias: np.ndarray, sigma: np.ndarray) -> float:
    """What the frames scatter beyond their own errors [s]."""
    return math.sqrt(max(float(np.var(bias, ddof=1)) - float(np.mean(sigma**2)), 0.0))


def _of_frame(k: int, frames: list[Registered]) -> tuple[float, float] | None:
    """Bias and sigma [s] of one frame: the weighted mean of its stars."""
    frame = frames[k]
    raw = frame.facts
    picked = [i for i in lonely(frame.flattened, frame.flattened.flags, frame.stars, frame.trail.length_px)
              if frame.stars[i, 2] > LEAST_SNR][:MOST_STARS]  # fmt: skip
    rows = []
    for i in picked:
        x, y = frame.stars[i, :2]
        vx, vy = _rate_px_s(k, frames, float(x), float(y))
        fitted = trail_length(frame, float(x), float(y), Trail(vx * raw.exposure_s, vy * raw.exposure_s))
        if fitted:
            rows.append(np.array(fitted) / math.hypot(vx, vy))
    if not rows:
        return None
    seconds, sigma = np.array(rows).T
    mean, sigma_mean = _weighted_mean(seconds, sigma**2)
    return mean - raw.exposure_s, sigma_mean


def _weighted_mean(values: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Mean by inverse variance, and its sigma."""
    weight = 1.0 / variance
    return float((weight * values).sum() / weight.sum()), float(weight.sum()) ** -0.5


def _rate_px_s(k: int, frames: list[Registered], x: float, y: float) -> np.ndarray:
    """Rate (2,) of a star that is at (x, y) in frame ``k``: a straight line through where it is in all frames."""
    plane = frames[k].transform.to_registered(np.float64(x), np.float64(y))
    places = np.array([frame.transform.to_detector(*plane) for frame in frames], float)
    times = np.array([frame.facts.t_mid_tai_ns for frame in frames], np.int64)
    return velocity((times - times[0]) / NS_PER_S, places)


def trail_length(frame: Registered, x: float, y: float, trail: Trail) -> tuple[float, float] | None:
    """Length and its sigma [px] of the trail of a star near (x, y), by least squares on its pixels; None if it is no lone star.

    The profile is a box seen through a Gaussian of free width (Veres et al. 2012). All pixels count alike, so that the steep ends
    decide and not the wings, of which the Gaussian knows nothing; the error is that of the pixels' own noise all the same.
    """
    s, flat = frame.psf_sigma_px, frame.flattened
    hx, hy = (math.ceil(5.0 * s + 0.5 * abs(d)) for d in (trail.dx_px, trail.dy_px))
    ix, iy = round(x), round(y)
    box = np.s_[max(iy - hy, 0) : iy + hy + 1, max(ix - hx, 0) : ix + hx + 1]
    v, u = np.mgrid[box]
    good = flat.weight[box] > 0.0
    image = flat.image_e[box][good].astype(float)
    u, v, noise2 = u[good].astype(float), v[good].astype(float), 1.0 / flat.weight[box][good].astype(float)
    if len(image) < 4 * N_TERMS:
        return None
    cos, sin = trail.direction
    p = np.array([float(image.sum()), 0.0, 0.0, 0.0, trail.length_px, s])
    inverse = np.zeros((N_TERMS, N_TERMS))
    for _ in range(ROUNDS):
        flux, level, along, across, length, width = p.tolist()
        if flux <= 0.0 or length < s or not 0.5 * s < width < 2.0 * s:
            return None
        a, c = (u - x) * cos + (v - y) * sin - along, (v - y) * cos - (u - x) * sin - across
        model, terms = _trail(a, c, flux, level, length, width)
        if not invert_symmetric(np.einsum("ip,jp->ij", terms, terms), inverse):
            return None
        step = np.einsum("ij,jp,p->i", inverse, terms, image - model)
        step[2:] = np.clip(step[2:], -s, s)
        p = p + step
    photons = np.maximum(model, 0.0) if flat.facts.is_gain_known else 0.0
    left2 = (image - model) ** 2
    if float(left2.mean()) > float((noise2 + photons).mean()) + (WORST_MISFIT * float(model.max())) ** 2:
        return None
    cov = np.einsum("ij,jp,kp,kl->il", inverse, terms * np.maximum(noise2 + photons, left2), terms, inverse)
    return float(p[4]), math.sqrt(cov[4, 4])


def _trail(a: np.ndarray, c: np.ndarray, flux: float, level: float, length: float, s: float) -> tuple[np.ndarray, np.ndarray]:
    """A trail at offsets ``a`` along and ``c`` across it, and its derivatives by flux, level, the centre along and across,
    length and width (6, p)."""
    norm = 1.0 / (s * math.sqrt(2.0 * math.pi))
    across = norm * np.exp(-0.5 * (c / s) ** 2)
    ends = [a + 0.5 * length, a - 0.5 * length]
    (step_1, edge_1), (step_2, edge_2) = ((0.5 * erf(e / (s * math.sqrt(2.0))), norm * np.exp(-0.5 * (e / s) ** 2)) for e in ends)
    along = (step_1 - step_2) / length
    by_length = (0.5 * (edge_1 + edge_2) - along) / length
    by_width = along * (c * c / (s * s) - 1.0) / s - (ends[0] * edge_1 - ends[1] * edge_2) / (s * length)
    slopes = [(edge_2 - edge_1) / length, along * c / (s * s), by_length, by_width]
    shape = along * across
    return flux * shape + level, np.stack([shape, np.ones_like(a), *(flux * slope * across for slope in slopes)])
