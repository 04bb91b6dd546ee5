"""Satellites and debris: their orbits and where they appear. Drawn ones are in :mod:`drawn`."""

import math
from dataclasses import dataclass, field

import numpy as np

from firmware_sim.scene.orbit import GEO_RADIUS_KM, State, propagate, state_from_elements
from firmware_sim.scene.settings.scene import Host, Scene, Sensor
from firmware_sim.scene.settings.targets import Formation, LightCurve, Neighbour
from sensorproc.conventions import ARCSEC_PER_RAD, SPEED_OF_LIGHT_KM_S


@dataclass(frozen=True, eq=False)
class Target:
    """An object with its state in GCRF at the middle of the scene; ``cross_section_m2`` is area times albedo."""

    name: str
    state: State
    cross_section_m2: float
    light_curve: LightCurve = field(default_factory=LightCurve)

    def at(self, dt_s: float) -> State:
        """State some time from the middle of the scene."""
        return propagate(self.state, dt_s)


def host_state(host: Host, sidereal_angle: float) -> State:
    """The host at the middle of the scene, at perigee of its small eccentricity."""
    longitude = math.radians(host.longitude_deg) + sidereal_angle
    return state_from_elements(GEO_RADIUS_KM, host.eccentricity, math.radians(host.inclination_deg), longitude - 1.0, 1.0, 0.0)


def given_targets(scene: Scene, host: State, camera: np.ndarray, spin: np.ndarray, sidereal_angle: float) -> list[Target]:
    """The objects a scene names, given the host, the camera axes and their spin at its middle."""
    longitude = math.radians(scene.host.longitude_deg) + sidereal_angle
    near = {n.name: Target(n.name, neighbour_state(n, longitude), n.area_m2 * n.albedo, n.light_curve) for n in scene.neighbours}
    beside = [
        Target(f.name, formation_state(f, near[f.around].state), f.area_m2 * f.albedo, f.light_curve) for f in scene.formations
    ]
    crossing = []
    for c in scene.crossings:
        rate = c.rate_x_arcsec_s, c.rate_y_arcsec_s
        state = state_in_field((c.x_px, c.y_px), rate, c.range_km, c.closing_km_s, scene.sensor, host, camera, spin)
        crossing.append(Target(c.name, state, c.area_m2 * c.albedo, c.light_curve))
    return [*near.values(), *beside, *crossing]


def neighbour_state(n: Neighbour, host_longitude: float) -> State:
    """State of an object of the belt."""
    along = math.radians(n.latitude_argument_deg)
    longitude = host_longitude + math.radians(n.longitude_offset_deg)
    anomaly = math.radians(n.anomaly_deg)
    a_km = GEO_RADIUS_KM + n.higher_km
    return state_from_elements(a_km, n.eccentricity, math.radians(n.inclination_deg), longitude - along, along - anomaly, anomaly)


def formation_state(f: Formation, chief: State) -> State:
    """State of an object beside another: offset and velocity on radial, along-track and cross-track axes that turn."""
    position, velocity = chief
    momentum = np.cross(position, velocity)
    radial, cross = position / np.linalg.norm(position), momentum / np.linalg.norm(momentum)
    axes = np.stack([radial, np.cross(cross, radial), cross], axis=1)
    offset = axes @ np.array(f.offset_km)
    turning = np.cross(momentum / float(position @ position), offset)
    return position + offset, velocity + axes @ np.array(f.velocity_m_s) / 1000.0 + turning


def sight(place_px: tuple[float, float], sensor: Sensor, camera: np.ndarray) -> np.ndarray:
    """Direction (3,) of a pixel; distortion is left out, it moves objects little."""
    ny, nx = sensor.shape_px
    ifov = sensor.ifov_arcsec / ARCSEC_PER_RAD
    plane = np.array([(place_px[0] - (nx - 1) / 2) * ifov, (place_px[1] - (ny - 1) / 2) * ifov, 1.0])
    return camera @ plane / np.linalg.norm(plane)


def state_in_field(
    place_px: tuple[float, float], rate_arcsec_s: tuple[float, float], range_km: float, closing_km_s: float,
    sensor: Sensor, host: State, camera: np.ndarray, spin: np.ndarray,
) -> State:  # fmt: skip
    """State that puts an object at its pixel, range and rate as a camera turning with ``spin`` sees them."""
    line = sight(place_px, sensor, camera)
    rate = camera @ (np.array([*rate_arcsec_s, 0.0]) / ARCSEC_PER_RAD)
    position, velocity = host
    across = rate - (rate @ line) * line + np.cross(spin, line)
    return position + range_km * line, velocity + range_km * across - closing_km_s * line


def light_time_direction(target: Target, dt_s: float, observer: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit vector from the observer now to the object when the light left it (GCRF), and the light time [s]."""
    delay = 0.0
    for _ in range(3):
        line = target.at(dt_s - delay)[0] - observer
        delay = float(np.linalg.norm(line)) / SPEED_OF_LIGHT_KM_S
    return line / np.linalg.norm(line), delay
