"""The point spread function as the stars of a set show it: a core that may grow towards the corners, and a wider wing.

A Gaussian core sampled at pixel centres, a wing a few times as wide that holds a small part of the light, and, in a
moving camera, the trail of both. Real optics are not Gaussian; what this form misses is measured on the bright stars
and becomes their model's error (:mod:`sensorproc.onboard.stars.star_model`).
"""

from dataclasses import dataclass

import numpy as np

from sensorproc.conventions import FWHM_PER_SIGMA
from sensorproc.onboard.kernels.psf_scan import psf_scan
from sensorproc.onboard.products import Registered
from sensorproc.onboard.threads import each

WIDTHS = np.geomspace(0.5, 3.5, 50)  # Sigmas of the cores tried [px], 4 % apart.
NARROWEST_FWHM_PX = FWHM_PER_SIGMA * float(WIDTHS[0])  # A narrower PSF cannot be told from this one.
WING_RATIOS = (2.0, 2.5, 3.0, 3.6, 4.5)  # Wings tried, in widths of their core.
MAX_WING = 0.6  # The wing holds at most this part of the light: one that holds more is the core.
BRIGHT_SNR = 25.0  # Stars below it do not tell the width.
MAX_STARS, MIN_STARS = 40, 6  # Stars measured in a frame, and needed in all.
SAMPLED_FRAMES = 4  # Frames of a set, evenly spread, whose stars are measured.
WING_SNR = 80.0  # Stars so bright show a wing.
NO_FIT = 1e30  # Misfit of what is no fit.
HALF_WIDTHS = 9.0  # Pixels looked at reach so many expected widths from the trail.
MIN_STARS_FOR_FIELD = 24  # So many stars tell whether the PSF grows towards the corners.


