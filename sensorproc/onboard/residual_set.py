"""From prepared frames to what may be searched: a set without its stars and without the structure of its detector."""

from dataclasses import dataclass

import numpy as np

from sensorproc.config import Config
from sensorproc.errors import FrameSetRejected
from sensorproc.frames import Rejection
from sensorproc.onboard.detector.defects import fill_shadows, mask_clusters, mask_fixed_pixels
from sensorproc.onboard.detector.fixed_pattern import subtract_fixed_pattern
from sensorproc.onboard.detector.glow import level_glow
from sensorproc.onboard.detector.learning import learn
from sensorproc.onboard.detector.lines import mask_lines
from sensorproc.onboard.detector.pattern_noise import rest_sigma
from sensorproc.onboard.detector.pattern_refinement import refine_pattern
from sensorproc.onboard.detector.stars_in_pattern import without_drifting_stars
from sensorproc.onboard.frame.covered_borders import with_covers_of_most
from sensorproc.onboard.frame.stray_arcs import follow_arcs
from sensorproc.onboard.patches.link import BrightTrack, bright_objects
from sensorproc.onboard.pixel_ownership import HandOver, in_cubes
from sensorproc.onboard.products import Candidate, Flattened, OwnPattern, Prepared, Registered
from sensorproc.onboard.registration.exposure_time import exposure_bias
from sensorproc.onboard.registration.register import register
from sensorproc.onboard.registration.second_look import Places, at_first_places, is_first_right, places
from sensorproc.onboard.registration.transparency import level_transparency
from sensorproc.onboard.search.early_movers import bright_movers, passing_points, slow_movers
from sensorproc.onboard.sky.solve import solve
from sensorproc.onboard.stack import Stack, stack
from sensorproc.onboard.stage import Do
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.stars.subtract import subtract_stars
from sensorproc.onboard.state import LearntDark, Optics, PayloadState


@dataclass(frozen=True, eq=False)
class ResidualSet:
    """What is left of a set, and what was learnt on the way.

    ``movers`` are so slow that they look like stars, ``bright`` objects are no points, ``unplaced`` frames could not be
    registered or lost their light to clouds; ``warm_snr`` and ``learnt`` are what every pixel has shown of itself so far;
    ``exposure_bias_s`` and its sigma are those of :func:`~sensorproc.onboard.registration.exposure_time.exposure_bias`.
    """

    stack: Stack
    movers: list[Candidate]
    bright: list[BrightTrack]
    unplaced: list[Rejection]
    warm_snr: np.ndarray | None
    optics: Optics | None
    learnt: LearntDark | None
    exposure_bias_s: tuple[float, float]

    @property
    def taught(self) -> tuple[np.ndarray | None, Optics | None, LearntDark | None]:
        """What it teaches of detector and optics, for the next set's state."""
        return self.warm_snr, self.optics, self.learnt


