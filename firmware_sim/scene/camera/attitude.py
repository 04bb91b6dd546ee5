"""Where the camera looks: held to the orbit, to the stars or to a rate, with drift, jitter and vibration."""

import math

import numpy as np
from scipy.spatial.transform import Rotation

from firmware_sim.scene.orbit import State
from firmware_sim.scene.settings.scene import Pointing
from sensorproc.conventions import ARCSEC_PER_RAD


class Attitude:
    """The true attitude over a scene and the one the host records. Times count from the middle of the scene."""

    def __init__(self, pointing: Pointing, host_middle: State, n_frames: int, rng: np.random.Generator):
        self.pointing = pointing
        self.middle = camera_at_middle(host_middle, pointing)
        self.spin = spin_rad_s(host_middle, self.middle, pointing)
        angle = rng.uniform(0, 2 * np.pi)
        self.drift_rad_s = pointing.drift_arcsec_s / ARCSEC_PER_RAD * np.array([math.cos(angle), math.sin(angle)])
        self.jitter_rad = rng.normal(0.0, pointing.frame_jitter_arcsec / ARCSEC_PER_RAD, (n_frames, 2))
        self.vibration_phase = rng.uniform(0, 2 * np.pi, 2)
        self.knowledge_rad = rng.normal(0.0, pointing.knowledge_arcsec / ARCSEC_PER_RAD, 3)

    def ideal(self, t_s: float) -> np.ndarray:
        """Camera axes (3, 3) as columns in GCRF without error: x, y, boresight."""
        return Rotation.from_rotvec(self.spin * t_s).as_matrix() @ self.middle

    def camera(self, t_s: float, frame: int, dwell_s: float = 0.0) -> np.ndarray:
        """True camera axes at a time.

        The vibration is averaged over ``dwell_s`` around that time: sampled at points it would beat with the samples,
        and sources sampled at different rates would seem to move against one another. :meth:`blur_rad` is what it smears.
        """
        phase = 2 * np.pi * self.pointing.vibration_hz * t_s + self.vibration_phase
        mean = np.sinc(self.pointing.vibration_hz * dwell_s)  # of a sine over the dwell
        shake = mean * self.pointing.vibration_arcsec / ARCSEC_PER_RAD * np.sin(phase)
        about_x, about_y = self.drift_rad_s * t_s + self.jitter_rad[frame] + shake
        return self.ideal(t_s) @ Rotation.from_rotvec([about_x, about_y, 0.0]).as_matrix()

    def blur_rad(self, dwell_s: float) -> float:
        """Width that vibration within a dwell and broad-band jitter add to the point spread function, 1 sigma per axis."""
        moved = np.sinc(self.pointing.vibration_hz * dwell_s)
        line = self.pointing.vibration_arcsec * math.sqrt(0.5 * (1.0 - float(moved) ** 2))
        return math.hypot(line, self.pointing.exposure_jitter_arcsec) / ARCSEC_PER_RAD

    def recorded(self, t_s: float) -> np.ndarray:
        """What the host's attitude system says."""
        return self.ideal(t_s) @ Rotation.from_rotvec(self.knowledge_rad).as_matrix()


def camera_at_middle(host: State, pointing: Pointing) -> np.ndarray:
    """Camera axes in GCRF at the middle of the scene.

    By default forward along the orbit, then down by the depression, then out of plane; else towards a given direction.
    """
    roll = math.radians(pointing.roll_deg)
    if pointing.radec_deg is not None:
        ra, dec = (math.radians(v) for v in pointing.radec_deg)
        boresight = np.array([math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)])
        level = np.array([-math.sin(ra), math.cos(ra), 0.0])
        return _axes(boresight, level, roll)
    position, velocity = host
    down = -position / np.linalg.norm(position)
    normal = np.cross(position, velocity)
    normal /= np.linalg.norm(normal)
    forward = np.cross(normal, -down)
    d, e = math.radians(pointing.depression_deg), math.radians(pointing.elevation_deg)
    boresight = math.cos(e) * (math.cos(d) * forward + math.sin(d) * down) + math.sin(e) * normal
    level = np.cross(normal, boresight)
    return _axes(boresight, level / np.linalg.norm(level), roll)


def _axes(boresight: np.ndarray, level: np.ndarray, roll: float) -> np.ndarray:
    x_axis = math.cos(roll) * level + math.sin(roll) * np.cross(boresight, level)
    return np.stack([x_axis, np.cross(boresight, x_axis), boresight], axis=1)


def spin_rad_s(host: State, camera: np.ndarray, pointing: Pointing) -> np.ndarray:
    """Inertial angular velocity (3,) of the camera."""
    if pointing.mode == "body_fixed":
        position, velocity = host
        return np.cross(position, velocity) / (position @ position)
    if pointing.mode == "sidereal":
        return np.zeros(3)
    along_x, along_y = (v / ARCSEC_PER_RAD for v in pointing.track_arcsec_s)
    return camera @ np.array([-along_y, along_x, 0.0])


def ra_dec_roll_deg(camera: np.ndarray) -> tuple[float, float, float]:
    """Right ascension and declination of the boresight and roll (East through North) of image x [deg]."""
    x_axis, boresight = camera[:, 0], camera[:, 2]
    ra, dec = math.atan2(boresight[1], boresight[0]), math.asin(boresight[2])
    east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    north = np.cross(boresight, east)
    return math.degrees(ra) % 360.0, math.degrees(dec), math.degrees(math.atan2(x_axis @ north, x_axis @ east))
