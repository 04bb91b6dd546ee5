"""Small made skies that share nothing with the renderer: fixed stars, movers and streaks of a PSF integrated over pixels, Poisson
and read noise, written as the FITS files of somebody else's camera."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from scipy.special import erf

FWHM_PER_SIGMA = 2.3548
CADENCE_S = 10.0
SKY_E, READ_E, BIAS_DN = 200.0, 5.0, 100.0
Light = Callable[[int, tuple[int, int]], np.ndarray]  # electrons (ny, nx) added to frame k


@dataclass(frozen=True)
class Optics:
    """Width of the core and, of a wing 2.5 times as wide, the share of the light."""

    fwhm_px: float = 2.6
    wing: float = 0.07


def trail(shape, start, end, electrons, optics):
    """Electrons per pixel of a point that moves evenly from ``start`` to ``end`` (x, y)."""
    core = (1.0 - optics.wing) * _gaussian_trail(shape, start, end, optics.fwhm_px)
    wing = optics.wing * _gaussian_trail(shape, start, end, 2.5 * optics.fwhm_px) if optics.wing else 0.0
    return electrons * (core + wing)


def _gaussian_trail(shape, start, end, fwhm_px):
    s = fwhm_px / FWHM_PER_SIGMA
    start, end = np.array(start, float), np.array(end, float)
    n = max(int(np.ceil(np.hypot(*(end - start)) / 0.25)), 1)
    places = start + ((np.arange(n) + 0.5) / n)[:, None] * (end - start)

    def shares(middles, size):
        edges = (np.arange(size + 1)[None, :] - 0.5 - middles[:, None]) / (s * np.sqrt(2.0))
        return 0.5 * np.diff(erf(edges), axis=1)

    return shares(places[:, 1], shape[0]).T @ shares(places[:, 0], shape[1]) / n


def mover(x, y, vx, vy, electrons, part=0.1, drift=None):
    """Light of an object at (x, y) in frame 0 that moves [px/frame] while a ``part`` of the cadence is exposed; ``electrons`` is
    a number or one for each frame, ``drift`` (n, 2) what carries it over the detector besides [px]."""

    def light(k, shape, optics):
        flux = electrons[k] if isinstance(electrons, Sequence) else electrons
        x0, y0 = (x, y) if drift is None else (x + drift[k][0], y + drift[k][1])
        ends = [(x0 + vx * (k + sign * 0.5 * part), y0 + vy * (k + sign * 0.5 * part)) for sign in (-1, 1)]
        return trail(shape, *ends, flux, optics)

    return light


def streak(frame, start, end, electrons):
    """Light of an object that crosses one frame."""
    return lambda k, shape, optics: trail(shape, start, end, electrons, optics) if k == frame else 0.0


def warm_pattern(rng, shape, share=0.12, median_e=800.0):
    """Dark charge (ny, nx) [e-] of a detector of which a ``share`` is warm, with a long tail."""
    warm = rng.uniform(size=shape) < share
    return np.where(warm, median_e * np.exp(0.8 * rng.normal(size=shape)), rng.uniform(0.0, 100.0, shape))


def frames(
    rng, lights=(), n=8, shape=(160, 160), n_stars=30, optics=None, transparency=None, drift=None, dark=None, faintest=2000.0,
    brightest=60000.0,
):  # fmt: skip
    """Frames [DN] (ny, nx): a list of ``n``; ``transparency`` (n,) is the part of the light that passes, ``drift`` (n, 2) where
    the sky lies over the detector [px], ``dark`` (n, ny, nx) charge that no light made [e-], ``faintest`` and
    ``brightest`` the range of the stars' light."""
    optics = optics or Optics()
    ny, nx = shape
    places = rng.uniform((-10, -10), (nx + 10, ny + 10), (n_stars, 2))
    fluxes = np.exp(rng.uniform(np.log(faintest), np.log(brightest), n_stars))

    def stars(moved):
        return sum((trail(shape, p + moved, p + moved, f, optics) for p, f in zip(places, fluxes, strict=True)), np.zeros(shape))

    still = stars(np.zeros(2)) if drift is None else None
    made = []
    for k in range(n):
        passed = 1.0 if transparency is None else transparency[k]
        sky = still if still is not None else stars(drift[k])
        electrons = SKY_E + passed * (sky + sum(light(k, shape, optics) for light in lights))
        if dark is not None:
            electrons = electrons + dark[k]
        made.append(BIAS_DN + rng.poisson(electrons) + rng.normal(0.0, READ_E, shape))
    return made


def write(folder: Path, made, **cards) -> Path:
    """A folder of FITS files of uint16, one a frame, ten seconds apart."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, image in enumerate(made):
        seconds = k * CADENCE_S
        header = fits.Header({"EXPTIME": 1.0, "GAIN": 1.0} | cards)
        header["DATE-OBS"] = f"2024-03-05T12:{int(seconds // 60):02d}:{seconds % 60:06.3f}"
        fits.PrimaryHDU(np.clip(np.rint(image), 0, 65535).astype(np.uint16), header).writeto(folder / f"f{k:03d}.fits")
    return folder
