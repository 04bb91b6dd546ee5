"""Place every frame of a set in one plane: the reference frame's own pixels.

Between frames the camera turns; for a pinhole that is a homography with three parameters, exact over the field.
Without a known pixel scale a very small one is assumed, which turns the homography into shift and rotation.
Successive shifts come from the header's pointing or from phase correlation, whichever matches more stars.
"""

from dataclasses import replace

import numpy as np
from scipy import fft
from scipy.spatial import cKDTree

from sensorproc.config import Register
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.geometry import compose, rotation
from sensorproc.onboard.find_stars import find_stars, is_trailed, psf_sigma, significance, spikes, template, wide_enough
from sensorproc.onboard.kernels.cholesky import solve_symmetric
from sensorproc.onboard.products import Flattened, Frame, Registered, Rejection, Trail, Transform
from sensorproc.onboard.straight_line import velocity
from sensorproc.onboard.threads import each
from sensorproc.timescales import NS_PER_S

TINY_IFOV_RAD = 1e-6
FWHM_TO_SIGMA = 0.42466
POSITION_FLOOR_PX = 0.03
SHORTEST_TRAIL = 0.4  # in PSF sigmas: a shorter one is a point
SAME_TRAIL = 0.3  # PSF sigmas by which a trail may differ from the one stars were found with
CLEAR_GAIN = 1.15  # in SNR, of a trail over a point
MIN_FRAMES_FOR_DRIFT = 3
SHIFT_WINDOW_PX = 1024  # middle of the frame in which the steps between frames are looked for
PLAIN_AGREEMENT = 0.7  # correlation of star maps above which the header's step needs no other
UNUSUAL_RMS = 4.0  # times that of the set's other frames: matched by chance
STARE_DRIFT_SIGMAS = 10.0  # of the stars over the set: beyond, no pixel sees one for long


def register(
    frames: list[Flattened], config: Register, ifov_rad: float | None, fwhm_px: float | None, cadence_s: float
) -> tuple[list[Registered], list[Rejection]]:
    """Register a set; frames that cannot be placed are rejected by name and the others kept.

    ``cadence_s`` is the unit of time of the set.

    Raises
    ------
    FrameSetRejected
        ``NO_STARS`` if no frame can serve as reference.
    """
    s = (fwhm_px or config.default_fwhm_px) * FWHM_TO_SIGMA
    times = np.array([f.calibrated.frame.t_mid_tai_ns for f in frames], np.int64)
    cadence_ns = cadence_s * NS_PER_S
    for attempt in range(2 if fwhm_px is None else 1):  # again with the measured PSF, which tells stars from hot pixels
        cleaned = _without_spikes(frames, s)
        maps = _maps(frames, cleaned, Trail(), s)
        shifts = _successive_shifts(frames, maps, config)
        trail = _trail(frames, cleaned, maps, shifts, times, s)
        stars = _stars(frames, cleaned, maps, trail, s, config)
        if attempt == 0 and fwhm_px is None:
            s = _measured_width(frames, cleaned, stars, trail) or s
    placed, rejected = _place(frames, stars, shifts, times, cadence_ns, trail, s, config, ifov_rad or TINY_IFOV_RAD)
    found_with, trail = trail, _finer_trail(placed) if len(placed) >= MIN_FRAMES_FOR_DRIFT else trail
    if np.hypot(trail.dx_px - found_with.dx_px, trail.dy_px - found_with.dy_px) > SAME_TRAIL * s:
        stars = _stars(frames, cleaned, maps, trail, s, config)
        placed, rejected = _place(frames, stars, shifts, times, cadence_ns, trail, s, config, ifov_rad or TINY_IFOV_RAD)
    stare = _is_stare(placed)
    return [replace(r, trail=trail, is_stare=stare) for r in placed], rejected


def _maps(frames: list[Flattened], cleaned: list[np.ndarray], trail: Trail, s: float) -> list[np.ndarray]:
    """Significance of every pixel of every frame as the centre of a star."""
    return each(lambda k: significance(frames[k], cleaned[k], template(trail, s)), range(len(frames)))


