"""How bright the Sun makes an object: range, phase angle, shadow, and its own light curve. Places in km, geocentric."""

import math

import numpy as np

from firmware_sim.scene.settings.targets import LightCurve

SUN_MAG = -26.74  # V of the Sun at 1 au
EARTH_RADIUS_KM = 6378.137
SUN_RADIUS_KM = 695_700.0


def is_in_shadow(place: np.ndarray, sun: np.ndarray) -> bool:
    """Whether the Earth hides more than half of the Sun's width: where its centre is behind the Earth's limb."""
    return lit_share(place, sun) < 0.5


def lit_share(place: np.ndarray, sun: np.ndarray) -> float:
    """Share of the Sun's width that is in view: 0 in the umbra, 1 in sunlight, linear across the penumbra."""
    to_sun = sun - place
    distance, radius = float(np.linalg.norm(to_sun)), float(np.linalg.norm(place))
    if radius <= EARTH_RADIUS_KM:
        return 0.0
    cosine = float(-place @ to_sun) / distance / radius
    apart = math.acos(max(-1.0, min(1.0, cosine)))
    earth, disc = math.asin(EARTH_RADIUS_KM / radius), math.asin(SUN_RADIUS_KM / distance)
    return max(0.0, min(1.0, 0.5 + (apart - earth) / (2.0 * disc)))


def lit_mag(cross_section_m2: float, place: np.ndarray, observer: np.ndarray, sun: np.ndarray) -> float:
    """Magnitude of a diffuse sphere (Lambert's law) of albedo times area; infinite in the Earth's umbra."""
    to_sun, to_observer = sun - place, observer - place
    cosine = float(to_sun @ to_observer / np.linalg.norm(to_sun) / np.linalg.norm(to_observer))
    phase = math.acos(max(-1.0, min(1.0, cosine)))
    share = 2.0 / (3.0 * math.pi**2) * ((math.pi - phase) * math.cos(phase) + math.sin(phase)) * lit_share(place, sun)
    range_m = 1000.0 * float(np.linalg.norm(to_observer))
    if share <= 0.0:
        return math.inf
    return SUN_MAG - 2.5 * math.log10(cross_section_m2 * share / range_m**2)


def brightness(curve: LightCurve, times_s: np.ndarray) -> np.ndarray:
    """Factor (n,) on the flux at times from the middle of the scene."""
    turns = times_s / curve.period_s + curve.phase
    if curve.kind == "tumbling":
        return 10.0 ** (-0.4 * 0.5 * curve.amplitude_mag * np.sin(2 * np.pi * turns))
    if curve.kind == "glint":
        from_flash_s = (turns - np.rint(turns)) * curve.period_s
        height = 10.0 ** (0.4 * curve.amplitude_mag) - 1.0
        return 1.0 + height * np.exp(-4.0 * math.log(2.0) * (from_flash_s / curve.glint_s) ** 2)
    return np.ones_like(times_s)
