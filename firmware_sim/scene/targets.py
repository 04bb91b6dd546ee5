"""Satellites and debris: their orbits, where they appear, and how bright the Sun makes them."""

import math
from dataclasses import dataclass

import numpy as np

from firmware_sim.scene.orbit import GEO_RADIUS_KM, State, propagate, state_from_elements
from firmware_sim.scene.settings import Crossing, Host, Neighbour, Scene
from sensorproc.conventions import ARCSEC_PER_RAD, SPEED_OF_LIGHT_KM_S

SUN_MAG = -26.74  # V of the Sun at 1 au
EARTH_RADIUS_KM = 6378.137


@dataclass(frozen=True, eq=False)
class Target:
    """An object with its state in GCRF at the middle of the scene."""

    name: str
    state: State
    area_m2: float
    albedo: float

    def at(self, dt_s: float) -> State:
        """State some time from the middle of the scene."""
        return propagate(self.state, dt_s)


def host_state(host: Host, sidereal_angle: float) -> State:
    """The host at the middle of the scene, at perigee of its small eccentricity."""
    longitude = math.radians(host.longitude_deg) + sidereal_angle
    return state_from_elements(GEO_RADIUS_KM, host.eccentricity, math.radians(host.inclination_deg), longitude - 1.0, 1.0, 0.0)


def targets(scene: Scene, host: State, camera: np.ndarray, sidereal_angle: float) -> list[Target]:
    """All objects of a scene, given the host and the camera axes at its middle."""
    longitude = math.radians(scene.host.longitude_deg) + sidereal_angle
    near = [Target(n.name, _neighbour_state(n, longitude), n.area_m2, n.albedo) for n in scene.neighbours]
    far = [Target(c.name, _crossing_state(c, scene, host, camera), c.area_m2, c.albedo) for c in scene.crossings]
    return near + far


def _neighbour_state(n: Neighbour, host_longitude: float) -> State:
    along = math.radians(n.latitude_argument_deg)
    longitude = host_longitude + math.radians(n.longitude_offset_deg)
    anomaly = math.radians(n.anomaly_deg)
    a_km = GEO_RADIUS_KM + n.higher_km
    return state_from_elements(a_km, n.eccentricity, math.radians(n.inclination_deg), longitude - along, along - anomaly, anomaly)


def _crossing_state(c: Crossing, scene: Scene, host: State, camera: np.ndarray) -> State:
    """State that puts the object at its pixel, range and rate as the turning camera sees them."""
    ny, nx = scene.sensor.shape_px
    ifov = scene.sensor.ifov_arcsec / ARCSEC_PER_RAD
    plane = np.array([(c.x_px - (nx - 1) / 2) * ifov, (c.y_px - (ny - 1) / 2) * ifov, 1.0])
    sight = camera @ plane / np.linalg.norm(plane)
    rate = camera @ (np.array([c.rate_x_arcsec_s, c.rate_y_arcsec_s, 0.0]) / ARCSEC_PER_RAD)
    position, velocity = host
    spin = np.cross(position, velocity) / (position @ position)  # of the body-fixed camera
    across = rate - (rate @ sight) * sight + np.cross(spin, sight)
    return position + c.range_km * sight, velocity + c.range_km * across - c.closing_km_s * sight


def lit_mag(target: Target, place: np.ndarray, observer: np.ndarray, sun: np.ndarray) -> float:
    """Magnitude of a diffuse sphere (Lambert's law); infinite in the Earth's shadow. All in km, geocentric."""
    to_sun, to_observer = sun - place, observer - place
    sun_unit = sun / np.linalg.norm(sun)
    if place @ sun_unit < 0 and np.linalg.norm(place - (place @ sun_unit) * sun_unit) < EARTH_RADIUS_KM:
        return math.inf
    cosine = float(to_sun @ to_observer / np.linalg.norm(to_sun) / np.linalg.norm(to_observer))
    phase = math.acos(max(-1.0, min(1.0, cosine)))
    share = 2.0 / (3.0 * math.pi**2) * ((math.pi - phase) * math.cos(phase) + math.sin(phase))
    range_m = 1000.0 * float(np.linalg.norm(to_observer))
    return SUN_MAG - 2.5 * math.log10(max(target.area_m2 * target.albedo * share / range_m**2, 1e-40))


def light_time_direction(target: Target, dt_s: float, observer: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit vector from the observer now to the object when the light left it (GCRF), and the light time [s]."""
    delay = 0.0
    for _ in range(3):
        sight = target.at(dt_s - delay)[0] - observer
        delay = float(np.linalg.norm(sight)) / SPEED_OF_LIGHT_KM_S
    return sight / np.linalg.norm(sight), delay