def residual_set(frames: HandOver[Prepared], state: PayloadState, table: StarTable | None, config: Config, do: Do) -> ResidualSet:
    """Register and solve the frames, take out their stars and their detector's structure. The frames are taken over.

    Raises
    ------
    FrameSetRejected
        If no frame can be used, if their times are all the same, or if they cannot be registered.
    """
    cadence_s = set_cadence_s(frames, config)
    taken = with_covers_of_most([frame for frame in frames.take() if isinstance(frame, Flattened)])
    usable = HandOver(do(follow_arcs, HandOver(in_cubes(taken)), config.flatten))
    del taken
    _demand_times(usable, cadence_s)
    registered, unplaced, own = register_set(usable, state, config, cadence_s, do)
    registered, clouded = do(level_transparency, registered, config.register.min_light)
    bias = do(exposure_bias, registered)
    bright, registered = do(bright_objects, registered, config.patches)
    solved, optics = do(solve, registered, table, config.solve, state.optics)
    movers = do(slow_movers, registered, config.movers, config.register)
    passing = do(bright_movers, registered, config.search)
    starry = HandOver(solved)
    del solved, registered  # the pixels belong to the next stage alone
    residuals = do(subtract_stars, starry, movers, passing, config.stars, config.cosmic_rays, config.flatten)
    residuals, own = do(without_drifting_stars, residuals, own, passing)
    passing = do(passing_points, residuals, passing, config.search)
    residuals, own = do(refine_pattern, residuals, own, passing)
    residuals, own = do(without_drifting_stars, residuals, own, passing)  # those beside brighter ones are in the pattern only now
    residuals = do(mask_lines, residuals)
    residuals = do(fill_shadows, residuals)
    residuals = do(level_glow, residuals, passing)
    residuals, warm_snr = do(mask_fixed_pixels, residuals, state.warm_snr)
    in_all_frames = do(rest_sigma, residuals)
    residuals = do(mask_clusters, residuals)
    learnt = do(learn, state.learnt, own, residuals)
    built = do(stack, residuals, cadence_s, in_all_frames)
    return ResidualSet(built, movers, bright, [*unplaced, *clouded], warm_snr, optics, learnt, bias)


def set_cadence_s(frames: HandOver[Prepared], config: Config) -> float:
    """Time between the frames of a set [s], lost ones counted: as configured, else their median; the exposure time of a single
    frame."""
    times = np.array([frame.t_mid_tai_ns for frame in frames], np.int64)
    exposures = [frame.facts.exposure_s for frame in frames if isinstance(frame, Flattened)]
    measured = float(np.median(np.diff(times))) * 1e-9 if len(times) > 1 else max([*exposures, 1e-3])
    return config.sensor.cadence_s or measured


def _demand_times(frames: HandOver[Flattened], cadence_s: float) -> None:
    if not len(frames):
        raise FrameSetRejected("NO_FRAMES")
    if len(frames) > 1 and (cadence_s <= 0.0 or np.median(np.diff([frame.t_mid_tai_ns for frame in frames])) <= 0):
        raise FrameSetRejected("SAME_TIME")


def register_set(
    frames: HandOver[Flattened], state: PayloadState, config: Config, cadence_s: float, do: Do
) -> tuple[list[Registered], list[Rejection], OwnPattern | None]:
    """Frames in one plane, those without a place in it, and the pattern that was taken out of them if one was.

    A stare without a dark map is registered again once its fixed pattern is gone, and stays where it was put first if its stars
    say so. Where stars trail, an object may stand still over the detector as the pattern does, and the pattern is left alone.
    Where not all frames could be placed, it may be the pattern that hid the stars: what is a stare without it is one. The frames
    are taken over.
    """
    flattened = frames.take()
    camera, fwhm_px = flattened[0].facts.camera, config.sensor.psf_fwhm_px
    ifov_rad = camera.ifov_rad if camera else None
    first: tuple[list[Registered], list[Rejection]] | None = None
    before: Places = {}
    try:
        first = do(register, flattened, config.register, ifov_rad, fwhm_px, cadence_s)
        trails = not first[0][0].is_stare
        if state.dark_e_s is not None or (trails and not first[1]):
            return *first, None
        if not trails:
            before, unplaced, first = places(first[0]), first[1], None  # gives its frames back
    except FrameSetRejected:
        if state.dark_e_s is not None:
            raise  # else hot pixels may hide the stars
    usual_px = fwhm_px or config.register.default_fwhm_px
    flattened, own = do(subtract_fixed_pattern, flattened, config.flatten, usual_px, state.learnt)
    again = do(register, flattened, config.register, ifov_rad, fwhm_px, cadence_s)
    if before and is_first_right(before, again[0], config.register.match_radius_px):
        return at_first_places(before, flattened), unplaced, own
    is_better = first is None or (again[0][0].is_stare and len(again[0]) > len(first[0]))
    return (*again, own) if is_better or first is None else (*first, None)
