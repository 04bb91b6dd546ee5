"""Stars as what they are: points of known shape that stand still in the sky, fitted through all frames of a set at once.

Away from stars nothing is subtracted, so nothing is lost there; a mover is not part of any star. Stars are found in what
stands still in the registered plane, brightest first, then fitted in the frames themselves, where no resampling blurs
them: place and flux of each, on what all others leave. Same code for points and trails.
"""

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from sensorproc.config import Flatten, Stars
from sensorproc.flags import PixelFlag
from sensorproc.onboard.find_stars import correlate, find_stars, template
from sensorproc.onboard.flatten import background_maps
from sensorproc.onboard.kernels.gather import gather_steady
from sensorproc.onboard.kernels.psf_profile import residual_profile
from sensorproc.onboard.kernels.star_bank import PHASES, fill_bank
from sensorproc.onboard.kernels.star_fit import add_star, fit_stars
from sensorproc.onboard.products import Candidate, Registered, Trail
from sensorproc.onboard.psf import Psf
from sensorproc.onboard.threads import in_rows

INNER_HALF = 1.17  # variance of the mean of the inner half of unit normals, times their number
ROUNDED = 1.0 / 12.0  # variance that sampling at whole pixels adds [px^2]
WIDTH_STEP = 0.02  # relative, between the images kept
FIT_SIGMAS, FULL_SIGMAS = 3.0, 3.5  # half-windows: of the fit, in cores; of the whole image, in wings
FAINT_SNR = 4.0  # of one frame: the images of fainter stars are subtracted as far as they are fitted
PLACE_SIGMA_PX = 0.5  # of a star as found
PROFILE_SNR, PROFILE_STARS, MIN_PROFILE_STARS = 25.0, 150, 8  # of one frame; stars whose residuals correct the PSF
PER_PX, PROFILE_SIGMA_PX = 4, 0.35  # cells a pixel of that correction, and its smoothing
GAUSS_NEWTON_STEPS = 1  # in each round of all stars
BESIDE_SIGMAS, BESIDE_FRACTION = 3.5, 0.08  # nearer to a star and fainter than this part of it: its own remains
CLUTTER_SIGMA = 4.0  # of what stands still besides the stars; less is noise
MOVER_SIGMAS = 5.0  # PSF widths around an object seen to move in which nothing is a star
MAX_PLANE = 2.5  # times the detector's sides: of the registered plane looked at


@dataclass(frozen=True, eq=False)
class Plane:
    """A window of the registered plane: its corner, what stands still in it and the noise of that, and frames seen."""

    x0: int
    y0: int
    steady_e: np.ndarray
    sigma_e: np.ndarray
    count: np.ndarray