def _is_stare(placed: list[Registered]) -> bool:
    """Whether stars stay where they are on the detector; with too few frames to tell, whether they are points."""
    if len(placed) < MIN_FRAMES_FOR_DRIFT:
        return placed[0].trail.length_px == 0 if placed else True
    centre = _centres(placed)
    drift = float(np.hypot(*(centre.max(axis=0) - centre.min(axis=0))))
    return drift < STARE_DRIFT_SIGMAS * placed[0].psf_sigma_px


def _centres(placed: list[Registered]) -> np.ndarray:
    """Where the sky at the reference frame's centre lies in every frame (n, 2) [px]."""
    ny, nx = placed[0].flattened.image_e.shape
    x, y = np.float64((nx - 1) / 2), np.float64((ny - 1) / 2)
    return np.array([r.transform.to_detector(x, y) for r in placed], float)


def _stars(
    frames: list[Flattened], cleaned: list[np.ndarray], maps: list[np.ndarray], trail: Trail, s: float, config: Register
) -> list[np.ndarray]:
    """Stars (n, 3) of every frame; ``maps`` are the significance maps for points."""
    radius = max(2, round(0.35 * trail.length_px))

    def of_frame(k: int) -> np.ndarray:
        snr = significance(frames[k], cleaned[k], template(trail, s)) if trail.length_px > 0 else maps[k]
        stars = find_stars(snr, config.star_snr, radius, 2 * config.max_stars)
        return wide_enough(stars, frames[k], cleaned[k], trail, s)[: config.max_stars]

    return each(of_frame, range(len(frames)))


def _finer_trail(placed: list[Registered]) -> Trail:
    """Star trail from the drift of the registered frames: a straight line through where the field's centre went.

    None where the stars are points all the same: a camera that steps between exposures and holds still in them.
    """
    times = np.array([r.t_frames for r in placed])
    raw = placed[0].flattened.calibrated.frame
    per_cadence = velocity(times, _centres(placed))
    span_ns = placed[-1].flattened.t_mid_tai_ns - placed[0].flattened.t_mid_tai_ns
    fraction = raw.exposure_s * NS_PER_S * (times[-1] - times[0]) / span_ns
    trail = Trail(float(per_cadence[0] * fraction), float(per_cadence[1] * fraction))
    middle = min(placed, key=lambda r: abs(r.t_frames))
    shows = trail.length_px > SHORTEST_TRAIL * placed[0].psf_sigma_px
    return trail if shows and is_trailed(middle.flattened, middle.flattened.flags, middle.stars, trail) else Trail()


def is_slewing(frame: Frame, config: Register) -> bool:
    """Whether the recorded attitude moved so far during the exposure that nothing can be measured."""
    if frame.slew_arcsec_s is None or frame.camera is None:
        return False
    ifov_arcsec = frame.camera.ifov_rad * ARCSEC_PER_RAD
    return frame.slew_arcsec_s * frame.exposure_s > config.max_slew_px * ifov_arcsec


