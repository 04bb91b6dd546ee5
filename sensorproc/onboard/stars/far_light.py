"""Light that no model of a point holds: what mirrors' edges, spiders and dust throw far from it, by stars' curves of growth.

A filter's flux is compared with all the light in ever wider apertures around bright lonely stars (Howell 1989; Stetson 1990).
What is beyond the widest is taken to fall as a pupil's edges let it, with one over the distance (Born & Wolf, section 8.5.2).
"""

from dataclasses import dataclass

import numpy as np

from sensorproc.onboard.kernels.trail import draw_trail
from sensorproc.onboard.products import Registered, Trail
from sensorproc.onboard.stars.psf import Psf, lonely_stars, sampled_frames
from sensorproc.onboard.stars.sidelobe import BRIGHT_SNR
from sensorproc.onboard.threads import each

REACHES = (16.0, 12.0, 8.0)  # Widest apertures tried, in PSF sigmas.
CORE_SIGMAS, RINGS = 4.0, 4  # Rings lie between the core, whose pixels must all be good, and the widest aperture.
EXTRAPOLATED = 0.5  # Part of what is not seen but fitted that may be wrong, 1 sigma.
CLIP = 4.0  # A ring that lies so many of its errors from those of other stars has a neighbour in it.
USUAL = 0.15  # Part of the light far out before a star was seen, 1 sigma: none by a lens, a fifth and more by an obscured mirror.


@dataclass(frozen=True)
class FarLight:
    """Part of a point's light that its model does not hold, and the sigma of that part."""

    share: float = 0.0
    sigma: float = USUAL


def far_light(frames: list[Registered], weight: np.ndarray, psf: Psf) -> FarLight:
    """By the widest aperture whose answer is best known; ``weight`` (n, ny, nx) is zero where a pixel tells nothing."""
    found = [_within(frames, weight, psf, reach) for reach in REACHES]
    share, sigma = min(found, key=lambda one: one[1])
    told = USUAL**2 / (USUAL**2 + sigma**2)
    return FarLight(share * told, USUAL * float(np.sqrt(1.0 - told)))


def _within(frames: list[Registered], weight: np.ndarray, psf: Psf, reach: float) -> tuple[float, float]:
    """Share and sigma by apertures of up to ``reach`` sigmas; sigma is infinite where no star tells."""
    s, edges = psf.filter_px, np.geomspace(CORE_SIGMAS, reach, RINGS + 1) * psf.filter_px
    stars = each(lambda k: _rings(frames[k], weight[k], s, edges), sampled_frames(len(frames)))
    light, noise = (np.concatenate([one[i] for one in stars]) for i in (0, 1))
    if not len(light):
        return 0.0, np.inf
    middle = np.median(light, axis=0)
    good = np.abs(light - middle) < CLIP * np.maximum(noise, 1.4826 * np.median(np.abs(light - middle), axis=0))
    information = good / noise**2
    if not information.sum(axis=0).all():
        return 0.0, np.inf
    mean, variance = (light * information).sum(axis=0) / information.sum(axis=0), 1.0 / information.sum(axis=0)
    beyond = _beyond(edges, _areas(edges, frames[0].trail), variance[1:])
    whole = float(mean.sum() + beyond @ mean[1:])
    if not whole > 0.0:
        return 0.0, np.inf
    sigma = np.sqrt(variance[0] + ((1.0 + beyond) ** 2 * variance[1:]).sum())
    return 1.0 - 1.0 / (whole * psf.flux_ratio), float(np.hypot(sigma, EXTRAPOLATED * (beyond @ mean[1:]))) / whole


def _beyond(edges: np.ndarray, areas: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """What each ring's light (m,) counts in the sum that is missing: light B / r beyond the last edge, and light P in every pixel
    that was taken for sky. All rings but the first tell B and P by least squares."""
    model = np.stack([1.0 / edges[:-1] - 1.0 / edges[1:], -areas], axis=1)
    weight = np.concatenate([[0.0], 1.0 / variance[1:]])
    b, p = np.linalg.solve((model.T * weight) @ model, model.T * weight)
    return np.asarray(b / edges[-1] + p * (np.pi * edges[0] ** 2 + areas.sum()))


def _areas(edges: np.ndarray, trail: Trail) -> np.ndarray:
    """Area of the rings around a trail [px^2]."""
    return np.diff(np.pi * edges**2 + 2.0 * edges * trail.length_px)


def _rings(frame: Registered, weight: np.ndarray, s: float, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light in the core and the rings of each star (n, 1 + rings), in parts of what a filter finds of it, and its sigmas;
    infinite where less than half of a ring is good."""
    image, trail = frame.flattened.image_e, frame.trail
    stars = lonely_stars(frame.stars, 2.0 * edges[-1] + trail.length_px + 2.0, image.shape)
    found = [_of_star(image, weight, trail, s, edges, (x, y)) for x, y in stars[stars[:, 2] > BRIGHT_SNR, :2].tolist()]
    usable = np.array([one for one in found if one is not None])
    return (usable[:, 0], usable[:, 1]) if len(usable) else (np.empty((0, 1 + RINGS)),) * 2


def _of_star(
    image: np.ndarray, weight: np.ndarray, trail: Trail, s: float, edges: np.ndarray, place: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Those of one star; None if its core has a bad pixel."""
    half = int(np.ceil(edges[-1] + 0.5 * trail.length_px)) + 1
    x0, y0 = (max(round(at) - half, 0) for at in place)
    box = np.s_[y0 : round(place[1]) + half + 1, x0 : round(place[0]) + half + 1]
    light, w = image[box].astype(float), weight[box].astype(float)
    x, y = place[0] - x0, place[1] - y0
    ring = np.digitize(_distance(light.shape, x, y, trail), edges)
    core = ring == 0
    if not (w[core] > 0.0).all():
        return None
    h = np.empty_like(light)
    draw_trail(x, y, trail.length_px, *trail.direction, s, h)
    flux = float((w * h * light)[core].sum() / (w * h * h)[core].sum())
    area = _areas(edges, trail)
    good = (w > 0.0) & ~core & (ring <= RINGS)
    n, total, variance = (
        np.bincount(ring[good], values, RINGS + 1)[1:] for values in (np.ones(good.sum()), light[good], 1.0 / w[good])
    )
    part = area / np.maximum(n, 1.0)  # of the ring's pixels to those that were good
    sigma = np.where(n > 0.5 * area, part * np.sqrt(variance), np.inf)
    core_sigma = np.sqrt((1.0 / w[core]).sum())
    return np.array([light[core].sum(), *(part * total)]) / flux, np.array([core_sigma, *sigma]) / flux


def _distance(shape: tuple[int, ...], x: float, y: float, trail: Trail) -> np.ndarray:
    """Distance [px] of every pixel from the trail through (x, y)."""
    cos, sin = trail.direction
    dy, dx = np.mgrid[: shape[0], : shape[1]] - np.array([y, x])[:, None, None]
    along = dx * cos + dy * sin
    beyond = np.maximum(np.abs(along) - 0.5 * trail.length_px, 0.0)
    return np.asarray(np.hypot(beyond, dy * cos - dx * sin))