@dataclass(frozen=True, eq=False)
class StarList:
    """Stars and how they are drawn. ``places`` (m, 3): registered x, y [px] and flux [e-]; ``paths`` (m, n, 2) on the
    detector; ``width`` (m,) index of the image bank; ``fit_half``, ``full_half`` (m, 2): half-windows in y, x [px]; ``chi2``
    (m,): misfit per pixel."""

    places: np.ndarray
    paths: np.ndarray
    width: np.ndarray
    fit_half: np.ndarray
    full_half: np.ndarray
    chi2: np.ndarray

    def with_more(self, others: "StarList") -> "StarList":
        """Both lists, these first."""
        return StarList(*(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class StarModel:
    """What the stars are, ``cube`` (n, ny, nx) the frames less their light, and ``plane`` what still stands still;
    ``clutter_e``, of the plane's shape: as much of that as is more than noise."""

    stars: StarList
    cube: np.ndarray
    plane: Plane
    clutter_e: np.ndarray


def model_stars(
    frames: list[Registered], weight: np.ndarray, psf: Psf, movers: list[Candidate], config: Stars, flatten: Flatten
) -> StarModel:
    """Find, fit and subtract the stars of a set. ``weight`` (n, ny, nx): 1/variance without stars, zero where bad."""
    cube = np.stack([f.flattened.image_e for f in frames])
    trail, window = frames[0].trail, _window(frames)
    widths, banks = image_banks(psf, trail)
    matrices = np.array([f.transform.inverse for f in frames])
    noise_e = 1.0 / float(np.sqrt(np.median(weight[weight > 0])))
    stars = _drawn(np.empty((0, 3)), frames, psf, widths, banks, noise_e)
    plane = steady_plane(cube, weight, matrices, window, config, flatten)
    for threshold in (config.bright_snr, config.find_snr):
        found = _new_stars(plane, psf, trail, threshold, stars.places, movers, frames, config)
        new = _drawn(found, frames, psf, widths, banks, noise_e)
        for m in range(len(found)):
            add_star(cube, banks[new.width[m]], new.paths[m], 0.0, 0.0, found[m, 2], *new.full_half[m], -1.0)
        stars = stars.with_more(new)
        if len(stars.places):
            stars = _fit(cube, weight, banks, stars, frames, config)
            if threshold == config.bright_snr:
                banks = _corrected(cube, weight, banks, stars, frames, noise_e * np.sqrt(4.0 * np.pi) * psf.core_px, config)
        plane = steady_plane(cube, weight, matrices, window, config, flatten)
    return StarModel(stars, cube, plane, clutter(_without_movers(plane, movers, frames), psf, trail))


def image_banks(psf: Psf, trail: Trail) -> tuple[np.ndarray, np.ndarray]:
    """Core widths (w,) that the field needs, and the images of stars that wide at every phase."""
    low, high = sorted((psf.core_px, psf.core_px * (1.0 + psf.growth)))
    n = min(int(np.ceil(np.log(high / low) / np.log1p(WIDTH_STEP))) + 1, 12)
    widths = np.geomspace(low, high, n)
    half = FULL_SIGMAS * psf.wing_ratio * high if psf.wing_fraction > 0 else FULL_SIGMAS * 1.5 * high
    hx, hy = (int(np.ceil(half + 0.5 * abs(d))) for d in (trail.dx_px, trail.dy_px))
    banks = np.empty((n, PHASES + 1, PHASES + 1, 2 * hy + 1, 2 * hx + 1), np.float32)
    length = trail.length_px
    cos, sin = (trail.dx_px / length, trail.dy_px / length) if length > 0 else (1.0, 0.0)
    fill_bank(length, cos, sin, widths, psf.wing_fraction, psf.wing_ratio, banks)
    return widths, banks


def _corrected(
    cube: np.ndarray, weight: np.ndarray, banks: np.ndarray, stars: StarList, frames: list[Registered], point_noise_e: float,
    config: Stars,
) -> np.ndarray:  # fmt: skip
    """Images with what the brightest stars' residuals have in common added; the stars are put back and taken out anew.

    The empirical part of the PSF (Anderson & King 2000): whatever of trail, jitter, coma and wings the closed form lacks.
    """
    bright = np.flatnonzero((stars.places[:, 2] > PROFILE_SNR * point_noise_e) & ~_is_saturated(stars, frames))
    bright = bright[np.argsort(-stars.places[bright, 2], kind="stable")][:PROFILE_STARS]
    if len(bright) < MIN_PROFILE_STARS:
        return banks
    hy, hx = np.array(banks.shape[3:]) // 2
    total, norm = (np.zeros((2 * hy * PER_PX + 1, 2 * hx * PER_PX + 1)) for _ in range(2))
    peak = float(banks[0, PHASES // 2, PHASES // 2].max())
    residual_profile(cube, weight, np.ascontiguousarray(stars.paths[bright]), stars.places[bright, 2], PER_PX, peak, total, norm)
    smooth, power = (ndimage.gaussian_filter(part, PROFILE_SIGMA_PX * PER_PX) for part in (total, norm))
    missing = smooth / np.maximum(power, 1e-30)
    # noise of the smoothed mean: independent cells within 4 pi sigma^2
    noise2 = 1.0 / np.maximum(power * 4.0 * np.pi * (PROFILE_SIGMA_PX * PER_PX) ** 2, 1e-30)
    missing *= np.maximum(1.0 - noise2 / np.maximum(missing**2, 1e-30), 0.0)
    for m in range(len(stars.places)):
        add_star(cube, banks[stars.width[m]], stars.paths[m], 0.0, 0.0, stars.places[m, 2], *stars.full_half[m], 1.0)
    phase = np.arange(PHASES + 1) / PHASES - 0.5
    y = (np.arange(-hy, hy + 1)[None, :] - phase[:, None]) * PER_PX + hy * PER_PX  # (phase, pixel)
    x = (np.arange(-hx, hx + 1)[None, :] - phase[:, None]) * PER_PX + hx * PER_PX
    yy = np.broadcast_to(y[:, None, :, None], banks.shape[1:])
    xx = np.broadcast_to(x[None, :, None, :], banks.shape[1:])
    more = ndimage.map_coordinates(missing, [yy, xx], order=1, mode="constant")
    better = (banks + more[None]).astype(np.float32)
    for m in range(len(stars.places)):
        add_star(cube, better[stars.width[m]], stars.paths[m], 0.0, 0.0, stars.places[m, 2], *stars.full_half[m], -1.0)
    return better


def _is_saturated(stars: StarList, frames: list[Registered]) -> np.ndarray:
    """Which stars (m,) have a saturated pixel within their image in any frame: they have another shape."""
    found = np.zeros(len(stars.places), bool)
    for k, frame in enumerate(frames):
        y, x = np.nonzero(frame.flattened.flags & PixelFlag.SATURATED)
        for u, v in zip(x.tolist(), y.tolist(), strict=True):
            reach = stars.full_half[:, ::-1] + 1
            found |= (np.abs(stars.paths[:, k] - (u, v)) <= reach).all(axis=1)
    return found


def _window(frames: list[Registered]) -> tuple[int, int, int, int]:
    """Corner and size (x0, y0, nx, ny) of the registered plane that the frames cover, within reason."""
    ny, nx = frames[0].flattened.image_e.shape
    corners = [(0.0, 0.0), (nx - 1.0, 0.0), (0.0, ny - 1.0), (nx - 1.0, ny - 1.0)]
    places = np.array([[f.transform.to_registered(np.float64(x), np.float64(y)) for x, y in corners] for f in frames])
    low, high = places.min(axis=(0, 1)), places.max(axis=(0, 1))
    more = 0.5 * (MAX_PLANE - 1.0) * np.array([nx, ny])
    low, high = np.maximum(low, -more), np.minimum(high, np.array([nx, ny]) + more)
    x0, y0 = int(np.floor(low[0])), int(np.floor(low[1]))
    return x0, y0, int(np.ceil(high[0])) - x0 + 1, int(np.ceil(high[1])) - y0 + 1


def steady_plane(
    cube: np.ndarray, weight: np.ndarray, matrices: np.ndarray, window: tuple[int, int, int, int], config: Stars, flatten: Flatten
) -> Plane:
    """What stands still in the registered plane, and its noise."""
    x0, y0, mx, my = window
    steady, count = np.empty((my, mx), np.float32), np.empty((my, mx), np.uint8)
    in_rows(my, lambda a, b: gather_steady(cube, weight, matrices, x0, y0, a, b, steady, count))
    unseen = (count < config.min_overlap_frames).astype(np.uint8)
    share = np.sqrt(np.maximum(count, 1).astype(np.float32) / np.float32(INNER_HALF))
    level, noise = background_maps(steady * share, unseen, flatten)
    steady = np.where(unseen == 0, steady - level / share, np.float32(0.0))
    return Plane(x0, y0, steady, noise / share, count)


def clutter(plane: Plane, psf: Psf, trail: Trail) -> np.ndarray:
    """What stands still without being a known star, where it is significant by the pixel or through the PSF; else 0."""
    z = np.where(plane.count > 0, plane.steady_e / np.maximum(plane.sigma_e, 1e-6), 0.0).astype(np.float32)
    kernel = template(trail, psf.filter_px)
    filtered = correlate(z, kernel) / np.float32(np.sqrt((kernel * kernel).sum()))
    strong = (np.abs(z) > CLUTTER_SIGMA).astype(np.uint8)
    around = cv2.dilate((np.abs(filtered) > CLUTTER_SIGMA).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.where((strong > 0) | (around > 0), plane.steady_e, np.float32(0.0))


def deep_image(frames: list[Registered]) -> np.ndarray:
    """What stands still in the reference frame's field (ny, nx) [e-], without what only some frames show: for people."""
    cube = np.stack([f.flattened.image_e for f in frames])
    spoilt = ~np.uint8(PixelFlag.SATURATED)  # a saturated pixel is bright all the same
    weight = np.stack([(f.flattened.flags & spoilt == 0).astype(np.float32) for f in frames])
    matrices = np.array([f.transform.inverse for f in frames])
    image, count = np.empty(cube.shape[1:], np.float32), np.empty(cube.shape[1:], np.uint8)
    in_rows(len(image), lambda a, b: gather_steady(cube, weight, matrices, 0, 0, a, b, image, count))
    return image


def _new_stars(
    plane: Plane, psf: Psf, trail: Trail, threshold: float, known: np.ndarray, movers: list[Candidate],
    frames: list[Registered], config: Stars,
) -> np.ndarray:  # fmt: skip
    """Stars (m, 3) above ``threshold`` that are not what is left of known ones, nor movers."""
    kernel = template(trail, float(np.sqrt(psf.filter_px**2 + ROUNDED)))
    usable = plane.count >= config.min_overlap_frames
    weight = np.where(usable, 1.0 / np.maximum(plane.sigma_e, 1e-6) ** 2, 0.0).astype(np.float32)
    psi, phi = correlate(plane.steady_e * weight, kernel), correlate(weight, kernel * kernel)
    enough = 0.3 * float(np.median(phi[usable])) if usable.any() else np.inf
    snr = np.where(phi > enough, psi / np.sqrt(np.maximum(phi, 1e-30)), 0.0).astype(np.float32)
    radius = max(2, round(0.35 * trail.length_px))
    peaks = find_stars(snr, threshold, radius, config.max_stars)
    x, y = peaks[:, 0], peaks[:, 1]
    iy, ix = np.rint(y).astype(int).clip(0, snr.shape[0] - 1), np.rint(x).astype(int).clip(0, snr.shape[1] - 1)
    flux = peaks[:, 2] / np.sqrt(np.maximum(phi[iy, ix], 1e-30))
    found = np.stack([x + plane.x0, y + plane.y0, flux], axis=1)
    return found[_is_new(found, known, psf, trail) & ~_is_mover(found, movers, frames)]


def _is_new(found: np.ndarray, known: np.ndarray, psf: Psf, trail: Trail) -> np.ndarray:
    """Which of the peaks are no remains: far from every known star or not much fainter."""
    if not len(known):
        return np.ones(len(found), bool)
    reach = BESIDE_SIGMAS * psf.core_px + 0.5 * trail.length_px
    near = cKDTree(known[:, :2]).query_ball_point(found[:, :2], reach)
    brightest = np.array([known[i, 2].max() if i else 0.0 for i in near])
    return found[:, 2] > BESIDE_FRACTION * brightest


def _is_mover(found: np.ndarray, movers: list[Candidate], frames: list[Registered]) -> np.ndarray:
    """Which of the peaks lie on the path of an object whose own motion has been seen."""
    on_path = np.zeros(len(found), bool)
    for x, y in _mover_places(movers, frames):
        on_path |= np.hypot(found[:, 0] - x, found[:, 1] - y) < MOVER_SIGMAS * frames[0].psf_sigma_px
    return on_path


def _without_movers(plane: Plane, movers: list[Candidate], frames: list[Registered]) -> Plane:
    """The plane without what slow objects left in it: their light is no clutter."""
    steady = plane.steady_e.copy()
    y, x = np.ogrid[plane.y0 : plane.y0 + steady.shape[0], plane.x0 : plane.x0 + steady.shape[1]]
    for u, v in _mover_places(movers, frames):
        steady[(x - u) ** 2 + (y - v) ** 2 < (MOVER_SIGMAS * frames[0].psf_sigma_px) ** 2] = 0.0
    return replace(plane, steady_e=steady)


def _mover_places(movers: list[Candidate], frames: list[Registered]) -> list[tuple[float, float]]:
    """Where movers are in every frame, in the registered plane."""
    return [(m.x_px + m.vx_px_frame * f.t_frames, m.y_px + m.vy_px_frame * f.t_frames) for m in movers for f in frames]


def _paths(stars: np.ndarray, frames: list[Registered]) -> np.ndarray:
    """Detector places (m, n, 2) of registered places."""
    places = [np.stack(f.transform.to_detector(stars[:, 0], stars[:, 1]), axis=-1) for f in frames]
    return np.ascontiguousarray(np.stack(places, axis=1)) if len(stars) else np.empty((0, len(frames), 2))


def _drawn(
    places: np.ndarray, frames: list[Registered], psf: Psf, widths: np.ndarray, banks: np.ndarray, noise_e: float
) -> StarList:
    """How stars at registered ``places`` (m, 3) are drawn: wide enough for their place in the field and their flux."""
    shape, trail = frames[0].flattened.image_e.shape, frames[0].trail
    paths = _paths(places, frames)
    middle = paths[:, paths.shape[1] // 2].clip(0.0, (shape[1], shape[0]))
    wanted = psf.widths(middle[:, 0], middle[:, 1], shape)
    width = np.abs(np.log(wanted[:, None] / widths[None, :])).argmin(axis=1)
    snr = places[:, 2] / (noise_e * np.sqrt(4.0 * np.pi) * psf.core_px)
    top = np.array(banks.shape[3:]) // 2
    reach = FIT_SIGMAS * widths[-1] + 0.5 * np.abs([trail.dy_px, trail.dx_px])
    fit_half = np.tile(np.minimum(np.ceil(reach).astype(int), top), (len(places), 1))
    full_half = np.where((snr > FAINT_SNR)[:, None], top[None, :], np.minimum(fit_half + 1, top))
    return StarList(places, paths, width, fit_half, full_half, np.zeros(len(places)))


def _fit(
    cube: np.ndarray, weight: np.ndarray, banks: np.ndarray, stars: StarList, frames: list[Registered], config: Stars
) -> StarList:
    """All stars fitted again, brightest first; ``cube`` is kept without their light."""
    state = np.zeros_like(stars.places)
    state[:, 2] = stars.places[:, 2]
    order = np.lexsort((stars.places[:, 0], -stars.places[:, 2]))
    chi2, signal = np.zeros(len(state)), np.zeros(len(state))
    for _ in range(config.fit_rounds):
        fit_stars(
            cube, weight, banks, stars.width, stars.paths, order, stars.fit_half, stars.full_half, GAUSS_NEWTON_STEPS,
            PLACE_SIGMA_PX, state, signal, chi2,
        )  # fmt: skip
    places = np.column_stack([stars.places[:, :2] + state[:, :2], state[:, 2]])
    return replace(stars, places=places, paths=_paths(places, frames), chi2=chi2)
