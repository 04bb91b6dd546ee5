"""Stars as what they are: points of known shape that stand still in the sky, fitted through all frames of a set at once.

Away from stars nothing is subtracted, so nothing is lost there; a mover is not part of any star. Stars are found in what
stands still in the registered plane, brightest first, then fitted in the frames themselves, where no resampling blurs
them: place and flux of each, on what all others leave. Same code for points and trails.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from scipy.spatial import cKDTree

from sensorproc.config import Flatten, Stars
from sensorproc.flags import PixelFlag
from sensorproc.onboard.image.matched_filter import correlate, template
from sensorproc.onboard.image.passing_light import in_registered
from sensorproc.onboard.image.star_finding import find_stars
from sensorproc.onboard.kernels.star_fit import add_stars, fit_stars
from sensorproc.onboard.kernels.steadiness import unsteadiness
from sensorproc.onboard.products import Candidate, Registered, Trail
from sensorproc.onboard.stars.psf import Psf
from sensorproc.onboard.stars.star_images import image_banks, with_profile
from sensorproc.onboard.stars.static_sky import Plane, clutter, static_sky_plane, window
from sensorproc.onboard.straight_line import velocity
from sensorproc.onboard.threads import each, in_rows

ROUNDED = 1.0 / 12.0  # Variance that sampling at whole pixels adds [px^2].
FIT_SIGMAS = 3.0  # Half-window of the fit [core sigmas].
FAINT_SNR = 4.0  # The images of stars fainter than this in one frame are subtracted as far as they are fitted.
PLACE_SIGMA_PX = 0.5  # Error of a star's place as found.
PROFILE_SNR, PROFILE_STARS, MIN_PROFILE_STARS = 25.0, 150, 8  # of one frame; stars whose residuals correct the PSF
MOST_BANDS, MAX_SHIFT_PX = 8, 4.0  # Bands of the field, and how far fits and rotation between frames may bring stars nearer [px].
TILE_PX = 128  # Stars of so many columns are fitted after one another.
GAUSS_NEWTON_STEPS = 1  # Steps in each round of all stars.
BESIDE_SIGMAS, BESIDE_FRACTION = 3.5, 0.08  # nearer to a star and fainter than this part of it: its own remains
# One faint star in twenty is so variable by chance and left as it is; brighter ones vary for other reasons.
PASSING_CHI2, PASSING_SNR = 9.5, 8.0
GONE_FRACTION = 0.3  # A star that has less of its mean flux in a quarter of the frames passes.
# That chi-squared holds so much of a passing point's squared SNR; a spot fixed to the detector has more.
PASSING_SHARE = 0.5, 4.0
# A brighter one, up to so bright, drifts that has more than chance gives, and so much of its squared SNR: registration errs less.
ORDINARY_SNR, DRIFTING_CHI2, DRIFTING_SHARE = 30.0, 25.0, 0.15
DRIFT_SIGMAS = 1.0  # Hot pixels drift as far among the stars as the sky does over the detector; less is no drift [PSF widths].
# Median of a chi-squared of four degrees of freedom, and the most that the errors of images make of it where stars are alike.
MEDIAN_CHI2, MOST_MEDIAN_CHI2 = 3.357, 6.0
# A star has so much of its light on good pixels of as many frames as must have seen it, one that comes in over the edge no more;
# and in no set is more asked for than this part of a usual star's.
SEEN_PART, MOST_PART = 0.5, 0.3
UNDERSAMPLED_PX = 0.7  # A narrower PSF [sigma] has detail that pixels cannot show: its images change with the place on a pixel.
MOVER_SIGMAS = 5.0  # Nothing so near to an object seen to move [PSF widths] is a star.


@dataclass(frozen=True, eq=False)
class StarList:
    """Stars and how they are drawn. ``places`` (m, 3): registered x, y [px] and flux [e-]; ``paths`` (m, n, 2) on the
    detector; ``width`` (m,) index of the image bank; ``fit_half``, ``full_half`` (m, 2): half-windows in y, x [px]."""

    places: np.ndarray
    paths: np.ndarray
    width: np.ndarray
    fit_half: np.ndarray
    full_half: np.ndarray

    def chosen(self, which: np.ndarray) -> "StarList":
        """Some of the stars."""
        return StarList(*(np.ascontiguousarray(getattr(self, f.name)[which]) for f in fields(self)))

    def with_more(self, others: "StarList") -> "StarList":
        """Both lists, these first."""
        return StarList(*(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class StarModel:
    """What the stars are and their images, ``cube`` (n, ny, nx) the frames less their light, and ``plane`` what still stands
    still; ``clutter_e``, of the plane's shape: as much of that as is more than noise."""

    stars: StarList
    banks: np.ndarray
    cube: np.ndarray
    plane: Plane
    clutter_e: np.ndarray

    def light(self, k: int, least_e: float = 0.0) -> np.ndarray:
        """The light (ny, nx) float32 in frame ``k`` [e-], not negative, of the stars that have ``least_e`` in one pixel."""
        light = np.zeros((1, *self.cube.shape[1:]), np.float32)
        stars = self.stars.chosen(self.stars.places[:, 2] * float(self.banks.max()) >= least_e)
        here, flux = np.ascontiguousarray(stars.paths[:, k : k + 1]), np.ascontiguousarray(stars.places[:, 2])
        add_stars(light, self.banks, stars.width, here, flux, stars.full_half, 1.0, 0, 1)
        return np.maximum(light[0], np.float32(0.0), out=light[0])


