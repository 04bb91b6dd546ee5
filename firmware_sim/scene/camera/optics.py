"""From directions to light on pixels: aberration, projection, distortion, and the width of the point spread function."""

import math

import numpy as np

from firmware_sim.scene.camera.psf import REACH_PX, Profile
from firmware_sim.scene.kernels.deposit import deposit
from firmware_sim.scene.settings.scene import Optics, Sensor
from sensorproc.conventions import ARCSEC_PER_RAD, FWHM_PER_SIGMA, SPEED_OF_LIGHT_KM_S

HALO_EVERY = 4  # the wide halo needs fewer samples of a trail
FAR_PX = -1e6  # where sources behind the camera are put


def sampled_width(core_px: float) -> float:
    """Width of a Gaussian core as pixels see it, 1 sigma: a pixel adds its own variance of 1/12."""
    return math.sqrt(core_px**2 + 1.0 / 12.0)


def point_noise_e(core_px: float, variance_e2: float) -> float:
    """Electrons of a point whose matched filter has an SNR of 1 over noise of so much variance a pixel (4 pi s^2 pixels)."""
    return math.sqrt(variance_e2 * 4.0 * math.pi) * sampled_width(core_px)


def seen(direction: np.ndarray, velocity_km_s: np.ndarray) -> np.ndarray:
    """Apparent directions (n, 3) for an observer moving against the barycentre (special relativity, exact)."""
    beta = velocity_km_s / SPEED_OF_LIGHT_KM_S
    gamma = 1.0 / math.sqrt(1.0 - beta @ beta)
    along = direction @ beta
    moved = direction / gamma + beta + (gamma / (1.0 + gamma)) * along[:, None] * beta
    return moved / np.linalg.norm(moved, axis=1)[:, None]


class Lens:
    """The optics of one sensor. ``blur_rad`` is what shaking adds to the core's width."""

    def __init__(self, optics: Optics, sensor: Sensor, blur_rad: float):
        self.optics, self.shape = optics, sensor.shape_px
        self.ifov_rad = sensor.ifov_arcsec / ARCSEC_PER_RAD
        self.centre = np.array([(self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2])
        self.corner_px = float(np.hypot(*self.centre))
        self.core_px = math.hypot(sensor.psf_fwhm_px / FWHM_PER_SIGMA, optics.defocus_px)
        self.blur_px = blur_rad / self.ifov_rad
        self.profile = None if optics.family == "gaussian" else Profile(optics, sensor.psf_fwhm_px, self.blur_px)

    def project(self, apparent: np.ndarray, camera: np.ndarray) -> np.ndarray:
        """Pixels (n, 2) of apparent directions; those behind the camera fall far outside."""
        u, v, w = (apparent @ camera).T
        ahead = np.where(w > 0.1, w, np.nan)
        plane = np.stack([u / ahead, v / ahead], axis=1) / self.ifov_rad
        out2 = (plane**2).sum(axis=1, keepdims=True) / max(self.corner_px, 1.0) ** 2
        bend = self.optics.distortion_px / max(self.corner_px, 1.0) * np.minimum(out2, 2.0)
        return np.nan_to_num(plane * (1.0 + bend) + self.centre, nan=FAR_PX)

    def widths_px(self, places: np.ndarray) -> np.ndarray:
        """Core width (n,), 1 sigma, at places (n, 2)."""
        out2 = ((places - self.centre) ** 2).sum(axis=1) / max(self.corner_px, 1.0) ** 2
        return np.hypot(self.core_px * (1.0 + self.optics.field_growth * np.minimum(out2, 2.0)), self.blur_px)

    def reach_px(self) -> int:
        """Half-width of the largest image of a point."""
        if self.profile is not None:
            return REACH_PX
        widest = math.hypot(self.core_px * (1.0 + 2.0 * self.optics.field_growth), self.blur_px)
        return math.ceil(5.0 * widest * self.optics.halo_ratio) + 2

    def add(self, image: np.ndarray, paths: np.ndarray, electrons: np.ndarray, widths: np.ndarray) -> None:
        """Add sources trailed along paths (k, n, 2): ``electrons`` (k, n) at every sample, ``widths`` (n,) of Gaussian cores."""
        if self.profile is not None:
            self.profile.add(image, paths.reshape(-1, 2), electrons.ravel())
            return
        halo = self.optics.halo_fraction
        for share, ratio, every in ((1.0 - halo, 1.0, 1), (halo, self.optics.halo_ratio, HALO_EVERY)):
            if not share:
                continue
            part = np.ascontiguousarray(paths[every // 2 :: every]) if len(paths) >= every else paths
            flux = _resampled(electrons, len(part)) * share
            sigma = np.tile(widths * ratio, len(part))
            deposit(image, part.reshape(-1, 2), np.ascontiguousarray(flux).ravel(), sigma)


def _resampled(electrons: np.ndarray, n: int) -> np.ndarray:
    """Electrons (k, n_sources) gathered into ``n`` samples of the same total."""
    if len(electrons) == n:
        return electrons
    edges = np.linspace(0, len(electrons), n + 1)[:-1].astype(int)
    return np.add.reduceat(electrons, edges, axis=0)