@dataclass(frozen=True)
class Psf:
    """Sigma of the core [px] at the centre and its relative growth to the corner (quadratic); wing's share and width ratio."""

    core_px: float
    growth: float = 0.0
    wing_fraction: float = 0.0
    wing_ratio: float = 3.0

    def widths(self, x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Core sigma [px] at detector places."""
        return np.asarray(self.core_px * (1.0 + self.growth * off_axis(x, y, shape)))

    @property
    def filter_px(self) -> float:
        """Sigma [px] of the Gaussian that filters a point best, typical of the field."""
        return self.core_px * (1.0 + self.growth / 3.0)

    @property
    def flux_ratio(self) -> float:
        """Flux a fit by the core alone finds, of the whole: the wing adds its overlap with the core only."""
        return 1.0 - self.wing_fraction * (1.0 - 2.0 / (1.0 + self.wing_ratio**2))


def off_axis(x: np.ndarray, y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Squared distance from the centre over that of the corner."""
    ny, nx = shape
    cx, cy = 0.5 * (nx - 1), 0.5 * (ny - 1)
    return ((x - cx) ** 2 + (y - cy) ** 2) / max(cx * cx + cy * cy, 1.0)


def measure_psf(frames: list[Registered], believed_px: float) -> Psf:
    """PSF from the bright lonely stars of some frames; a core of ``believed_px`` where there are too few."""
    scans = each(lambda k: _scan(frames[k], believed_px), sampled_frames(len(frames)))
    where, misfit, amplitude, snr = (np.concatenate(item) for item in zip(*scans, strict=True))
    _refuse_wide_wings(misfit, amplitude)
    best = misfit.min(axis=2)  # over widths
    is_fitted = best.min(axis=1) < NO_FIT
    where, misfit, amplitude, snr, best = (item[is_fitted] for item in (where, misfit, amplitude, snr, best))
    if len(where) < MIN_STARS:
        return Psf(believed_px)
    bright = snr > min(WING_SNR, float(np.sort(snr)[-min(MIN_STARS, len(snr))]))
    worse = best[bright] / best[bright].min(axis=1, keepdims=True) - 1.0
    ratio = int(np.argmin(np.minimum(worse, 4.0 * np.median(worse) + 1e-9).sum(axis=0)))
    rows = np.arange(len(where))
    core, wing = amplitude[rows, ratio, np.argmin(misfit[:, ratio], axis=1), :2].T
    share = wing / np.maximum(core + wing, 1e-6)
    fraction = max(float(np.median(share[bright])), 0.0)
    widths = np.array([_vertex_width(row) for row in misfit[:, ratio]])
    r2 = off_axis(where[:, 0], where[:, 1], frames[0].flattened.image_e.shape)
    centre, growth = float(np.median(widths)), 0.0
    if len(widths) >= MIN_STARS_FOR_FIELD:
        centre, growth = _growth(r2, widths)
    return Psf(centre, growth, fraction, WING_RATIOS[ratio])


def sampled_frames(n: int) -> list[int]:
    """Which of ``n`` frames tell the PSF of a set."""
    return sorted({round(k) for k in np.linspace(0, n - 1, SAMPLED_FRAMES)})


def _refuse_wide_wings(misfit: np.ndarray, amplitude: np.ndarray) -> None:
    """Mark as no fit, in place, what has more than :data:`MAX_WING` of its light in the wing.

    Else a core without light and a wing that has all of it would be as good a fit as the core alone.
    """
    core, wing = amplitude[..., 0], amplitude[..., 1]
    misfit[(core <= 0.0) | (wing > MAX_WING * (core + wing))] = NO_FIT


def _scan(frame: Registered, s: float) -> tuple[np.ndarray, ...]:
    """Places (n, 2), misfits (n, ratios, widths), amplitudes (n, ratios, widths, 3) and SNR (n,) of one frame's stars."""
    flat, trail = frame.flattened, frame.trail
    reach = HALF_WIDTHS * s
    stars = lonely_stars(frame.stars, 1.5 * reach + trail.length_px, flat.image_e.shape)
    length = trail.length_px
    cos, sin = trail.direction
    n = len(stars)
    misfit = np.empty((n, len(WING_RATIOS), len(WIDTHS)))
    amplitudes = np.zeros((n, len(WING_RATIOS), len(WIDTHS), 3))
    places = np.ascontiguousarray(stars[:, :2])
    widths = WIDTHS[(0.5 * s < WIDTHS) & (2.0 * s > WIDTHS)]
    chosen = np.searchsorted(WIDTHS, widths)
    misfit[:] = NO_FIT
    for i, ratio in enumerate(WING_RATIOS):
        chi2, parts = np.empty((n, len(widths))), np.zeros((n, len(widths), 3))
        psf_scan(flat.image_e, flat.weight, places, length, cos, sin, widths, ratio, reach, chi2, parts)
        misfit[:, i, chosen], amplitudes[:, i, chosen] = chi2, parts
    return places, misfit, amplitudes, stars[:, 2]


def lonely_stars(stars: np.ndarray, apart: float, shape: tuple[int, ...]) -> np.ndarray:
    """The brightest stars with no other one near and room to the edges."""
    ny, nx = shape
    x, y = stars[:, 0], stars[:, 1]
    distance = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :])
    np.fill_diagonal(distance, np.inf)
    room = 0.5 * apart
    inside = (x > room) & (y > room) & (x < nx - 1 - room) & (y < ny - 1 - room)
    alone = distance.min(axis=1, initial=np.inf) > apart
    return stars[inside & alone & (stars[:, 2] > BRIGHT_SNR)][:MAX_STARS]


def _vertex_width(misfit: np.ndarray) -> float:
    """Width of least misfit, between the ones tried."""
    i = int(np.argmin(misfit))
    if not 0 < i < len(misfit) - 1 or max(misfit[i - 1], misfit[i + 1]) >= NO_FIT:
        return float(WIDTHS[i])
    a, b, c = misfit[i - 1 : i + 2]
    shift = 0.5 * (a - c) / (a - 2.0 * b + c) if a - 2.0 * b + c > 0 else 0.0
    return float(WIDTHS[i] * (WIDTHS[1] / WIDTHS[0]) ** shift)


def _growth(r2: np.ndarray, widths: np.ndarray) -> tuple[float, float]:
    """Width at the centre and relative growth to the corner: a line through the medians of four rings, then trimmed."""
    keep = np.abs(widths - np.median(widths)) < 0.25 * np.median(widths)
    for _ in range(3):
        x, w = r2[keep], widths[keep]
        mean = x.mean()
        slope = float(((x - mean) * (w - w.mean())).sum() / max(((x - mean) ** 2).sum(), 1e-9))
        centre = float(w.mean() - slope * mean)
        off = np.abs(widths - centre - slope * r2)
        keep = off < 3.0 * max(float(np.median(off)), 1e-3)
    return centre, slope / centre