def model_stars(
    cube: np.ndarray, frames: list[Registered], weight: np.ndarray, psf: Psf, movers: list[Candidate], config: Stars,
    flatten: Flatten,
) -> StarModel:  # fmt: skip
    """Find, fit and subtract the stars of a set from ``cube`` (n, ny, nx) float32 [e-], in place. ``weight`` (n, ny, nx):
    1/variance without stars, zero where bad."""
    trail, seen = frames[0].trail, window(frames)
    widths, banks = image_banks(psf, trail)
    matrices = np.array([f.transform.inverse for f in frames])
    point_noise_e = point_noise(weight, psf.core_px)
    stars = _drawn(np.empty((0, 3)), frames, psf, widths, banks, point_noise_e)
    passing = np.empty((0, 2))
    plane = static_sky_plane(cube, weight, matrices, seen, config, flatten)
    for threshold in (config.bright_snr, config.find_snr):
        found = _new_stars(plane, psf, trail, threshold, stars.places, movers, frames, config)
        new = _drawn(found, frames, psf, widths, banks, point_noise_e)
        moves = _is_passing(cube, weight, banks, new, frames, point_noise_e)
        passing, new = np.concatenate([passing, new.places[moves, :2]]), new.chosen(~moves)
        _add(cube, banks, new, -1.0)
        stars = stars.with_more(new)
        if len(stars.places):
            stars = _fit(cube, weight, banks, stars, frames, config)
        if threshold == config.bright_snr:
            banks = _corrected(cube, weight, banks, stars, frames, point_noise_e)
        plane = static_sky_plane(cube, weight, matrices, seen, config, flatten)
    moving = [*_mover_places(movers, frames), *passing.tolist()]
    still = _without(plane, moving, MOVER_SIGMAS * frames[0].psf_sigma_px)
    return StarModel(stars, banks, cube, plane, clutter(still, psf, trail))


def point_noise(weight: np.ndarray, s: float) -> float:
    """Noise [e-] of a point's flux in one frame, PSF of sigma ``s``, from the typical weight."""
    sampled = weight[:, ::7, ::7]
    return float(np.sqrt(4.0 * np.pi / np.median(sampled[sampled > 0]))) * s


def _add(cube: np.ndarray, banks: np.ndarray, stars: StarList, sign: float) -> None:
    """Add all stars to the cube, or take them out."""
    flux = np.ascontiguousarray(stars.places[:, 2])
    in_rows(len(cube), lambda a, b: add_stars(cube, banks, stars.width, stars.paths, flux, stars.full_half, sign, a, b))


def _corrected(
    cube: np.ndarray, weight: np.ndarray, banks: np.ndarray, stars: StarList, frames: list[Registered], point_noise_e: float
) -> np.ndarray:
    """Images corrected by the brightest stars' residuals; all stars are put back and taken out anew."""
    bright = np.flatnonzero((stars.places[:, 2] > PROFILE_SNR * point_noise_e) & ~is_saturated(stars, frames))
    bright = bright[np.argsort(-stars.places[bright, 2], kind="stable")][:PROFILE_STARS]
    if len(bright) < MIN_PROFILE_STARS:
        return banks
    better = with_profile(banks, cube, weight, stars.paths[bright], stars.places[bright, 2])
    _add(cube, better - banks, stars, -1.0)
    return better


