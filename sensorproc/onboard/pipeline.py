"""The order of the work, written once.

``do`` runs one stage; it defaults to a plain call. The simulated processor passes its own, which reserves memory,
charges time and injects faults between stages.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorproc.config import Config
from sensorproc.errors import FrameSetRejected, ShapeError
from sensorproc.frames import Frame, Rejection
from sensorproc.onboard.detector.defects import fill_shadows, level_glow, mask_dead_columns, mask_fixed_pixels
from sensorproc.onboard.detector.fixed_pattern import subtract_fixed_pattern
from sensorproc.onboard.false_alarms import FalseAlarms, running_excess
from sensorproc.onboard.frame.calibrate import calibrate
from sensorproc.onboard.frame.flatten import flatten
from sensorproc.onboard.frame.slewing import is_slewing
from sensorproc.onboard.patches.link import BrightTrack, bright_objects, is_beside
from sensorproc.onboard.patches.tracklet import bright_tracklet
from sensorproc.onboard.products import Candidate, Flattened, Prepared, Processed, Registered
from sensorproc.onboard.registration.exposure_time import exposure_bias
from sensorproc.onboard.registration.register import register
from sensorproc.onboard.search.accept import accept
from sensorproc.onboard.search.early_movers import bright_movers, slow_movers
from sensorproc.onboard.search.link_points import link_points
from sensorproc.onboard.search.null_pixels import permuted, restored, sign_reversed
from sensorproc.onboard.search.track import Track
from sensorproc.onboard.search.tracklet import tracklet
from sensorproc.onboard.search.velocity_boxes import Box, boxes
from sensorproc.onboard.search.velocity_search import false_alarms, search
from sensorproc.onboard.sky.solve import solve
from sensorproc.onboard.stack import Stack, stack
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.stars.subtract import subtract_stars
from sensorproc.onboard.state import Optics, PayloadState
from sensorproc.onboard.streaks.find import find_streaks
from sensorproc.onboard.streaks.line_search import curvatures
from sensorproc.onboard.streaks.link import Numbered, link_streaks
from sensorproc.onboard.streaks.plausible import lies_on
from sensorproc.onboard.streaks.tracklet import streak_measurement, streak_tracklet
from sensorproc.theory import poisson_skewness

Do = Callable[..., Any]
TRAIL_SIGMAS = 4.0  # PSF widths around the trail of an accepted track in which a streak is what its model left


def call(stage: Callable[..., Any], *arguments: Any) -> Any:
    """The plain ``do``."""
    return stage(*arguments)


def prepare(frame: Frame, state: PayloadState, config: Config, do: Do = call) -> Flattened:
    """As each frame arrives: electrons above the background.

    Raises
    ------
    FrameSetRejected
        If the frame cannot be used; the reason is a name of the dictionary.
    """
    if is_slewing(frame, config.register):
        raise FrameSetRejected("SLEWING", arcsec_s=frame.slew_arcsec_s or 0.0)
    calibrated = do(calibrate, frame, state, config.calibrate)
    return do(flatten, calibrated, config.flatten, config.calibrate)


def prepared(frame: Frame, state: PayloadState, config: Config, do: Do = call) -> Prepared:
    """:func:`prepare`, or why the frame cannot be used."""
    try:
        return prepare(frame, state, config, do)
    except FrameSetRejected as reason:
        return _rejection(frame, reason)


def process_set(
    frames: list[Frame], state: PayloadState, table: StarTable | None, config: Config, do: Do = call
) -> tuple[Processed, PayloadState]:
    """All frames of one detector's set to tracklets and streaks, and the state for the next set.

    Raises
    ------
    ShapeError
        If the frames are of different sizes; the caller pads them.
    """
    _demand_one_shape([frame.data_dn.shape for frame in frames])
    return search_set([prepared(frame, state, config, do) for frame in frames], state, table, config, do)


def search_set(
    frames: list[Prepared], state: PayloadState, table: StarTable | None, config: Config, do: Do = call
) -> tuple[Processed, PayloadState]:
    """When the set is complete: all its :func:`prepared` frames, in order of time. The list is emptied: once stars are out
    of them, the frames' memory is free.

    Raises
    ------
    ShapeError
        If the frames are of different sizes.
    """
    _demand_one_shape([frame.image_e.shape for frame in frames if isinstance(frame, Flattened)])
    detector, usable = frames[0].detector, [f.calibrated.frame for f in frames if isinstance(f, Flattened)]
    rejected = [frame for frame in frames if isinstance(frame, Rejection)]
    try:
        starless = residual_stack(frames, state, table, config, _cadence_s(frames, config), do)
        rejections = tuple(sorted([*rejected, *starless.unplaced], key=lambda r: r.frame_index))
        processed = search_stack(starless, rejections, state, config, do)
        return processed, state.after_set(processed.null_found, processed.null_expected, starless.warm_snr, starless.optics)
    except FrameSetRejected as reason:
        rejected += [_rejection(frame, reason) for frame in usable]
        return Processed.nothing(detector, tuple(rejected), state.digest()), state.after_set()


@dataclass(frozen=True, eq=False)
class Starless:
    """What is left of a set without its stars and the detector's defects; ``movers`` so slow that they look like stars and
    ``bright`` objects that are no points; frames that could not be placed; what every pixel has shown of itself so
    far, and the stars of the optics and of the shutter."""

    frames: Stack
    movers: list[Candidate]
    bright: list[BrightTrack]
    unplaced: list[Rejection]
    warm_snr: np.ndarray | None
    optics: Optics | None = None
    exposure_bias_s: tuple[float, float] = (0.0, 0.0)


def residual_stack(
    frames: list[Prepared], state: PayloadState, table: StarTable | None, config: Config, cadence_s: float, do: Do
) -> Starless:
    """From prepared frames to what may be searched."""
    flattened = [frame for frame in frames if isinstance(frame, Flattened)]
    frames.clear()
    if not flattened:
        raise FrameSetRejected("NO_FRAMES")
    if len(flattened) > 1 and (cadence_s <= 0.0 or np.median(np.diff([f.t_mid_tai_ns for f in flattened])) <= 0):
        raise FrameSetRejected("SAME_TIME")
    registered, unplaced = register_set(flattened, state, config, cadence_s, do)
    del flattened
    bias = do(exposure_bias, registered)
    bright, registered = do(bright_objects, registered)
    solved, optics = do(solve, registered, table, config.solve, state.optics)
    movers = do(slow_movers, registered, config.stars, config.register)
    passing = do(bright_movers, registered, config.search)
    del registered
    residuals = do(subtract_stars, solved, movers, passing, config.stars, config.match, config.flatten)
    residuals = do(mask_dead_columns, residuals)
    residuals = do(fill_shadows, residuals)
    residuals = do(level_glow, residuals)
    residuals, warm_snr = do(mask_fixed_pixels, residuals, state.warm_snr)
    return Starless(do(stack, residuals, cadence_s), movers, bright, unplaced, warm_snr, optics, bias)


def search_stack(starless: Starless, rejections: tuple[Rejection, ...], state: PayloadState, config: Config, do: Do) -> Processed:
    """Tracklets and streaks of a set without stars."""
    frames, movers, bright = starless.frames, starless.movers, starless.bright
    found = do(boxes, frames, frames.cadence_s, config.search.box_px_frame)
    theory = false_alarms(frames, found, config.search, _skewness(frames))
    mirrored = theory.reversed()
    reverse, hidden = do(sign_reversed, frames, state.warm_snr, config.match)
    try:
        null = null_search(reverse, found, mirrored, config, do)
    finally:
        restored(frames, hidden)
    theory_threshold = mirrored.threshold(config.search.false_alarms_per_set) + config.search.margin_snr
    calibrated = theory.with_null(mirrored, null, running_excess(state.null_found, state.null_expected))
    threshold = calibrated.threshold(config.search.false_alarms_per_set) + config.search.margin_snr
    faint, n_velocities = search_boxes(frames, found, config, threshold - config.search.candidate_margin, do)
    candidates = [*movers, *do(link_points, frames, config.search), *faint]
    tracks, cleaned = do(accept, frames, candidates, threshold, config.measure)
    tracks = [track for track in tracks if not is_beside(track.path, frames.registered, bright)]
    faint_ones = [tracklet(frames, track, calibrated, config.measure) for track in tracks]
    nulls = {"sign": null}
    if config.search.permuted_every and state.n_sets % config.search.permuted_every == config.search.permuted_every - 1:
        nulls["time"] = null_search(do(permuted, frames, cleaned), found, theory, config, do)
    linked, alone = do(link_streaks, do(single_streaks, frames, cleaned, tracks, config), frames)
    by_chance = FalseAlarms(curvatures(frames.image_e.shape[1:], frames.psf_sigma_px, config.streaks), 0.0)
    bright_ones = [bright_tracklet(frames, one, config.measure) for one in bright]
    linked_ones = [streak_tracklet(frames, track, by_chance, config.measure) for track in linked]
    floor_px = config.measure.position_floor_px
    return Processed(
        detector=frames.registered[0].flattened.calibrated.frame.detector,
        residuals=frames.frames,
        tracklets=(*bright_ones, *faint_ones, *linked_ones),
        streaks=tuple(streak_measurement(frames.frames[k], streak, by_chance, floor_px) for k, streak in alone),
        rejections=rejections,
        threshold_snr=threshold,
        expected_false_alarms=config.search.false_alarms_per_set,
        n_velocities=n_velocities,
        n_candidates=len(candidates),
        n_null=sum(snr > theory_threshold for snr in null),
        excess=calibrated.excess,
        null_found=sum(len(n) for n in nulls.values()),
        null_expected=config.search.null_false_alarms * len(nulls),
        exposure_bias_s=starless.exposure_bias_s,
        state_digest=state.digest(),
    )


def register_set(
    flattened: list[Flattened], state: PayloadState, config: Config, cadence_s: float, do: Do
) -> tuple[list[Registered], list[Rejection]]:
    """Frames in one plane. A stare without a dark map is registered again once its fixed pattern is gone.

    Where stars trail, an object may stand still over the detector as the pattern does, and the pattern is left alone.
    """
    camera, fwhm_px = flattened[0].calibrated.frame.camera, config.sensor.psf_fwhm_px
    ifov_rad = camera.ifov_rad if camera else None
    try:
        registered, unplaced = do(register, flattened, config.register, ifov_rad, fwhm_px, cadence_s)
        is_stare = registered[0].is_stare
        if is_stare and state.dark_e_s is None:
            registered = []  # gives its frames back
    except FrameSetRejected:
        if state.dark_e_s is not None:
            raise
        is_stare = True  # hot pixels may hide the stars
    if is_stare and state.dark_e_s is None:
        flattened[:] = do(subtract_fixed_pattern, flattened, config.flatten, fwhm_px or config.register.default_fwhm_px)
        registered, unplaced = do(register, flattened, config.register, ifov_rad, fwhm_px, cadence_s)
    return registered, unplaced


def null_search(frames: Stack, found: list[Box], false: FalseAlarms, config: Config, do: Do) -> list[float]:
    """SNRs of the tracks that the same search finds where no object is, down to a few tenths of an expected one."""
    lowest = false.threshold(config.search.null_false_alarms)
    candidates, _ = search_boxes(frames, found, config, lowest - config.search.candidate_margin, do)
    tracks, _ = do(accept, frames, candidates, lowest, config.measure)
    return [track.snr for track in tracks]


def search_boxes(frames: Stack, found: list[Box], config: Config, lowest: float, do: Do) -> tuple[list[Candidate], int]:
    """Candidates of every box and the number of velocities summed."""
    candidates, n_velocities = [], 0
    for box in found:
        near, n = do(search, frames, box, config.search, config.match.clip_snr, lowest)
        candidates += near
        n_velocities += n
    return candidates, n_velocities


def single_streaks(frames: Stack, cleaned: np.ndarray, tracks: list[Track], config: Config) -> list[Numbered]:
    """Streaks of every frame, on the pixels from which the accepted tracks were taken; their remains are no streaks."""
    if not config.streaks.enabled:
        return []
    without = [replace(residual, image_e=cleaned[k]) for k, residual in enumerate(frames.frames)]
    margin = TRAIL_SIGMAS * frames.psf_sigma_px
    return [
        (k, streak)
        for k, streak in find_streaks(without, config.streaks)
        if not any(lies_on(streak, track.path[k], track.trails[k], margin) for track in tracks)
    ]


def _demand_one_shape(shapes: list[tuple[int, ...]]) -> None:
    if len(set(shapes)) > 1:
        raise ShapeError(f"frames of one set have shapes {sorted(set(shapes))}: pad them to one")


def _cadence_s(frames: Sequence[Prepared], config: Config) -> float:
    """Configured time between frames, else their median [s]; the exposure time of a single frame."""
    times = np.array([f.t_mid_tai_ns for f in frames], np.int64)
    exposures = [f.calibrated.frame.exposure_s for f in frames if isinstance(f, Flattened)]
    measured = float(np.median(np.diff(times))) * 1e-9 if len(times) > 1 else max([*exposures, 1e-3])
    return config.sensor.cadence_s or measured


def _skewness(frames: Stack) -> float:
    flat = frames.registered[0].flattened
    gain_known = flat.calibrated.is_gain_known
    photons = max(flat.noise_e**2 - (flat.calibrated.frame.facts.read_noise_e or 0.0) ** 2, 0.0) if gain_known else 0.0
    read2 = max(flat.noise_e**2 - photons, 0.0)
    return poisson_skewness(photons, read2**0.5, frames.psf_sigma_px, len(frames.times))


def _rejection(frame: Frame, reason: FrameSetRejected) -> Rejection:
    return Rejection(frame.index, frame.detector, frame.t_mid_tai_ns, reason.reason, tuple(sorted(reason.numbers.items())))
