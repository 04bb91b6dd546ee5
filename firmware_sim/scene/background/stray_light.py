"""Light between the stars: the sky's own, and what the Sun and the Earth throw past the baffle."""

import math

import numpy as np

from firmware_sim.scene.background.stars import electrons_per_s
from firmware_sim.scene.objects.illumination import is_in_shadow
from firmware_sim.scene.settings.scene import Sensor, Sky, StrayLight

RIGHT_ANGLE_DEG = 90.0


class Diffuse:
    """Diffuse light over the field: a floor, and maps that follow the places of the Sun and the Earth."""

    def __init__(self, sensor: Sensor, sky: Sky, stray: StrayLight):
        per_pixel_mag = sky.brightness_mag_arcsec2 - 2.5 * math.log10(sensor.ifov_arcsec**2)
        self.floor_e_s = float(electrons_per_s(per_pixel_mag, sensor.zeropoint_mag))
        self.stray = stray
        ny, nx = sensor.shape_px
        y, x = np.mgrid[0:ny, 0:nx]
        half = max(math.hypot(nx, ny) / 2, 1.0)
        self.u, self.v = (x - (nx - 1) / 2) / half, (y - (ny - 1) / 2) / half  # within the unit circle
        from_ghost = np.hypot(x / max(nx - 1, 1) + 0.35, y / max(ny - 1, 1) - 1.2)
        self.arc = np.exp(-0.5 * ((from_ghost - 0.95) / 0.12) ** 2)

    def light_e_s(self, camera: np.ndarray, host_km: np.ndarray, sun_km: np.ndarray, since_s: float = 0.0) -> np.ndarray:
        """Electron rate (ny, nx) of everything diffuse; places are geocentric, ``since_s`` counts from the first frame."""
        to_sun, to_earth = sun_km - host_km, -host_km
        sun_level = 0.0 if is_in_shadow(host_km, sun_km) else fall(angle_deg(camera, to_sun), self.stray.sun_power, self.stray)
        earth_level = lit_earth(host_km, sun_km) * fall(angle_deg(camera, to_earth), self.stray.earth_power, self.stray)
        total = np.ones_like(self.u)
        total += self.stray.sun * sun_level * self._towards(camera, to_sun)
        total += self.stray.earth * earth_level * self._towards(camera, to_earth)
        total += self.stray.arc * sun_level * self.arc
        if self.stray.fading:
            total += self.stray.fading * math.exp(-since_s / self.stray.fading_s) * self._towards(camera, to_sun)
        return self.floor_e_s * total

    def _towards(self, camera: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """One at the centre of the field, more on the side of the source."""
        a, b = (camera[:, :2].T @ direction).tolist()
        size = math.hypot(a, b)
        return 1.0 + self.stray.gradient * (self.u * a + self.v * b) / size if size else np.ones_like(self.u)


def angle_deg(camera: np.ndarray, direction: np.ndarray) -> float:
    """Angle between the boresight and a direction."""
    cosine = float(camera[:, 2] @ direction / np.linalg.norm(direction))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def fall(angle: float, power: float, stray: StrayLight) -> float:
    """Stray light at an angle, in units of that at a right angle."""
    return (RIGHT_ANGLE_DEG / max(angle, stray.sun_least_deg)) ** power


def lit_earth(host_km: np.ndarray, sun_km: np.ndarray) -> float:
    """Light of the Earth as a diffuse sphere at its phase, in units of the full Earth's."""
    cosine = float(sun_km @ host_km / np.linalg.norm(sun_km) / np.linalg.norm(host_km))
    phase = math.acos(max(-1.0, min(1.0, cosine)))
    return ((math.pi - phase) * math.cos(phase) + math.sin(phase)) / math.pi
