"""Place every frame of a set in one plane: the reference frame's own pixels.

Between frames the camera turns; for a pinhole that is a homography with three parameters, exact over the field.
Without a known pixel scale a very small one is assumed, which turns the homography into shift and rotation.
Successive shifts come from the header's pointing or from phase correlation, whichever matches more stars.
"""

from dataclasses import dataclass, replace

import numpy as np

from sensorproc.config import Register
from sensorproc.conventions import FWHM_TO_SIGMA
from sensorproc.errors import FrameSetRejected
from sensorproc.flags import PixelFlag
from sensorproc.frames import Rejection
from sensorproc.onboard.image.cosmic_rays import spikes
from sensorproc.onboard.image.matched_filter import template
from sensorproc.onboard.image.star_finding import find_stars, is_trailed, psf_sigma, significance, wide_enough
from sensorproc.onboard.products import MIN_FRAMES, Flattened, Registered, Trail, Transform
from sensorproc.onboard.registration.camera_turn import fit_transform
from sensorproc.onboard.registration.shifts import successive_shifts
from sensorproc.onboard.stage import stage
from sensorproc.onboard.straight_line import velocity
from sensorproc.onboard.threads import each
from sensorproc.timescales import NS_PER_S

TINY_IFOV_RAD = 1e-6  # With an unknown pixel scale a field so small makes the homography a shift and a rotation [rad].
SHORTEST_TRAIL = 0.4  # A shorter star trail [PSF sigmas] is a point.
SAME_TRAIL = 0.3  # Stars are found again if the trail differs by more [PSF sigmas] from the one they were found with.
CLEAR_GAIN = 1.15  # A trail must raise the SNR of a point so many times.
FEW_STARS, FAINTEST_SNR = 30, 6.0  # Where fewer are as bright as they should be, fainter ones count, down to this.
SAME_WIDTH = 0.12  # Relative: a PSF that is known so well, to the step of those tried, is not measured.
UNUSUAL_RMS = 4.0  # A frame whose rms is so many times the median of its set was matched by chance.
STARE_DRIFT_SIGMAS = 8.0  # If stars drift farther over the set [PSF sigmas], no pixel sees one for long.


@stage(bytes_px=45)
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
    times = np.array([f.facts.t_mid_tai_ns for f in frames], np.int64)
    for attempt in range(2):  # again with the measured PSF, which tells stars from hot pixels, unless it is the one believed
        cleaned = _without_spikes(frames, s)
        shifts = successive_shifts(frames, cleaned, s, config)
        trail = _trail(frames, cleaned, shifts, times, s)
        stars = _stars(frames, cleaned, trail, s, config)
        measured = _measured_width(frames, cleaned, stars, trail) if attempt == 0 else None
        if measured is None or (fwhm_px is not None and abs(np.log(measured / s)) < SAME_WIDTH):
            break
        s = measured
    steps = _Steps(shifts, times, cadence_s * NS_PER_S)
    placed, rejected = _place(frames, stars, steps, trail, s, config, ifov_rad or TINY_IFOV_RAD)
    found_with, trail = trail, _finer_trail(placed) if len(placed) >= MIN_FRAMES else trail
    if np.hypot(trail.dx_px - found_with.dx_px, trail.dy_px - found_with.dy_px) > SAME_TRAIL * s:
        stars = _stars(frames, cleaned, trail, s, config)
        placed, rejected = _place(frames, stars, steps, trail, s, config, ifov_rad or TINY_IFOV_RAD)
    stare = _is_stare(placed)
    return [replace(r, trail=trail, is_stare=stare) for r in placed], rejected


def _is_stare(placed: list[Registered]) -> bool:
    """Whether stars stay where they are on the detector; with too few frames to tell, whether they are points."""
    if len(placed) < MIN_FRAMES:
        return placed[0].trail.length_px == 0 if placed else True
    centre = _centres(placed)
    drift = float(np.hypot(*(centre.max(axis=0) - centre.min(axis=0))))
    return drift < STARE_DRIFT_SIGMAS * placed[0].psf_sigma_px


def _centres(placed: list[Registered]) -> np.ndarray:
    """Where the sky at the reference frame's centre lies in every frame (n, 2) [px]."""
    ny, nx = placed[0].flattened.image_e.shape
    x, y = np.float64((nx - 1) / 2), np.float64((ny - 1) / 2)
    return np.array([r.transform.to_detector(x, y) for r in placed], float)