def _without_spikes(frames: list[Flattened], s: float) -> list[np.ndarray]:
    """Flags of each frame with spikes added; a pixel that is a spike in half of the frames counts in all of them."""
    cleaned = each(lambda frame: spikes(frame, s), frames)
    times_seen = sum((flags != 0).astype(np.uint8) for flags in cleaned)
    always = times_seen >= max(3, (len(frames) + 1) // 2)
    return [flags | (always * np.uint8(PixelFlag.HOT)) for flags in cleaned]


def _measured_width(frames: list[Flattened], cleaned: list, stars: list, trail: Trail) -> float | None:
    picked = sorted({0, len(frames) // 2, len(frames) - 1})
    widths = [psf_sigma(frames[k], cleaned[k], stars[k], trail) for k in picked]
    known = [width for width in widths if width is not None]
    return float(np.median(known)) if known else None


def _successive_shifts(frames: list[Flattened], maps: list[np.ndarray], config: Register) -> np.ndarray:
    """Displacement (n - 1, 2) [px] of the stars from each frame to the next: the header's, if stars agree, else the best of it,
    none at all, and what phase correlation finds."""
    clipped = [np.clip(_middle(snr), 0.0, 12.0) for snr in maps]
    shifts = np.zeros((max(len(frames) - 1, 0), 2))
    for k in range(len(frames) - 1):
        options = _predicted(frames[k], frames[k + 1])
        agreements = [_agreement(clipped[k], clipped[k + 1], shift) for shift in options]
        if not agreements or agreements[0] < PLAIN_AGREEMENT:
            others = [np.zeros(2), phase_shift(clipped[k], clipped[k + 1], config.max_shift_px)]
            options = others + options
            agreements = [_agreement(clipped[k], clipped[k + 1], shift) for shift in others] + agreements
        shifts[k] = options[int(np.argmax(agreements))]
    return shifts


def _middle(image: np.ndarray) -> np.ndarray:
    """The middle of a frame: enough stars to see how they move, and no more to look at."""
    y, x = (max(size - SHIFT_WINDOW_PX, 0) // 2 for size in image.shape)
    return np.ascontiguousarray(image[y : y + SHIFT_WINDOW_PX, x : x + SHIFT_WINDOW_PX])


def _predicted(before: Flattened, after: Flattened) -> list[np.ndarray]:
    """The displacement (2,) between two frames by their headers' pointing, if they have one."""
    cameras = [frame.calibrated.frame.camera for frame in (before, after)]
    if cameras[0] is None or cameras[1] is None:
        return []
    ny, nx = before.image_e.shape
    x, y = cameras[1].pixel(cameras[0].los_icrs((nx - 1) / 2, (ny - 1) / 2))
    shift = np.array([x - (nx - 1) / 2, y - (ny - 1) / 2])
    return [shift] if np.isfinite(shift).all() and np.abs(shift).max() < min(nx, ny) else []


def _agreement(before: np.ndarray, after: np.ndarray, shift: np.ndarray) -> float:
    """Correlation of two maps at whole-pixel shifts near ``shift``; only what is star-like in both counts."""
    best = -1.0
    for oy in (-1, 0, 1):
        for ox in (-1, 0, 1):
            dx, dy = round(float(shift[0])) + ox, round(float(shift[1])) + oy
            ny, nx = before.shape
            a = before[max(0, -dy) : ny - max(0, dy), max(0, -dx) : nx - max(0, dx)]
            b = after[max(0, dy) : ny - max(0, -dy), max(0, dx) : nx - max(0, -dx)]
            a, b = a[::2], b[::2]
            strong = (a > 8.0) | (b > 8.0)
            p, q = a[strong].astype(float), b[strong].astype(float)
            norm = float(np.sqrt((p * p).sum() * (q * q).sum()))
            best = max(best, float((p * q).sum()) / norm if norm > 0 else 0.0)
    return best


def phase_shift(before: np.ndarray, after: np.ndarray, max_shift_px: float) -> np.ndarray:
    """Displacement (dx, dy) of ``after`` against ``before`` by phase correlation, whole pixels."""
    ny, nx = before.shape
    window = np.hanning(ny)[:, None] * np.hanning(nx)[None, :]
    spectra = [fft.rfft2((image * window).astype(np.float32)) for image in (before, after)]
    cross = spectra[1] * np.conj(spectra[0])
    surface = fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=(ny, nx))
    dy, dx = fft.fftfreq(ny, 1.0 / ny), fft.fftfreq(nx, 1.0 / nx)
    surface[np.hypot(dy[:, None], dx[None, :]) > max_shift_px] = -1.0
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return np.array([dx[x], dy[y]])


def _trail(frames: list[Flattened], cleaned: list, maps: list, shifts: np.ndarray, times: np.ndarray, s: float) -> Trail:
    """Star trail within an exposure: the motion between frames if trails of that length fit better than points."""
    if len(shifts) == 0:
        return Trail()
    per_ns = shifts / np.maximum(np.diff(times), 1)[:, None]
    dx, dy = np.median(per_ns, axis=0) * frames[0].calibrated.frame.exposure_s * NS_PER_S
    trail = Trail(float(dx), float(dy))
    if trail.length_px < SHORTEST_TRAIL * s:
        return Trail()
    k = len(frames) // 2
    trailed = significance(frames[k], cleaned[k], template(trail, s))
    as_points, as_trails = find_stars(maps[k], 5.0, 2, 60), find_stars(trailed, 5.0, 2, 60)
    if len(as_trails) > 3 and np.median(as_trails[:, 2]) > CLEAR_GAIN * np.median(as_points[:, 2]):
        return trail
    return trail if is_trailed(frames[k], cleaned[k], as_points, trail) else Trail()


def _place(
    frames: list[Flattened],
    stars: list[np.ndarray],
    shifts: np.ndarray,
    times: np.ndarray,
    cadence_ns: float,
    trail: Trail,
    s: float,
    config: Register,
    ifov_rad: float,
) -> tuple[list[Registered], list[Rejection]]:
    reference = _reference(stars, config)
    fits = _outwards(reference, frames, stars, shifts, times, config, ifov_rad)
    usual_rms = float(np.median([rms for k, (_, _, rms) in enumerate(fits) if k != reference] or [0.0]))
    placed, rejected = [], []
    for k, (frame, (transform, n, rms)) in enumerate(zip(frames, fits, strict=True)):
        raw = frame.calibrated.frame
        is_chance = rms > max(UNUSUAL_RMS * usual_rms, config.max_error_px)
        if k != reference and (n < config.min_stars or rms > config.max_error_px * np.sqrt(n) or is_chance):
            numbers = (("matched", float(n)), ("rms_px", rms))
            rejected.append(Rejection(raw.index, raw.detector, raw.t_mid_tai_ns, "NOT_REGISTERED", numbers))
            continue
        t = float(times[k] - times[reference]) / cadence_ns
        placed.append(Registered(frame, transform, trail, s, stars[k], n, rms, t))
    return placed, rejected


def _outwards(
    reference: int, frames: list[Flattened], stars: list[np.ndarray], shifts: np.ndarray, times: np.ndarray, config: Register,
    ifov_rad: float,
) -> list[tuple[Transform, int, float]]:  # fmt: skip
    """Every frame's transform to the reference, its matches and their rms: from the reference outwards.

    A frame is looked for one measured step beyond its inner neighbour, and where the turn so far would have brought it:
    one wrong step, to hot pixels say, then spoils nothing, nor does the sum of many rounded ones.
    """
    shape = frames[0].image_e.shape
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    order = sorted(range(len(frames)), key=lambda k: (abs(k - reference), k))
    fits: dict[int, tuple[Transform, int, float]] = {}
    place = {reference: np.zeros(2)}  # where the centre of a frame lies in the reference, less itself
    for k in order:
        if k == reference:
            options = [np.zeros(2)]
        else:
            inner = k - 1 if k > reference else k + 1
            step = -shifts[inner] if k > reference else shifts[k]
            known = [i for i in place if i != reference and fits[i][1] >= config.min_stars]
            far = max(known, key=lambda i: abs(i - reference), default=None)
            dt = float(times[k] - times[reference])
            options = [place[inner] + step]
            options += [place[far] * (dt / float(times[far] - times[reference]))] if far is not None else []
        tried = [fit_transform(stars[k], stars[reference], o, shape, ifov_rad, config) for o in options]
        best = max(range(len(tried)), key=lambda i: tried[i][1])
        fits[k] = tried[best]
        is_placed = tried[best][1] >= config.min_stars
        place[k] = np.array(tried[best][0].to_registered(*centre), float) - centre if is_placed else options[-1]
    return [fits[k] for k in range(len(frames))]


def _reference(stars: list[np.ndarray], config: Register) -> int:
    """The frame nearest the middle of the set among those with enough stars."""
    middle = 0.5 * (len(stars) - 1)
    usable = [k for k in range(len(stars)) if len(stars[k]) >= config.min_stars]
    if len(stars) == 1:
        return 0  # nothing to register with: its own plane is the set's
    if not usable:
        raise FrameSetRejected("NO_STARS", found=float(max((len(x) for x in stars), default=0)))
    typical = np.median([len(stars[k]) for k in usable])
    return min(usable, key=lambda k: (len(stars[k]) < 0.5 * typical, abs(k - middle), k))


def fit_transform(
    stars: np.ndarray, reference: np.ndarray, shift: np.ndarray, shape: tuple, ifov_rad: float, config: Register
) -> tuple[Transform, int, float]:
    """Camera rotation that carries ``stars`` (n, 3) onto ``reference`` (m, 3), its matches and their rms [px]."""
    ny, nx = shape
    focal = 1.0 / ifov_rad
    to_angle = np.array([[ifov_rad, 0, -ifov_rad * (nx - 1) / 2], [0, ifov_rad, -ifov_rad * (ny - 1) / 2], [0, 0, 1.0]])
    to_pixel = np.array([[focal, 0, (nx - 1) / 2], [0, focal, (ny - 1) / 2], [0, 0, 1.0]])
    # a small rotation (wx, wy, wz) moves the centre by (wy, -wx) / ifov and turns the field by wz
    vector = np.array([-shift[1] * ifov_rad, shift[0] * ifov_rad, 0.0])
    n, rms = 0, float("inf")
    for radius in (2.0 * config.match_radius_px, config.match_radius_px, config.match_radius_px, config.match_radius_px):
        transform = _transform(to_pixel, rotation(vector), to_angle)
        x, y = transform.to_registered(stars[:, 0], stars[:, 1])
        a, b = match_nearest(np.stack([x, y], 1), reference[:, :2], radius)
        n = len(a)
        if n < 3:
            return transform, n, float("inf")
        dx, dy = reference[b, 0] - x[a], reference[b, 1] - y[a]
        distance = np.hypot(dx, dy)
        # bright stars are placed better, and are more surely stars than the faintest detections
        weight = 1.0 / (POSITION_FLOOR_PX**2 + (2.0 / stars[a, 2]) ** 2 + (2.0 / reference[b, 2]) ** 2)
        keep = distance <= max(3.0 * _weighted_median(distance, weight), 0.1)
        step = _rotation_step(x[a][keep], y[a][keep], dx[keep], dy[keep], weight[keep], nx, ny)
        vector = vector + step * np.array([ifov_rad, ifov_rad, 1.0])
        n = int(keep.sum())
        rms = float(np.sqrt((weight * distance**2)[keep].sum() / weight[keep].sum()))
    return _transform(to_pixel, rotation(vector), to_angle), n, rms


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    return float(values[order][np.searchsorted(np.cumsum(weight[order]), 0.5 * weight.sum())])


def _rotation_step(
    x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray, weight: np.ndarray, nx: int, ny: int
) -> np.ndarray:
    """Least-squares (wx, wy, wz) with wx, wy in pixels: dx = wy - wz v, dy = -wx + wz u about the centre."""
    u, v, w = x - (nx - 1) / 2, y - (ny - 1) / 2, weight
    n, wu, wv = w.sum(), (w * u).sum(), (w * v).sum()
    normal = np.array([[n, 0.0, -wu], [0.0, n, -wv], [-wu, -wv, (w * (u * u + v * v)).sum()]])
    rhs = np.array([-(w * dy).sum(), (w * dx).sum(), (w * (u * dy - v * dx)).sum()])
    solution = np.zeros(3)
    return solution if solve_symmetric(normal, rhs, np.zeros((3, 3)), solution) else np.zeros(3)


def _transform(to_pixel: np.ndarray, turn: np.ndarray, to_angle: np.ndarray) -> Transform:
    forward = compose(to_pixel, compose(turn, to_angle))
    backward = compose(to_pixel, compose(turn.T.copy(), to_angle))
    return Transform(_rows(forward), _rows(backward))


def _rows(matrix: np.ndarray) -> tuple:
    return tuple(tuple(float(v) for v in row) for row in matrix)


def match_nearest(points: np.ndarray, others: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of mutual nearest neighbours within ``radius``, in the order of ``points``."""
    if len(points) == 0 or len(others) == 0:
        return np.empty(0, int), np.empty(0, int)
    distance, nearest = cKDTree(others).query(points, distance_upper_bound=radius)
    back = cKDTree(points).query(others, distance_upper_bound=radius)[1]
    rows = np.flatnonzero(np.isfinite(distance))
    rows = rows[back[nearest[rows]] == rows]
    return rows, nearest[rows]
