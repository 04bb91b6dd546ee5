"""What the frame sets of a payload will be like, before it looks: counts that the time of its stages grows with."""

from dataclasses import dataclass, replace

import numpy as np

from firmware_sim.cost.work import TOUCHED_BYTES_PX, Work
from firmware_sim.scenarios.scenario import Scenario
from sensorproc.config import Config
from sensorproc.conventions import ARCSEC_PER_RAD, EARTH_RATE_RAD_S
from sensorproc.errors import UsageError
from sensorproc.onboard.frame.binning import binned_shape

N_OBJECTS = 20  # Objects in a set, unless it is said.
# Candidates of a search: noise, and an object with its ghosts at other velocities, of which coarser pixels tell fewer apart.
CANDIDATES_OF_SET, CANDIDATES_OF_ONE = 210, 34
PER_FRAME = frozenset(("calibrate", "flatten"))
# Stages of stares that have no dark map, which solve the pattern of the detector from the set's own frames.
OF_UNKNOWN_PATTERN = frozenset(("subtract_fixed_pattern", "refine_pattern", "without_drifting_stars", "learn", "passing_points"))
EVERY_SO_MANY_SETS = frozenset(("permuted",))  # The search with the frames in a wrong order is not of every set.


@dataclass(frozen=True)
class ExpectedSets:
    """Frame sets of one detector: ``shape`` (ny, nx) [px] as read out, ``drift_px`` (2,) of the stars from frame to frame,
    ``n_stars`` that are registered in a frame, ``n_objects`` that are found in a set. Of the ``n_frames`` that are taken, and
    for which there must be memory, every ``step``-th is used."""

    shape: tuple[int, int]
    n_frames: int
    cadence_s: float
    n_detectors: int
    drift_px: tuple[float, float]
    has_dark_map: bool
    n_stars: int
    n_objects: int
    step: int = 1

    @classmethod
    def of(cls, scenario: Scenario, n_objects: int | None, n_stars: int | None, has_dark_map: bool = True) -> "ExpectedSets":
        """Those of a scenario's payload: the stars drift as its camera turns. As many stars as it registers at most, unless it is
        said.

        Raises
        ------
        UsageError
            If a number is negative.
        """
        wrong = [f"{n} {what}" for n, what in ((n_objects, "objects"), (n_stars, "stars")) if n is not None and n < 0]
        if wrong:
            raise UsageError(f"{', '.join(wrong)}: want numbers that are not negative")
        config, scene = scenario.payload, scenario.scene
        shape = binned_shape(config.sensor.shape_px or scene.sensor.shape_px, config.sensor.binning)
        cadence_s = config.sensor.cadence_s or scene.sensor.cadence_s
        return cls(
            shape, config.frame_set.max_frames, cadence_s, config.sensor.n_detectors,
            _drift_px(scenario, cadence_s, config.sensor.binning),
            has_dark_map, config.register.max_stars if n_stars is None else n_stars,
            N_OBJECTS if n_objects is None else n_objects,
        )  # fmt: skip

    @property
    def n_px(self) -> int:
        """Pixels of a frame."""
        return self.shape[0] * self.shape[1]

    @property
    def n_used(self) -> int:
        """Frames of a set that are used."""
        return -(-self.n_frames // self.step)

    @property
    def period_s(self) -> float:
        """From one set of a detector to the next."""
        return self.n_frames * self.cadence_s

    def with_window(self, side_px: int) -> "ExpectedSets":
        """Of a square window: stars and objects go with its area."""
        share = min(side_px * side_px / self.n_px, 1.0)
        counts = round(share * self.n_stars), round(share * self.n_objects)
        return replace(self, shape=(side_px, side_px), n_stars=counts[0], n_objects=counts[1])


def _drift_px(scenario: Scenario, cadence_s: float, binning: int) -> tuple[float, float]:
    pointing, ifov = scenario.scene.pointing, binning * scenario.scene.sensor.ifov_arcsec
    if pointing.mode == "sidereal":
        return 0.0, 0.0
    if pointing.mode == "rate_track":
        return pointing.track_arcsec_s[0] * cadence_s / ifov, pointing.track_arcsec_s[1] * cadence_s / ifov
    rate, roll = EARTH_RATE_RAD_S * ARCSEC_PER_RAD * cadence_s / ifov, np.radians(pointing.roll_deg)
    return float(rate * np.cos(roll)), float(rate * np.sin(roll))


def n_velocities(sets: ExpectedSets, config: Config) -> int:
    """Velocities that are searched: those around the detector's rest, and on to the stars' where one box holds both."""
    search = config.as_read_out().search
    step = search.max_smear_px / max(sets.step * (sets.n_used - 1), 1)
    half = search.box_px_frame
    is_one_box = max(abs(d) for d in sets.drift_px) <= half
    reach = [half + (0.5 * abs(d) if is_one_box else 0.0) for d in sets.drift_px]
    nx, ny = (2 * int(np.ceil(r / step - 1e-9)) + 1 for r in reach)
    return nx * ny


def work_of(stage: str, sets: ExpectedSets, config: Config) -> Work:
    """What one call of a stage has to do."""
    n = 1 if stage in PER_FRAME else sets.n_used
    ghosts = CANDIDATES_OF_ONE / config.sensor.binning**2
    items = {
        "search": float(n_velocities(sets, config)) * sets.n_px * n,
        "accept": (CANDIDATES_OF_SET + ghosts * sets.n_objects) * n,
    }
    stars = dict.fromkeys(("register", "subtract_stars", "solve"), float(sets.n_stars * n))
    return Work(float(n), float(n * sets.n_px), (items | stars).get(stage, 0.0), float(TOUCHED_BYTES_PX * sets.n_px))


def is_run(stage: str, sets: ExpectedSets, config: Config) -> bool:
    """Whether sets of the payload go through a stage."""
    if stage in OF_UNKNOWN_PATTERN:
        return not sets.has_dark_map and not any(sets.drift_px)
    return stage not in EVERY_SO_MANY_SETS and (config.streaks.enabled or stage != "single_streaks")
