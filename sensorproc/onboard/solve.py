"""Where the camera points: the header's pointing, refined on catalogued stars where there is a star table.

The table is aberrated with the Earth's barycentric velocity before matching, so that solved directions are GCRS
(``conventions``). First version: shift and rotation only; the pixel scale and the optics are taken as known.
"""

import math

import numpy as np

from sensorproc.config import Solve
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.geometry import Camera, aberrate, compose, rotation
from sensorproc.onboard.ephemeris import earth_velocity_km_s
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.products import Registered, Solved
from sensorproc.onboard.register import match_nearest
from sensorproc.onboard.state import StarTable
from sensorproc.theory import snr_streak

VOTE_PX = 4.0
POSITION_FLOOR_PX = 0.05


def solve(frames: list[Registered], table: StarTable | None, config: Solve) -> list[Solved]:
    """A sky solution for every frame, from stars where possible, else from the pointing of its header."""
    return [_solve_frame(frame, table, config) for frame in frames]


def _solve_frame(frame: Registered, table: StarTable | None, config: Solve) -> Solved:
    raw = frame.flattened.calibrated.frame
    prior = raw.camera
    nothing = Solved(frame, prior, False, 0, 0.0, config.prior_sigma_arcsec, math.radians(1.0), *_known_zero(frame))
    if prior is None or table is None:
        return nothing
    unit = aberrate(table.unit, earth_velocity_km_s(raw.t_mid_tai_ns))
    ny, nx = raw.data_dn.shape
    x, y = prior.pixel(unit)
    margin = config.search_radius_px
    inside = (x > -margin) & (x < nx + margin) & (y > -margin) & (y < ny + margin)
    chosen = np.flatnonzero(inside)[: config.max_table_stars]
    stars = frame.stars
    if len(chosen) < config.min_matched or len(stars) < config.min_matched:
        return nothing
    camera = _vote(prior, unit[chosen], stars, config)
    matched, rms, camera = 0, 0.0, camera
    for radius in (VOTE_PX, 2.5, 2.0, 2.0):
        x, y = camera.pixel(unit[chosen])
        here, there = match_nearest(stars[:, :2], np.stack([x, y], axis=1), radius)
        if len(here) < config.min_matched:
            return nothing
        dx, dy = stars[here, 0] - x[there], stars[here, 1] - y[there]
        distance = np.hypot(dx, dy)
        keep = distance <= max(3.0 * float(np.median(distance)), 0.2)
        camera = _turn(camera, x[there][keep], y[there][keep], dx[keep], dy[keep])
        matched, rms = int(keep.sum()), float(np.sqrt(np.mean(0.5 * distance[keep] ** 2)))
    sigma_px = math.hypot(rms / math.sqrt(matched), 0.01)
    sigma_roll = rms / math.sqrt(matched * (nx * nx + ny * ny) / 12.0)
    sigma_arcsec = sigma_px * camera.ifov_rad * ARCSEC_PER_RAD
    zero = _zero_point(frame, stars[here[keep]], table.mag[chosen[there[keep]]])
    return Solved(frame, camera, True, matched, rms, sigma_arcsec, sigma_roll, *zero)


def _vote(prior: Camera, unit: np.ndarray, stars: np.ndarray, config: Solve) -> Camera:
    """The shift on which most pairs of bright stars agree, at the best of a few rolls."""
    best = (-1, prior)
    bright, mine = unit[:150], stars[:80]
    for roll_deg in (0.0, -0.5, 0.5, -1.0, 1.0):
        turned = prior.with_attitude(compose(prior.dcm, rotation(np.array([0.0, 0.0, math.radians(roll_deg)]))))
        x, y = turned.pixel(bright)
        dx = (mine[:, 0][:, None] - x[None, :]).ravel()
        dy = (mine[:, 1][:, None] - y[None, :]).ravel()
        near = np.hypot(dx, dy) <= config.search_radius_px
        n_bins = int(2 * config.search_radius_px / VOTE_PX) + 1
        edges = np.linspace(-config.search_radius_px, config.search_radius_px, n_bins + 1)
        votes = np.histogram2d(dx[near], dy[near], bins=(edges, edges))[0]
        smooth = votes.copy()
        smooth[1:] += votes[:-1]
        smooth[:, 1:] += smooth[:, :-1].copy()
        i, j = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
        close = near & (np.abs(dx - edges[i]) <= VOTE_PX) & (np.abs(dy - edges[j]) <= VOTE_PX)
        if int(close.sum()) > best[0] and close.any():
            shift = float(np.median(dx[close])), float(np.median(dy[close]))
            best = (int(close.sum()), _shifted(turned, *shift))
    return best[1]


def _shifted(camera: Camera, dx: float, dy: float) -> Camera:
    """The camera turned so that every star moves by (dx, dy) pixels."""
    vector = np.array([dy, -camera.parity * dx, 0.0]) * camera.ifov_rad
    return camera.with_attitude(compose(camera.dcm, rotation(vector)))


def _turn(camera: Camera, x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> Camera:
    """Least-squares small rotation that moves predicted stars (x, y) by (dx, dy)."""
    u, v = camera.parity * (x - camera.x0_px), y - camera.y0_px
    du, n = camera.parity * dx, float(len(x))
    # turning the camera by (a, b, c) moves a star by du = -b + c v, dv = a - c u (angles in pixels at the boresight)
    normal = np.array([[n, 0.0, -u.sum()], [0.0, n, -v.sum()], [-u.sum(), -v.sum(), (u * u + v * v).sum()]])
    rhs = np.array([dy.sum(), -du.sum(), (v * du - u * dy).sum()])
    answer = np.zeros(3)
    if not solve_symmetric(normal, rhs, np.zeros((3, 3)), answer):
        return camera
    vector = answer * np.array([camera.ifov_rad, camera.ifov_rad, 1.0])
    return camera.with_attitude(compose(camera.dcm, rotation(vector)))


def _zero_point(frame: Registered, stars: np.ndarray, mag: np.ndarray) -> tuple[float | None, float | None]:
    """Magnitude of 1 e-/s from matched stars: median over those well above the noise and below saturation."""
    flux = flux_of_snr(frame, stars)
    exposure_s = frame.flattened.calibrated.frame.exposure_s
    usable = (stars[:, 2] > 15.0) & (flux > 0)
    if exposure_s <= 0 or usable.sum() < 5:
        return _known_zero(frame)
    zero = mag[usable] + 2.5 * np.log10(flux[usable] / exposure_s)
    middle = float(np.median(zero))
    scatter = 1.4826 * float(np.median(np.abs(zero - middle)))
    return middle, max(1.25 * scatter / math.sqrt(int(usable.sum())), 0.005)


def flux_of_snr(frame: Registered, stars: np.ndarray) -> np.ndarray:
    """Flux [e-] of matched-filter detections: SNR times the noise of the template's equivalent area."""
    s, length = frame.psf_sigma_px, frame.trail.length_px
    y = np.clip(np.round(stars[:, 1]).astype(int), 0, frame.flattened.sigma_e.shape[0] - 1)
    x = np.clip(np.round(stars[:, 0]).astype(int), 0, frame.flattened.sigma_e.shape[1] - 1)
    return stars[:, 2] * frame.flattened.sigma_e[y, x] / snr_streak(1.0, 1.0, length, s)


def _known_zero(frame: Registered) -> tuple[float | None, float | None]:
    zero = frame.flattened.calibrated.frame.facts.zeropoint_mag
    return zero, (0.05 if zero is not None else None)