def _stars(frames: list[Flattened], cleaned: list[np.ndarray], trail: Trail, s: float, config: Register) -> list[np.ndarray]:
    """Stars (n, 3) of every frame, as points or as trails."""
    radius = max(2, round(0.35 * trail.length_px))

    def of_frame(k: int) -> np.ndarray:
        snr = significance(frames[k], cleaned[k], template(trail, s))
        stars = find_stars(snr, min(config.star_snr, FAINTEST_SNR), radius, 2 * config.max_stars)
        bright = int((stars[:, 2] > config.star_snr).sum())
        return wide_enough(stars[: max(bright, FEW_STARS)], frames[k], cleaned[k], trail, s)[: config.max_stars]

    return each(of_frame, range(len(frames)))


def _finer_trail(placed: list[Registered]) -> Trail:
    """Star trail from the drift of the registered frames: a straight line through where the field's centre went.

    None where the stars are points all the same: a camera that steps between exposures and holds still in them.
    """
    times = np.array([r.t_frames for r in placed])
    raw = placed[0].facts
    per_cadence = velocity(times, _centres(placed))
    span_ns = placed[-1].facts.t_mid_tai_ns - placed[0].facts.t_mid_tai_ns
    fraction = raw.exposure_s * NS_PER_S * (times[-1] - times[0]) / span_ns
    trail = Trail(float(per_cadence[0] * fraction), float(per_cadence[1] * fraction))
    middle = min(placed, key=lambda r: abs(r.t_frames))
    shows = trail.length_px > SHORTEST_TRAIL * placed[0].psf_sigma_px
    return trail if shows and is_trailed(middle.flattened, middle.flattened.flags, middle.stars, trail) else Trail()


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


def _trail(frames: list[Flattened], cleaned: list, shifts: np.ndarray, times: np.ndarray, s: float) -> Trail:
    """Star trail within an exposure: the motion between frames if trails of that length fit better than points."""
    if len(shifts) == 0:
        return Trail()
    per_ns = shifts / np.maximum(np.diff(times), 1)[:, None]
    dx, dy = np.median(per_ns, axis=0) * frames[0].facts.exposure_s * NS_PER_S
    trail = Trail(float(dx), float(dy))
    if trail.length_px < SHORTEST_TRAIL * s:
        return Trail()
    k = len(frames) // 2
    shapes = Trail(), trail
    maps = [significance(frames[k], cleaned[k], template(shape, s)) for shape in shapes]
    as_points, as_trails = (find_stars(one, 5.0, 2, 60) for one in maps)
    if len(as_trails) > 3 and np.median(as_trails[:, 2]) > CLEAR_GAIN * np.median(as_points[:, 2]):
        return trail
    return trail if is_trailed(frames[k], cleaned[k], as_points, trail) else Trail()


@dataclass(frozen=True, eq=False)
class _Steps:
    """How a set went by: ``shifts`` (n - 1, 2) of the stars from frame to frame [px], ``times`` (n,) [ns], and the cadence."""

    shifts: np.ndarray
    times: np.ndarray
    cadence_ns: float


def _place(
    frames: list[Flattened], stars: list[np.ndarray], steps: _Steps, trail: Trail, s: float, config: Register, ifov_rad: float
) -> tuple[list[Registered], list[Rejection]]:
    reference, times = _reference(stars, config), steps.times
    fits = _outwards(reference, frames, stars, steps, config, ifov_rad)
    usual_rms = float(np.median([rms for k, (_, _, rms) in enumerate(fits) if k != reference] or [0.0]))
    placed, rejected = [], []
    for k, (frame, (transform, n, rms)) in enumerate(zip(frames, fits, strict=True)):
        raw = frame.facts
        is_chance = rms > max(UNUSUAL_RMS * usual_rms, config.max_error_px)
        if k != reference and (n < config.min_stars or rms > config.max_error_px * np.sqrt(n) or is_chance):
            numbers = (("matched", float(n)), ("rms_px", rms))
            rejected.append(Rejection(raw.index, raw.detector, raw.t_mid_tai_ns, "NOT_REGISTERED", numbers))
            continue
        t = float(times[k] - times[reference]) / steps.cadence_ns
        placed.append(Registered(transform, trail, s, stars[k], n, rms, t, flattened=frame))
    return placed, rejected


def _outwards(
    reference: int, frames: list[Flattened], stars: list[np.ndarray], steps: _Steps, config: Register, ifov_rad: float
) -> list[tuple[Transform, int, float]]:
    """Every frame's transform to the reference, its matches and their rms: from the reference outwards.

    A frame is looked for one measured step beyond its inner neighbour, and where the turn so far would have brought it:
    one wrong step, to hot pixels say, then spoils nothing, nor does the sum of many rounded ones.
    """
    shifts, times = steps.shifts, steps.times
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