def is_saturated(stars: StarList, frames: list[Registered]) -> np.ndarray:
    """Which stars (m,) have a saturated pixel within their image in any frame: they have another shape."""
    found = np.zeros(len(stars.places), bool)
    sizes, size = np.unique(stars.full_half, axis=0, return_inverse=True)
    for k, frame in enumerate(frames):
        saturated = (frame.flattened.flags & np.uint8(PixelFlag.SATURATED) > 0).astype(np.uint8)
        if not saturated.any():
            continue
        for i, (half_y, half_x) in enumerate(sizes.tolist()):
            reach_y, reach_x = half_y + 1, half_x + 1
            # the middle of a star may lie beside the frame
            around = cv2.copyMakeBorder(saturated, reach_y, reach_y, reach_x, reach_x, cv2.BORDER_CONSTANT)
            near = cv2.dilate(around, np.ones((2 * reach_y + 1, 2 * reach_x + 1), np.uint8)) > 0
            x, y = np.rint(stars.paths[:, k]).astype(int).T + [[reach_x], [reach_y]]
            some = np.flatnonzero((size.ravel() == i) & (x >= 0) & (y >= 0) & (x < near.shape[1]) & (y < near.shape[0]))
            found[some] |= near[y[some], x[some]]
    return found


def _new_stars(
    plane: Plane, psf: Psf, trail: Trail, threshold: float, known: np.ndarray, movers: list[Candidate],
    frames: list[Registered], config: Stars,
) -> np.ndarray:  # fmt: skip
    """Stars (m, 3) above ``threshold`` that are not what is left of known ones, nor movers."""
    kernel = template(trail, float(np.sqrt(psf.filter_px**2 + ROUNDED)))
    usable = plane.count >= config.min_overlap_frames
    weight = np.where(usable, 1.0 / np.maximum(plane.sigma_e, 1e-6) ** 2, 0.0).astype(np.float32)
    psi, phi = correlate(plane.steady_e * weight, kernel), correlate(weight, kernel * kernel)
    part = min(SEEN_PART * config.min_overlap_frames / len(frames), MOST_PART)
    enough = part * float(np.median(phi[usable])) if usable.any() else np.inf
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


def _is_passing(
    cube: np.ndarray, weight: np.ndarray, banks: np.ndarray, found: StarList, frames: list[Registered], point_noise_e: float
) -> np.ndarray:
    """Which of the stars found (m,) come, pass and go: slow objects, of which a star would take a part.

    They are gone from a quarter of the frames, or so faint that this cannot be told, or drift as no star of ordinary brightness.
    Faint is what stands still of them, whatever a bright object's passing adds; most are stars. Under a sky that drifts all
    images of an undersampled PSF vary, as much more as the median of those that are alike does than chance has it. Where most of
    them vary, it tells nothing but of those that drift under a sky that stays over the detector: no hot pixel does.
    """
    snr, constancy = np.zeros((2, len(found.places)))
    parts = np.zeros((len(snr), 2))
    if len(snr):
        times = np.array([f.t_frames for f in frames])

        def tested(first: int, last: int) -> None:
            mine = np.s_[first:last]
            of_star = found.width[mine], found.paths[mine], found.fit_half[mine]
            unsteadiness(cube, weight, banks, *of_star, times, snr[mine], parts[mine], constancy[mine])

        in_rows(len(snr), tested)
    chi2 = parts.sum(axis=1)
    faint = np.minimum(snr, found.places[:, 2] * np.sqrt(len(frames)) / point_noise_e) < PASSING_SNR
    least, most = (share * snr**2 for share in PASSING_SHARE)
    passes = ~faint & (constancy < GONE_FRACTION) & (chi2 > least) & (chi2 < most)
    ordinary = ~faint & (snr < ORDINARY_SNR)
    plain = np.maximum(DRIFTING_CHI2, DRIFTING_SHARE * snr**2)
    sky_stays = _sky_drift_px(frames) < DRIFT_SIGMAS * frames[0].psf_sigma_px
    change_with_place = not sky_stays and frames[0].psf_sigma_px < UNDERSAMPLED_PX
    for alike, which, limit in ((faint, faint, PASSING_CHI2), (faint | ordinary, ordinary, plain)):
        usual = float(np.median(chi2[alike])) if alike.any() else 0.0
        most_vary, excess = usual > MOST_MEDIAN_CHI2, max(usual / MEDIAN_CHI2, 1.0) if change_with_place else 1.0
        if sky_stays or not most_vary:
            varies = parts[:, 1] > limit if most_vary else chi2 > excess * limit
            passes |= which & varies & ((chi2 < most) | faint)
    return passes


def _sky_drift_px(frames: list[Registered]) -> float:
    """How far the middle of the field drifts over the detector within the set, jitter apart [px]."""
    ny, nx = frames[0].flattened.image_e.shape
    places = _paths(np.array([[0.5 * nx, 0.5 * ny]]), frames)[0]
    times = np.array([f.t_frames for f in frames])
    return float(np.hypot(*velocity(times, places)) * np.ptp(times))


