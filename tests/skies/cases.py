"""Small made-up recordings with known content. They share no code with the detector.

Pixel-integrated Gaussian PSF, Poisson sky and sources, read noise, hot pixels, particle hits; stars stand still, or
trail as a body-fixed camera sees them; targets move in straight lines.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from sensorproc.frames import SensorFacts
from sensorproc.recording.pixels import make_frame
from sensorproc.recording.writer import write_frame
from sensorproc.timescales import tai_ns_from_utc

FULL_WELL_E, DISC_STEP_PX = 90_000.0, 1.0
START = tai_ns_from_utc("2026-03-01T12:00:00")


@dataclass(frozen=True)
class Target:
    """A mover: place at the first mid-exposure [px], rate over the detector [px/frame], electrons per exposure; an evenly bright
    disc if it has a diameter."""

    x: float
    y: float
    vx: float
    vy: float
    flux_e: float
    diameter_px: float = 0.0


@dataclass(frozen=True)
class Crossing:
    """An object that streaks through one frame: its middle [px], length [px], angle [rad] and electrons."""

    frame: int
    x: float
    y: float
    length_px: float
    angle_rad: float
    flux_e: float


@dataclass(frozen=True)
class Case:
    """One recording."""

    shape: tuple[int, int] = (192, 224)
    n_frames: int = 8
    exposure_s: float = 0.8
    cadence_s: float = 1.0
    star_rate: tuple[float, float] = (0.0, 0.0)  # of the stars over the detector, px/frame
    n_stars: int = 60
    star_log_e: tuple[float, float] = (2.6, 4.6)  # faintest and brightest star's, electrons per exposure
    psf_sigma_px: float = 0.85
    sky_e: float = 40.0
    gradient_e: float = 0.0  # more of it at the right edge than at the left
    read_noise_e: float = 5.0
    gain_e_per_dn: float = 1.5
    bias_dn: float = 300.0
    n_hot: int = 30
    n_hits: int = 12
    jitter_px: float = 0.2
    seed: int = 1
    targets: tuple[Target, ...] = field(default_factory=tuple)
    crossings: tuple[Crossing, ...] = field(default_factory=tuple)


def draw(image: np.ndarray, x: float, y: float, flux_e: float, s: float, trail: tuple[float, float]) -> None:
    """Add a source trailed symmetrically about (x, y), integrated over each pixel, in place."""
    steps = max(1, int(np.ceil(np.hypot(*trail) / 0.2)))
    for u in (np.arange(steps) + 0.5) / steps - 0.5:
        cx, cy = x + u * trail[0], y + u * trail[1]
        i0, j0 = int(np.floor(cx)) - 6, int(np.floor(cy)) - 6
        ex = np.diff(ndtr((np.arange(i0, i0 + 14) - 0.5 - cx) / s))
        ey = np.diff(ndtr((np.arange(j0, j0 + 14) - 0.5 - cy) / s))
        a, b = max(i0, 0), min(i0 + 13, image.shape[1])
        c, d = max(j0, 0), min(j0 + 13, image.shape[0])
        if a < b and c < d:
            image[c:d, a:b] += flux_e / steps * ey[c - j0 : d - j0, None] * ex[None, a - i0 : b - i0]


def render(case: Case) -> np.ndarray:
    """Frames (n, ny, nx) uint16 [DN]."""
    rng = np.random.default_rng(case.seed)
    ny, nx = case.shape
    reach = np.abs(np.array(case.star_rate)) * case.n_frames
    area = (nx + 2 * reach[0]) * (ny + 2 * reach[1])
    n_stars = int(case.n_stars * area / (nx * ny))
    stars = np.stack([rng.uniform(-reach[0], nx + reach[0], n_stars), rng.uniform(-reach[1], ny + reach[1], n_stars)], 1)
    fluxes = 10 ** rng.uniform(*case.star_log_e, n_stars)
    hot = rng.integers(0, ny, case.n_hot), rng.integers(0, nx, case.n_hot)
    hot_e = 10 ** rng.uniform(1.8, 3.3, case.n_hot)
    fraction = case.exposure_s / case.cadence_s
    star_trail = case.star_rate[0] * fraction, case.star_rate[1] * fraction
    frames = np.empty((case.n_frames, ny, nx), np.uint16)
    drift = wander(case)
    for k in range(case.n_frames):
        image = np.full(case.shape, case.sky_e) + case.gradient_e * np.linspace(0.0, 1.0, nx)
        for (x, y), flux in zip(stars, fluxes, strict=True):
            at = x + case.star_rate[0] * (k - case.n_frames / 2), y + case.star_rate[1] * (k - case.n_frames / 2)
            draw(image, at[0] + drift[k, 0], at[1] + drift[k, 1], flux, case.psf_sigma_px, star_trail)
        for t in case.targets:
            trail, at = (t.vx * fraction, t.vy * fraction), target_path(case, t)[k]
            for dx, dy, share in disc(t.diameter_px):
                draw(image, at[0] + dx, at[1] + dy, t.flux_e * share, case.psf_sigma_px, trail)
        for c in case.crossings:
            if c.frame == k:
                trail = c.length_px * np.cos(c.angle_rad), c.length_px * np.sin(c.angle_rad)
                draw(image, c.x, c.y, c.flux_e, case.psf_sigma_px, trail)
        image[hot] += hot_e
        noisy = np.minimum(rng.poisson(image), FULL_WELL_E) + rng.normal(0.0, case.read_noise_e, case.shape)
        for _ in range(case.n_hits):
            _hit(noisy, rng)
        frames[k] = np.clip(np.rint(noisy / case.gain_e_per_dn + case.bias_dn), 0, 65535)
    return frames


def disc(diameter_px: float) -> list[tuple[float, float, float]]:
    """Points (dx, dy, share of the light) of an even disc, as far apart as a PSF allows."""
    n = round(np.pi * (diameter_px / 2.0 / min(DISC_STEP_PX, max(diameter_px, 0.1) / 5.0)) ** 2) if diameter_px > 0 else 1
    turn = np.pi * (3.0 - np.sqrt(5.0))
    radius = 0.5 * diameter_px * np.sqrt((np.arange(n) + 0.5) / n)
    points = np.stack([radius * np.cos(np.arange(n) * turn), radius * np.sin(np.arange(n) * turn)], axis=1)
    return [(dx, dy, 1.0 / n) for dx, dy in (points - points.mean(axis=0)).tolist()]


def wander(case: Case) -> np.ndarray:
    """Pointing error of every frame (n, 2) [px]."""
    return np.random.default_rng(case.seed + 1000).normal(0.0, case.jitter_px, (case.n_frames, 2))


def target_path(case: Case, target: Target) -> np.ndarray:
    """Where a target is at every mid-exposure (n, 2) [px]."""
    k = np.arange(case.n_frames)[:, None]
    return np.array([target.x, target.y]) + k * np.array([target.vx, target.vy]) + wander(case)


def _hit(image: np.ndarray, rng: np.random.Generator) -> None:
    ny, nx = image.shape
    x, y, angle = rng.uniform(0, nx), rng.uniform(0, ny), rng.uniform(0, 2 * np.pi)
    charge = 10 ** rng.uniform(2.3, 3.5)
    for step in np.arange(0.0, 1.0 + rng.exponential(3.0), 0.7):
        i, j = int(x + step * np.cos(angle)), int(y + step * np.sin(angle))
        if 0 <= i < nx and 0 <= j < ny:
            image[j, i] += charge


def write(case: Case, folder: Path) -> None:
    """Write a recording: Rice FITS frames, meta.json, and truth.json in the form ``score`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = SensorFacts(case.gain_e_per_dn, case.read_noise_e, case.bias_dn, 90000.0, 6.0, 21.5)
    for k, data in enumerate(render(case)):
        t_mid = START + round((k * case.cadence_s + 0.5 * case.exposure_s) * 1e9)
        write_frame(folder / f"frame_{k:04d}.fits", make_frame(data, f"frame_{k:04d}.fits", t_mid, case.exposure_s, facts))
    (folder / "truth.json").write_text(json.dumps({"frames": truth(case)}, indent=1) + "\n", "utf-8")


def truth(case: Case) -> list[dict]:
    """Targets of every frame; SNR is the background-limited matched-filter one."""
    fraction = case.exposure_s / case.cadence_s
    s2 = case.psf_sigma_px**2 + 1.0 / 12.0
    frames = []
    for k in range(case.n_frames):
        targets = []
        for i, t in enumerate(case.targets):
            x, y = target_path(case, t)[k].tolist()
            dx, dy = t.vx * fraction, t.vy * fraction
            snr = t.flux_e / np.sqrt((case.sky_e + case.read_noise_e**2) * 4 * np.pi * s2)
            targets.append({"id": i, "x": x, "y": y, "x0": x - dx / 2, "y0": y - dy / 2, "x1": x + dx / 2, "y1": y + dy / 2,
                            "streak_px": float(np.hypot(dx, dy)), "snr": float(snr), "flags": []})  # fmt: skip
        frames.append({"index": k, "targets": targets})
    return frames


SIDEREAL = Case(targets=(Target(60, 60, 3.0, 1.5, 900.0), Target(150, 140, -2.0, 2.0, 600.0)))
BODY_FIXED = Case(
    shape=(256, 256),
    star_rate=(-7.0, 5.0),
    n_hot=0,
    targets=(Target(80.3, 90.6, 0.4, 0.1, 900.0), Target(170.0, 160.0, -1.2, 0.8, 700.0)),
    seed=7,
)
EMPTY = Case(seed=3)
SAMPLE = BODY_FIXED
