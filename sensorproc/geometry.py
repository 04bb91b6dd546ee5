"""Camera model: pixels, lines of sight, ICRS. Frames and signs are those of ``conventions``."""

from dataclasses import dataclass, replace

import numpy as np

from sensorproc.conventions import SPEED_OF_LIGHT_KM_S

N_BEND, BEND_UNIT_PX = 16, 1000.0
BEND_DEGREES = (1,) * 2 + (2,) * 6 + (3,) * 8  # of the terms of a distortion, see bend_terms
INVERSE_STEPS = 6  # each takes the error down by the relative size of the distortion

Coordinate = np.ndarray | np.floating | float


@dataclass(frozen=True)
class Camera:
    """A camera with a known attitude: a pinhole, and how the optics differ from one (``distortion``).

    Parameters
    ----------
    ifov_rad : float
        Angle of one pixel at the boresight [rad].
    x0_px, y0_px : float
        Pixel of the boresight.
    parity : int
        +1 if image x, image y and the viewing direction are right-handed, -1 if mirrored.
    dcm_icrs_from_cam : tuple of 3 tuples of 3 floats
        Columns are the camera axes in ICRS.
    distortion : tuple of 16 floats
        What is added to a pixel's place to get the pinhole's, by :func:`bent`; empty for a pinhole.
    """

    ifov_rad: float
    x0_px: float
    y0_px: float
    parity: int
    dcm_icrs_from_cam: tuple[tuple[float, float, float], ...]
    distortion: tuple[float, ...] = ()

    @property
    def dcm(self) -> np.ndarray:
        """``dcm_icrs_from_cam`` as a (3, 3) float64 array."""
        return np.array(self.dcm_icrs_from_cam)

    def with_attitude(self, dcm_icrs_from_cam: np.ndarray) -> "Camera":
        """The same optics with another attitude."""
        return replace(self, dcm_icrs_from_cam=as_rows(dcm_icrs_from_cam))

    def binned(self, n: float) -> "Camera":
        """The camera of a detector whose pixels are ``n`` times as wide; 1 / n turns back."""
        bends = tuple(value * n ** (degree - 1) for value, degree in zip(self.distortion, BEND_DEGREES, strict=False))
        x0, y0 = to_binned_px(self.x0_px, n), to_binned_px(self.y0_px, n)
        return replace(self, ifov_rad=n * self.ifov_rad, x0_px=x0, y0_px=y0, distortion=bends)

    def los_cam(self, x: Coordinate, y: Coordinate) -> np.ndarray:
        """Unit lines of sight (..., 3) in the camera frame."""
        p, q = self.parity * (np.asarray(x, float) - self.x0_px), np.asarray(y, float) - self.y0_px
        dp, dq = bent(self.distortion, p, q)
        u, v = (p + dp) * self.ifov_rad, (q + dq) * self.ifov_rad
        los = np.stack([u, v, np.ones_like(u + v)], axis=-1)
        return los / np.sqrt((los * los).sum(axis=-1, keepdims=True))

    def los_icrs(self, x: Coordinate, y: Coordinate) -> np.ndarray:
        """Unit lines of sight (..., 3) on ICRS axes."""
        return np.einsum("ij,...j->...i", self.dcm, self.los_cam(x, y))

    def pixel(self, los_icrs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates of ICRS directions (..., 3); directions behind the camera give NaN."""
        cam = np.einsum("ji,...j->...i", self.dcm, np.asarray(los_icrs, float))
        z = np.where(cam[..., 2] > 0.0, cam[..., 2], np.nan)
        u, v = cam[..., 0] / z / self.ifov_rad, cam[..., 1] / z / self.ifov_rad
        p, q = u, v
        for _ in range(INVERSE_STEPS if self.distortion else 0):
            dp, dq = bent(self.distortion, p, q)
            p, q = u - dp, v - dq
        return self.x0_px + self.parity * p, self.y0_px + q

    def radec(self, x: Coordinate, y: Coordinate) -> tuple[np.ndarray, np.ndarray]:
        """Right ascension and declination [rad] of pixels."""
        return radec_from_unit(self.los_icrs(x, y))


def to_binned_px(place: float, n: float) -> float:
    """A place in pixels ``n`` times as wide: 0 is the middle of the first pixel in both."""
    return (place - 0.5 * (n - 1.0)) / n


def bend_terms(p: Coordinate, q: Coordinate) -> np.ndarray:
    """What each of the 16 coefficients of a distortion adds to a place (p, q) [px from the boresight, x by parity]: (..., 2, 16).

    A stretch and a shear, then all terms of second and third order of p and of q, in units of 1000 px. Scale and rotation are
    the camera's own.
    """
    a, b = np.asarray(p, float) / BEND_UNIT_PX, np.asarray(q, float) / BEND_UNIT_PX
    high = [a * a, a * b, b * b], [a**3, a * a * b, a * b * b, b**3]
    terms = np.zeros((*np.broadcast(a, b).shape, 2, N_BEND))
    terms[..., 0, 0], terms[..., 1, 0] = a, -b
    terms[..., 0, 1], terms[..., 1, 1] = b, a
    first = 2
    for order in high:
        for axis in (0, 1):
            for k, term in enumerate(order):
                terms[..., axis, first + axis * len(order) + k] = term
        first += 2 * len(order)
    return terms


def bent(distortion: tuple[float, ...], p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the optics add to a place (p, q) [px from the boresight, x by parity] to make it a pinhole's."""
    if not distortion:
        return np.zeros_like(p), np.zeros_like(q)
    a, b = p / BEND_UNIT_PX, q / BEND_UNIT_PX
    aa, ab, bb = a * a, a * b, b * b
    stretch, shear, *high = distortion
    quadratic, cubic = high[:6], high[6:]
    p_terms = stretch * a + shear * b + quadratic[0] * aa + quadratic[1] * ab + quadratic[2] * bb
    q_terms = shear * a - stretch * b + quadratic[3] * aa + quadratic[4] * ab + quadratic[5] * bb
    p_terms = p_terms + (cubic[0] * a + cubic[1] * b) * aa + (cubic[2] * a + cubic[3] * b) * bb
    q_terms = q_terms + (cubic[4] * a + cubic[5] * b) * aa + (cubic[6] * a + cubic[7] * b) * bb
    return p_terms, q_terms


def on_detector(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which places (n,) lie on a detector of ``shape`` (ny, nx); NaN does not."""
    ny, nx = shape
    return (x > -0.5) & (y > -0.5) & (x < nx - 0.5) & (y < ny - 0.5)


def as_rows(matrix: np.ndarray) -> tuple[tuple[float, float, float], ...]:
    """A (3, 3) array as nested tuples of Python floats, hashable and exact."""
    return tuple(tuple(float(value) for value in row) for row in matrix)  # type: ignore[misc]


def unit_from_radec(ra: Coordinate, dec: Coordinate) -> np.ndarray:
    """Unit vectors (..., 3) of right ascension and declination [rad]."""
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec) + 0.0 * ra], axis=-1)


def radec_from_unit(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Right ascension in [0, 2 pi) and declination [rad] of vectors (..., 3) of any length."""
    ra = np.mod(np.arctan2(unit[..., 1], unit[..., 0]), 2.0 * np.pi)
    return ra, np.arctan2(unit[..., 2], np.hypot(unit[..., 0], unit[..., 1]))


def tangent_axes(ra: Coordinate, dec: Coordinate) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (..., 3) towards East and North at directions [rad]."""
    sin_a, cos_a, sin_d, cos_d = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
    east = np.stack([-sin_a, cos_a, np.zeros_like(sin_a)], axis=-1)
    return east, np.stack([-sin_d * cos_a, -sin_d * sin_a, cos_d], axis=-1)


def dcm_from_pointing(ra: float, dec: float, roll: float) -> np.ndarray:
    """``dcm_icrs_from_cam`` of a boresight and a roll, the angle from East through North of image +x [rad]."""
    east, north = tangent_axes(ra, dec)
    axis_x = np.cos(roll) * east + np.sin(roll) * north
    axis_y = -np.sin(roll) * east + np.cos(roll) * north
    return np.stack([axis_x, axis_y, unit_from_radec(np.float64(ra), np.float64(dec))], axis=1)


def rotation(vector: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector [rad] (Rodrigues' formula), applied to the left of a column."""
    angle = float(np.sqrt((np.asarray(vector) ** 2).sum()))
    if angle == 0.0:
        return np.eye(3)
    x, y, z = np.asarray(vector) / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    square = np.einsum("ij,jk->ik", cross, cross)
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * square


def compose(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of two (3, 3) matrices without BLAS, so that its bits do not depend on the library's threads."""
    return np.einsum("ij,jk->ik", a, b)


def quaternion(dcm: np.ndarray) -> np.ndarray:
    """Unit quaternion (w, x, y, z), w >= 0, of a rotation matrix (Shepperd's method)."""
    trace = dcm[0, 0] + dcm[1, 1] + dcm[2, 2]
    squares = np.array([trace, dcm[0, 0], dcm[1, 1], dcm[2, 2]])
    k = int(np.argmax(squares))
    q = np.empty(4)
    if k == 0:
        q[:] = 1.0 + trace, dcm[2, 1] - dcm[1, 2], dcm[0, 2] - dcm[2, 0], dcm[1, 0] - dcm[0, 1]
    else:
        i, j, m = k - 1, k % 3, (k + 1) % 3
        q[0] = dcm[m, j] - dcm[j, m]
        q[1 + i] = 1.0 + dcm[i, i] - dcm[j, j] - dcm[m, m]
        q[1 + j] = dcm[j, i] + dcm[i, j]
        q[1 + m] = dcm[m, i] + dcm[i, m]
    q /= np.sqrt((q * q).sum())
    return -q if q[0] < 0 else q


def dcm_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Rotation matrix of a quaternion (w, x, y, z) of any length."""
    w, x, y, z = np.asarray(q, float) / np.sqrt((np.asarray(q, float) ** 2).sum())
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def aberrate(unit: np.ndarray, velocity_km_s: np.ndarray) -> np.ndarray:
    """Directions (..., 3) as seen by an observer with a velocity, from directions at rest.

    Exact special relativity: Urban & Seidelmann, Explanatory Supplement (2013), equation 7.40. A velocity of
    opposite sign undoes it to second order in v/c (below 1 mas for the Earth).
    """
    beta = np.asarray(velocity_km_s, float) / SPEED_OF_LIGHT_KM_S
    inverse_gamma = np.sqrt(1.0 - (beta * beta).sum())
    along = np.einsum("...i,i->...", unit, beta)[..., None]
    seen = (inverse_gamma * unit + (1.0 + along / (1.0 + inverse_gamma)) * beta) / (1.0 + along)
    return seen / np.sqrt((seen * seen).sum(axis=-1, keepdims=True))


def attitude_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """How turns about image x and y [px], about the line of sight [rad] and scale move stars at (p, q): (m, 2, 4)."""
    terms = np.zeros((len(p), 2, 4))
    terms[:, 0, 1], terms[:, 0, 2], terms[:, 0, 3] = -1.0, q, p
    terms[:, 1, 0], terms[:, 1, 2], terms[:, 1, 3] = 1.0, -p, q
    return terms


def pointed(x0_px: float, y0_px: float, ifov_arcsec: float, ra_deg: float, dec_deg: float, roll_deg: float) -> Camera:
    """A camera of parity +1 from angles in degrees."""
    dcm = dcm_from_pointing(float(np.radians(ra_deg)), float(np.radians(dec_deg)), float(np.radians(roll_deg)))
    return Camera(float(np.radians(ifov_arcsec / 3600.0)), x0_px, y0_px, 1, as_rows(dcm))
