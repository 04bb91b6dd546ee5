"""The order of the work, written once: what happens to each frame as it arrives, and to a set when it is complete.

``do`` runs one stage: by default a plain call; the simulated processor's reserves memory, charges time and injects faults.
"""

from collections.abc import Sequence

from sensorproc.config import Config
from sensorproc.errors import FrameSetRejected
from sensorproc.frames import Frame, Rejection, demand_one_shape
from sensorproc.onboard.frame.calibrate import calibrate
from sensorproc.onboard.frame.fields import rows_of_two_times
from sensorproc.onboard.frame.flatten import flatten
from sensorproc.onboard.frame.slewing import is_slewing
from sensorproc.onboard.patches.link import is_beside
from sensorproc.onboard.patches.tracklet import bright_tracklet
from sensorproc.onboard.pixel_ownership import HandOver, Room, SetRoom
from sensorproc.onboard.products import Flattened, Prepared, Processed
from sensorproc.onboard.residual_set import ResidualSet, residual_set
from sensorproc.onboard.search.accept import accept
from sensorproc.onboard.search.artefacts import without_artefacts
from sensorproc.onboard.search.link import link_points
from sensorproc.onboard.search.null_search import permuted_null_search
from sensorproc.onboard.search.threshold import find_and_decide
from sensorproc.onboard.search.tracklet import tracklet
from sensorproc.onboard.search.velocity_boxes import boxes, calibration_loss_db
from sensorproc.onboard.stage import Do, call
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.state import PayloadState
from sensorproc.onboard.streaks.find import single_streaks
from sensorproc.onboard.streaks.link import link_streaks
from sensorproc.onboard.streaks.lone import besides_tracks, lone_streaks_hidden
from sensorproc.onboard.streaks.tracklet import streak_false_alarms, streak_measurement, streak_tracklet
from sensorproc.onboard.threads import each


def prepare(frame: Frame, state: PayloadState, config: Config, do: Do = call, room: Room | None = None) -> Flattened:
    """As each frame arrives: electrons above the background, in the ``room`` that its set has for it if there is some; raises
    :class:`FrameSetRejected`, by a name of the dictionary, if it cannot be used."""
    if is_slewing(frame, config.register):
        raise FrameSetRejected("SLEWING", arcsec_s=frame.slew_arcsec_s or 0.0)
    return do(flatten, do(calibrate, frame, state, config.calibrate), config.flatten, room)


def prepare_or_reject(frame: Frame, state: PayloadState, config: Config, do: Do = call, room: Room | None = None) -> Prepared:
    """:func:`prepare`, or why the frame cannot be used."""
    try:
        return prepare(frame, state, config, do, room)
    except FrameSetRejected as reason:
        return Rejection.of(frame, reason)


def prepare_all(frames: Sequence[Frame], state: PayloadState, config: Config, do: Do = call) -> HandOver[Prepared]:
    """Those of all frames, which are here already: side by side, unless somebody stands between the stages."""
    room, every = SetRoom([frame.data_dn.shape for frame in frames]), each if do is call else map
    return HandOver(every(lambda k: prepare_or_reject(frames[k], state, config, do, room.of(k)), range(len(frames))))


def process_set(
    frames: Sequence[Frame], state: PayloadState, table: StarTable | None, config: Config, do: Do = call
) -> tuple[Processed, PayloadState]:
    """All frames of one detector's set to tracklets and streaks, and the state for the next set; raises as :func:`search_set`."""
    demand_one_shape([frame.data_dn.shape for frame in frames])
    return search_set(prepare_all(frames, state, config, do), state, table, config, do)


def search_set(
    frames: HandOver[Prepared], state: PayloadState, table: StarTable | None, config: Config, do: Do = call
) -> tuple[Processed, PayloadState]:
    """When the set is complete: all its frames in order of time, prepared or rejected, which are taken over.

    Raises
    ------
    ShapeError
        If the frames are of different sizes; the caller pads them.
    """
    usable = [frame.facts for frame in frames if isinstance(frame, Flattened)]
    rejected = [frame for frame in frames if isinstance(frame, Rejection)]
    detector = next(iter(frames)).detector
    demand_one_shape([facts.shape for facts in usable])
    try:
        residuals = residual_set(frames, state, table, config, do)
        rejections = tuple(sorted([*rejected, *residuals.unplaced], key=lambda r: r.frame_index))
        processed = search_stack(residuals, rejections, state, config, do)
        return processed, state.after_set(processed.null_found, processed.null_expected, *residuals.taught)
    except FrameSetRejected as reason:
        rejections = tuple([*rejected, *(Rejection.of(facts, reason) for facts in usable)])
        return Processed.nothing(detector, rejections, state.digest()), state.after_set()


def search_stack(
    residuals: ResidualSet, rejections: tuple[Rejection, ...], state: PayloadState, config: Config, do: Do
) -> Processed:
    """Tracklets and streaks of a set without stars: find, threshold, accept, link, measure."""
    stack, measure = residuals.stack, config.measure
    found = do(boxes, stack, stack.cadence_s, config.search.box_px_frame)
    streaks = do(single_streaks, stack, config.streaks)
    with lone_streaks_hidden(stack, streaks, do):
        threshold, faint, n_velocities = find_and_decide(stack, found, state, config, do)
        candidates = [*residuals.movers, *do(link_points, stack, config.search), *faint]
        tracks, cleaned = do(accept, stack, candidates, threshold.snr, config.accept)
        tracks = [track for track in tracks if not is_beside(track.path, stack.psf_sigma_px, residuals.bright)]
        tracks, artefacts = do(without_artefacts, tracks, config.accept)
        permuted = permuted_null_search(stack, cleaned, found, threshold.lowest_permuted, state, config, do)
        faint_ones = [tracklet(stack, track, threshold.false_alarms, measure) for track in tracks]
    linked, alone = do(link_streaks, do(besides_tracks, stack, cleaned, streaks, [t.light for t in tracks]), stack)
    by_chance = streak_false_alarms(stack, config.streaks)
    bright_ones = [bright_tracklet(stack, track, measure) for track in residuals.bright]
    linked_ones = [streak_tracklet(stack, track, by_chance, measure) for track in linked]
    single = [streak_measurement(stack.frames[k], streak, by_chance, measure.position_floor_px) for k, streak in alone]
    nulls = [snrs for snrs in (threshold.null_snrs, permuted) if snrs is not None]
    return Processed(
        detector=stack.facts.detector, residuals=stack.frames, rejections=rejections,
        artefacts=(*do(rows_of_two_times, stack), *artefacts),
        tracklets=(*bright_ones, *faint_ones, *linked_ones), streaks=tuple(single),
        threshold_snr=threshold.snr, expected_false_alarms=config.search.false_alarms_per_set,
        n_velocities=n_velocities, n_candidates=len(candidates), n_null=threshold.n_null, excess=threshold.false_alarms.excess,
        null_found=sum(map(len, nulls)), null_expected=config.search.null_false_alarms * len(nulls),
        exposure_bias_s=residuals.exposure_bias_s, state_digest=state.digest(), calibration_loss_db=calibration_loss_db(stack),
    )  # fmt: skip