def _without(plane: Plane, places: list[Sequence[float]], radius: float) -> Plane:
    """The plane without what slow objects left in it: their light is no clutter."""
    steady = plane.steady_e.copy()
    y, x = np.ogrid[plane.y0 : plane.y0 + steady.shape[0], plane.x0 : plane.x0 + steady.shape[1]]
    reach = int(np.ceil(radius))
    for u, v in places:
        j, i = round(v) - plane.y0, round(u) - plane.x0
        rows, columns = (slice(max(c - reach, 0), max(c + reach + 1, 0)) for c in (j, i))
        around = steady[rows, columns]
        is_near = (x[:, columns] - u) ** 2 + (y[rows] - v) ** 2 < radius**2
        around[is_near] = np.minimum(around[is_near], 0.0)  # what is darker than the sky is no object's
    return replace(plane, steady_e=steady)


def _mover_places(movers: list[Candidate], frames: list[Registered]) -> list[tuple[float, float]]:
    """Where movers are in every frame, in the registered plane."""
    return [in_registered(m, f.t_frames) for m in movers for f in frames]


def _paths(stars: np.ndarray, frames: list[Registered]) -> np.ndarray:
    """Detector places (m, n, 2) of registered places."""
    places = [np.stack(f.transform.to_detector(stars[:, 0], stars[:, 1]), axis=-1) for f in frames]
    return np.ascontiguousarray(np.stack(places, axis=1)) if len(stars) else np.empty((0, len(frames), 2))


def _drawn(
    places: np.ndarray, frames: list[Registered], psf: Psf, widths: np.ndarray, banks: np.ndarray, point_noise_e: float
) -> StarList:
    """How stars at registered ``places`` (m, 3) are drawn: wide enough for their place in the field and their flux."""
    shape, trail = frames[0].flattened.image_e.shape, frames[0].trail
    paths = _paths(places, frames)
    middle = paths[:, paths.shape[1] // 2].clip(0.0, (shape[1], shape[0]))
    wanted = psf.widths(middle[:, 0], middle[:, 1], shape)
    width = np.abs(np.log(wanted[:, None] / widths[None, :])).argmin(axis=1)
    snr = places[:, 2] / point_noise_e
    top = np.array(banks.shape[3:]) // 2
    reach = FIT_SIGMAS * widths[-1] + 0.5 * np.abs([trail.dy_px, trail.dx_px])
    fit_half = np.tile(np.minimum(np.ceil(reach).astype(int), top), (len(places), 1))
    full_half = np.where((snr > FAINT_SNR)[:, None], top[None, :], np.minimum(fit_half + 1, top))
    return StarList(places, paths, width, fit_half, full_half)


def _fit(
    cube: np.ndarray, weight: np.ndarray, banks: np.ndarray, stars: StarList, frames: list[Registered], config: Stars
) -> StarList:
    """All stars fitted again, tile by tile in each of the bands that are fitted side by side, brightest first; ``cube`` is kept
    without their light."""
    state = np.zeros_like(stars.places)
    state[:, 2] = stars.places[:, 2]

    def fit(order: np.ndarray) -> None:
        fit_stars(
            cube, weight, banks, stars.width, stars.paths, order, stars.fit_half, stars.full_half, GAUSS_NEWTON_STEPS,
            PLACE_SIGMA_PX, state,
        )  # fmt: skip

    for _ in range(config.fit_rounds):
        for bands in _bands(stars):
            each(fit, bands)
    places = np.column_stack([stars.places[:, :2] + state[:, :2], state[:, 2]])
    return replace(stars, places=places, paths=_paths(places, frames))


def _bands(stars: StarList) -> list[list[np.ndarray]]:
    """Stars in horizontal bands higher than any two images, by every other band: those of one list share no pixel."""
    apart = 2 * int(stars.full_half[:, 0].max()) + int(np.ceil(2.0 * MAX_SHIFT_PX)) + 2
    y = stars.places[:, 1]
    n = int(np.clip(np.ptp(y) / apart, 1, MOST_BANDS))
    band = np.minimum(((y - y.min()) / max(float(np.ptp(y)), 1e-9) * n).astype(int), n - 1)
    tile = (stars.places[:, 0] // TILE_PX).astype(int)  # neighbours after one another: their pixels stay near the processor
    order = np.lexsort((stars.places[:, 0], -stars.places[:, 2], tile))
    ordered = [order[band[order] == i] for i in range(n)]
    return [ordered[0::2], ordered[1::2]]
