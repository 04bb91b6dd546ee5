"""Where the camera looks: body-fixed in the local orbital frame, with drift, jitter and vibration, and what it sees."""

import math

import numpy as np

from firmware_sim.scene.orbit import State
from firmware_sim.scene.settings import Pointing
from sensorproc.conventions import ARCSEC_PER_RAD, SPEED_OF_LIGHT_KM_S


class Attitude:
    """The true attitude over a scene and the one the host records."""

    def __init__(self, pointing: Pointing, n_frames: int, rng: np.random.Generator):
        self.pointing = pointing
        angle = rng.uniform(0, 2 * np.pi)
        self.drift_rad_s = pointing.drift_arcsec_s / ARCSEC_PER_RAD * np.array([math.cos(angle), math.sin(angle)])
        self.jitter_rad = rng.normal(0.0, pointing.frame_jitter_arcsec / ARCSEC_PER_RAD, (n_frames, 2))
        self.vibration_phase = rng.uniform(0, 2 * np.pi, 2)
        self.knowledge_rad = rng.normal(0.0, pointing.knowledge_arcsec / ARCSEC_PER_RAD, 3)

    def camera(self, host: State, t_s: float, frame: int, dwell_s: float = 0.0) -> np.ndarray:
        """Camera axes (3, 3) as columns in GCRF at a time after the start of the scene: x, y, boresight.

        The vibration is averaged over ``dwell_s`` around that time: sampled at points it would beat with the samples,
        and sources sampled at different rates would seem to move against one another. ``blur_rad`` is what it smears.
        """
        ideal = ideal_camera(host, self.pointing)
        phase = 2 * np.pi * self.pointing.vibration_hz * t_s + self.vibration_phase
        mean = np.sinc(self.pointing.vibration_hz * dwell_s)  # of a sine over the dwell
        shake = mean * self.pointing.vibration_arcsec / ARCSEC_PER_RAD * np.sin(phase)
        about_x, about_y = self.drift_rad_s * t_s + self.jitter_rad[frame] + shake
        return ideal @ _small_turn(np.array([about_x, about_y, 0.0]))

    @property
    def blur_rad(self) -> float:
        """Width that the vibration adds to the point spread function, 1 sigma per axis."""
        return self.pointing.vibration_arcsec / ARCSEC_PER_RAD / math.sqrt(2.0)

    def recorded(self, host: State) -> np.ndarray:
        """What the host's attitude system says."""
        return ideal_camera(host, self.pointing) @ _small_turn(self.knowledge_rad)


def ideal_camera(host: State, pointing: Pointing) -> np.ndarray:
    """Camera axes in GCRF of a perfectly pointed body: forward, then down by the depression, then out of plane."""
    position, velocity = host
    down = -position / np.linalg.norm(position)
    normal = np.cross(position, velocity)
    normal /= np.linalg.norm(normal)
    forward = np.cross(normal, -down)
    d, e, roll = (math.radians(v) for v in (pointing.depression_deg, pointing.elevation_deg, pointing.roll_deg))
    boresight = math.cos(e) * (math.cos(d) * forward + math.sin(d) * down) + math.sin(e) * normal
    level = np.cross(normal, boresight)
    level /= np.linalg.norm(level)
    up = np.cross(boresight, level)
    x_axis = math.cos(roll) * level + math.sin(roll) * up
    return np.stack([x_axis, np.cross(boresight, x_axis), boresight], axis=1)


def _small_turn(vector: np.ndarray) -> np.ndarray:
    """Rotation by a small vector [rad], orthogonal to second order and then made so."""
    x, y, z = vector
    turn = np.array([[1.0, -z, y], [z, 1.0, -x], [-y, x, 1.0]])
    q, r = np.linalg.qr(turn)
    return q * np.sign(np.diag(r))


def ra_dec_roll_deg(camera: np.ndarray) -> tuple[float, float, float]:
    """Right ascension and declination of the boresight and roll (East through North) of image x [deg]."""
    x_axis, boresight = camera[:, 0], camera[:, 2]
    ra, dec = math.atan2(boresight[1], boresight[0]), math.asin(boresight[2])
    east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    north = np.cross(boresight, east)
    return math.degrees(ra) % 360.0, math.degrees(dec), math.degrees(math.atan2(x_axis @ north, x_axis @ east))


def seen(direction: np.ndarray, velocity_km_s: np.ndarray) -> np.ndarray:
    """Apparent directions (n, 3) for an observer moving against the barycentre (special relativity, exact)."""
    beta = velocity_km_s / SPEED_OF_LIGHT_KM_S
    gamma = 1.0 / math.sqrt(1.0 - beta @ beta)
    along = direction @ beta
    moved = direction / gamma + beta + (gamma / (1.0 + gamma)) * along[:, None] * beta
    return moved / np.linalg.norm(moved, axis=1)[:, None]


def project(direction: np.ndarray, camera: np.ndarray, ifov_rad: float, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (n, 2) of apparent directions through a pinhole; those behind the camera fall far outside."""
    u, v, w = (direction @ camera).T
    ahead = np.where(w > 0.1, w, np.nan)
    xy = np.stack([u / ahead / ifov_rad + (shape[1] - 1) / 2, v / ahead / ifov_rad + (shape[0] - 1) / 2], axis=1)
    return np.nan_to_num(xy, nan=-1e6)
