"""The settings of a payload: every one with its default, its unit and its range, one frozen dataclass per stage.

A number is a *setting* if a payload engineer has a reason to change it: facts of the sensor, what is asked of the products, and
how much time and memory a stage may take. Settings live here and nowhere else. A number is part of the *algorithm* if it follows
from theory, or was measured together with the code that it stands in and means nothing without it: it is a constant of that
module, with its unit and its reason beside it. Whoever changes one has changed the software.

Lengths of the sky are in pixels of the detector, whatever ``sensor.binning`` says: of motions, of the light of a point, of stray
light. Those of errors and reaches are in pixels as they are read out.

TOML overrides defaults; a file with mistakes is refused with all of them at once, each with its path and, for an unknown key,
the nearest valid one. ``digest`` travels in every product.
"""

import difflib
import hashlib
import json
from dataclasses import asdict, field, fields, is_dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sensorproc.conventions import FWHM_PER_SIGMA, MOST_PX_A_SIDE, demand_two_lines
from sensorproc.errors import ConfigError
from sensorproc.toml_file import read_named

CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False)
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
SMALLEST_MESH_PX = 8  # Of so many pixels a side a median still tells the sky.
SHORTEST_STREAK_PX = 8  # Shorter ones are points to all that looks for them.
NARROWEST_PX = 0.8  # Light of a point, full width at half maximum, that templates can hold.
Count = Annotated[int, Field(ge=1)]
TwoLines = Annotated[tuple[str, str], AfterValidator(demand_two_lines)]
Side = Annotated[int, Field(ge=1, le=MOST_PX_A_SIDE)]


@dataclass(frozen=True, config=CHECKED)
class Sensor:
    """Facts about the payload. None means: take it from the recording, else estimate it or say it is missing."""

    name: str = "unnamed"
    n_detectors: Annotated[int, Field(ge=1, le=16)] = 1
    shape_px: tuple[Side, Side] | None = None  # (ny, nx) of one detector
    cadence_s: Positive | None = None
    exposure_s: Positive | None = None
    gain_e_per_dn: Positive | None = None
    read_noise_e: NotNegative | None = None
    bias_dn: NotNegative | None = None
    full_well_e: Positive | None = None
    ifov_arcsec: Positive | None = None
    zeropoint_mag: Annotated[float, Field(ge=-10, le=32)] | None = None  # magnitude that gives 1 e-/s
    psf_fwhm_px: Annotated[float, Field(ge=NARROWEST_PX, le=20)] | None = None
    site_lat_lon_deg: tuple[Annotated[float, Field(ge=-90, le=90)], Annotated[float, Field(ge=-180, le=360)]] | None = None
    site_height_m: Annotated[float, Field(ge=-500, le=9000)] = 0.0  # of a site on the Earth (WGS 84, east positive), that takes
    # the place of the recording's observer
    tle: TwoLines | None = None  # two-line elements of the satellite that observes, in its place
    binning: Annotated[int, Field(ge=1, le=4)] = 1  # n x n pixels are summed, recorded ones as they are read


@dataclass(frozen=True, config=CHECKED)
class FrameSet:
    """How a recording is cut into sets."""

    max_frames: Annotated[int, Field(ge=1, le=64)] = 16
    independent: bool = False  # a recording whose frames are no sequence: each is a set, and teaches the others nothing
    max_gap_cadences: Positive = 3.0  # a longer pause starts a new set
    max_size_difference: Annotated[float, Field(ge=0, le=0.2)] = 0.02  # smaller frames are padded with NO_DATA


@dataclass(frozen=True, config=CHECKED)
class Calibrate:
    """Counts to electrons."""

    saturation_fraction: Fraction = 0.95  # of full well, where full well is known
    max_saturated_fraction: Fraction = 0.5  # more than this rejects the frame
    max_covered_fraction: Annotated[float, Field(ge=0, le=0.4)] = 0.08  # of a side, that a cover no header speaks of may hide


@dataclass(frozen=True, config=CHECKED)
class Flatten:
    """Background and noise maps."""

    mesh_px: Annotated[int, Field(ge=SMALLEST_MESH_PX, le=512)] = 48  # cell side; stray light varies more slowly than this
    clip_sigma: Annotated[float, Field(ge=1.5, le=6)] = 3.0
    min_good_fraction: Fraction = 0.25  # of a cell; fewer good pixels: filled from its neighbours
    dark_hot_sigma: Positive = 5.0  # dark noise above this many sky sigma: HOT
    dark_error: NotNegative = 0.03  # relative, of a calibrated dark signal, taken as noise


@dataclass(frozen=True, config=CHECKED)
class Register:
    """Stars and the transformation between frames."""

    star_snr: Positive = 10.0  # of the single-frame stars used for registration
    max_stars: Annotated[int, Field(ge=3, le=5000)] = 400
    min_stars: Annotated[int, Field(ge=3)] = 4
    max_shift_px: Positive = 120.0  # between successive frames
    match_radius_px: Positive = 2.5
    max_error_px: Positive = 0.25  # rms of the matched stars over root of their number; more rejects the frame
    default_fwhm_px: Annotated[float, Field(ge=NARROWEST_PX, le=20)] = 2.2  # where no star can be measured
    min_light: Fraction = 0.1  # of the set's clear frames; a cloudier frame is rejected
    max_slew_px: Positive = 60.0  # star trail of one exposure by the recorded attitude; longer is a slew, not an observation


@dataclass(frozen=True, config=CHECKED)
class Solve:
    """Plate solution: the header's pointing refined on stars, or the pointing found from them alone."""

    prior_sigma_arcsec: Positive = 60.0  # of a pointing from the header alone, 1 sigma per axis
    prior_error_deg: Positive = 0.1  # how far the header's pointing may be off,
    prior_roll_deg: Positive = 1.0  # and its roll
    prior_roll_sigma_deg: Positive = 1.0  # of a roll from the header alone, 1 sigma
    step_deg: Positive = 0.05  # the same of the frame before
    lost_in_space: bool = True  # where that fails: find the pointing from the scale alone
    max_lost_frames: Count = 3  # of a set, for which that is tried in vain
    max_table_stars: Annotated[int, Field(ge=10, le=20000)] = 1500
    min_matched: Annotated[int, Field(ge=4)] = 6


@dataclass(frozen=True, config=CHECKED)
class Stars:
    """Removal of everything that stands still among the stars."""

    min_overlap_frames: Annotated[int, Field(ge=2)] = 3  # frames a template pixel must be seen in
    bright_snr: Positive = 30.0  # over the set, of the stars fitted first
    find_snr: Positive = 4.0  # over the set, of the faintest stars fitted
    max_stars: Annotated[int, Field(ge=10)] = 40000  # of a round
    fit_rounds: Annotated[int, Field(ge=1, le=10)] = 2  # through all stars, each on what the others leave
    saturated_reach_px: Annotated[int, Field(ge=0, le=200)] = 10  # around a saturated pixel, to which its charge may run


@dataclass(frozen=True, config=CHECKED)
class CosmicRays:
    """Rejection of pixels that are sharper than light."""

    outlier_sigma: Positive = 5.0  # pixels above this are tested for being sharper than the PSF
    sharpness_margin: Annotated[float, Field(gt=0, lt=1)] = 0.45  # of the PSF's own neighbour ratio


@dataclass(frozen=True, config=CHECKED)
class Movers:
    """Objects of a stare so slow that they look like stars, told by the motion of their centroids."""

    snr: Positive = 12.0  # of one frame, from which a star's own motion is looked for
    sigma: Positive = 8.0  # significance of the motion
    min_frames: Annotated[int, Field(ge=3)] = 3  # that see it: the motion is tested without the first and the last
    floor_px: Positive = 0.15  # per-frame centroid error that registration and blends cause, where too few stars tell


@dataclass(frozen=True, config=CHECKED)
class Search:
    """Velocity shift-and-add."""

    false_alarms_per_set: Fraction = 0.01  # expected, all centres together
    box_px_frame: Annotated[float, Field(gt=0, le=16)] = 8.0  # both axes, around each centre
    max_smear_px: Annotated[float, Field(ge=0.1, le=12)] = 4.0  # velocity step times span of the set
    clip_snr: Positive = 7.5  # of the filtered images that are summed
    grid_margin: NotNegative = 1.0  # grid sums are walked uphill from the lowest candidate's SNR minus this
    margin_snr: NotNegative = 0.0  # above the threshold that the expected false alarms ask for
    null_false_alarms: Positive = 0.3  # expected, down to which tracks of the sign-reversed search are counted
    permuted_every: Annotated[int, Field(ge=0)] = 4  # sets, between two searches in a wrong order of time; 0: none
    candidate_margin: NotNegative = 1.0  # candidates are refined from threshold minus this
    max_candidates: Annotated[int, Field(ge=10, le=20000)] = 1500
    point_snr: Positive = 6.0  # single-frame detections that are linked across frames
    max_points_per_frame: Annotated[int, Field(ge=2, le=2000)] = 150
    link_radius_px: Positive = 1.5
    min_linked_frames: Annotated[int, Field(ge=3)] = 4  # in which a linked object is seen: a straight line leaves two to check it
    max_speed_px_frame: Positive = 80.0


@dataclass(frozen=True, config=CHECKED)
class Patches:
    """Objects that are wider than points or saturated, found as patches of bright pixels."""

    pixel_snr: Positive = 10.0  # of each pixel that belongs to a patch
    max_per_frame: Count = 40  # the largest are kept


@dataclass(frozen=True, config=CHECKED)
class Streaks:
    """Streaks in single frames."""

    enabled: bool = True
    false_alarms_per_frame: Fraction = 3e-4  # expected
    min_length_px: Annotated[int, Field(ge=SHORTEST_STREAK_PX)] = 24
    clip_snr: Positive = 4.0  # of a pixel's filtered value, so that one spike makes no line
    min_filled_fraction: Fraction = 0.6  # of the streak's pieces that must be bright by themselves
    max_fits: Count = 60  # of candidate lines in a frame, strongest first
    max_per_frame: Count = 12  # of streaks reported


@dataclass(frozen=True, config=CHECKED)
class Accept:
    """The tests that a fitted candidate must pass to be a track."""

    min_frames: Annotated[int, Field(ge=2)] = 3
    min_frame_fraction: Fraction = 0.5  # of the set in which the object lies on good pixels
    max_frame_share: Fraction = 0.5  # of the summed per-frame SNR carried by one frame
    flicker: NotNegative = 0.5  # fractional rms of brightness from frame to frame that is still one object
    max_flux_chi2: Positive = 2.5  # reduced, of the frames' fluxes, flicker and noise allowed for
    fixed_motion_px: Positive = 0.5  # less motion over the detector in a whole stare set: a defect
    max_blended: Count = 6  # objects told apart under one track
    max_in_line: Count = 8  # tracks on one row or column with one motion; more are an artefact, told as one event
    max_tracks: Count = 100  # of a set, the strongest; that there were more is an event
    duplicate_px: Positive = 3.0  # rms distance of two tracks that are one object's


@dataclass(frozen=True, config=CHECKED)
class Measure:
    """Measurement of what was found."""

    position_floor_px: NotNegative = 0.03  # PSF model and registration, added in quadrature
    extended_ratio: Annotated[float, Field(gt=1)] = 1.5  # of PSF widths: EXTENDED where the wider one fits better


@dataclass(frozen=True, config=CHECKED)
class Downlink:
    """Packets."""

    max_packet_bytes: Annotated[int, Field(ge=128, le=65542)] = 1024
    budget_bytes_per_set: Annotated[int, Field(ge=0)] = 0  # 0: unlimited


@dataclass(frozen=True, config=CHECKED)
class Release:
    """Markings. They have no default: without them no observation message is written."""

    marking: str | None = None
    data_mode: Literal["REAL", "TEST", "SIMULATED", "EXERCISE"] | None = None
    source: str = "SENSORPROC"
    originator: str = "SENSORPROC"


@dataclass(frozen=True, config=CHECKED)
class Compute:
    """How the machine is used; results do not depend on it."""

    n_threads: Annotated[int, Field(ge=1, le=64)] = 2  # that share the work of one process


@dataclass(frozen=True, config=CHECKED)
class Config:
    """The whole configuration; :func:`load` reads one."""

    sensor: Sensor = field(default_factory=Sensor)
    frame_set: FrameSet = field(default_factory=FrameSet)
    calibrate: Calibrate = field(default_factory=Calibrate)
    flatten: Flatten = field(default_factory=Flatten)
    register: Register = field(default_factory=Register)
    solve: Solve = field(default_factory=Solve)
    stars: Stars = field(default_factory=Stars)
    cosmic_rays: CosmicRays = field(default_factory=CosmicRays)
    movers: Movers = field(default_factory=Movers)
    search: Search = field(default_factory=Search)
    patches: Patches = field(default_factory=Patches)
    streaks: Streaks = field(default_factory=Streaks)
    accept: Accept = field(default_factory=Accept)
    measure: Measure = field(default_factory=Measure)
    downlink: Downlink = field(default_factory=Downlink)
    release: Release = field(default_factory=Release)
    compute: Compute = field(default_factory=Compute)

    def as_read_out(self) -> "Config":
        """What frames are processed with whose pixels the camera has summed: lengths of the sky, given in pixels of the detector,
        in those that the payload sees."""
        return self if self.sensor.binning == 1 else _as_read_out(self)

    def digest(self) -> bytes:
        """First 8 bytes of SHA-256 over the canonical JSON of what changes results, which ``compute`` and ``release`` do not."""
        return _digest_of(self)


@lru_cache(maxsize=256)
def _digest_of(config: Config) -> bytes:
    """The digest, kept: a flight asks for it several times a frame set."""
    values = asdict(config)  # type: ignore[call-overload]
    for name in ("compute", "release"):
        values.pop(name)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).digest()[:8]


@lru_cache(maxsize=256)
def _as_read_out(config: Config) -> Config:
    n, sensor, search, seen = config.sensor.binning, config.sensor, config.search, config.register
    fwhm_px, mesh_px = sensor.psf_fwhm_px, config.flatten.mesh_px
    shortest_px = max(round(config.streaks.min_length_px / n), SHORTEST_STREAK_PX)
    motions = {name: getattr(search, name) / n for name in ("box_px_frame", "max_smear_px", "max_speed_px_frame")}
    return replace(
        config,
        sensor=replace(sensor, psf_fwhm_px=_binned_fwhm_px(fwhm_px, n) if fwhm_px else None),
        flatten=replace(config.flatten, mesh_px=max(round(mesh_px / n), SMALLEST_MESH_PX)),
        search=replace(search, **motions),
        streaks=replace(config.streaks, min_length_px=shortest_px),
        register=replace(
            seen, max_shift_px=seen.max_shift_px / n, max_slew_px=seen.max_slew_px / n,
            default_fwhm_px=_binned_fwhm_px(seen.default_fwhm_px, n),
        ),
    )  # fmt: skip


def _binned_fwhm_px(fwhm_px: float, n: int) -> float:
    """Width of the light of a point, its pixel in it, in pixels ``n`` times as wide: the variances of boxes add up."""
    variance = (fwhm_px / FWHM_PER_SIGMA) ** 2 + (n * n - 1) / 12.0
    return max(FWHM_PER_SIGMA * variance**0.5 / n, NARROWEST_PX)


PRESETS = ("geo_search_2k", "wide_420x4", "star_tracker_1k")
LESS_WORK_IF_MORE = frozenset((("sensor", "binning"), ("search", "max_smear_px")))
QUALITIES = ("full", "lean", "survival")  # What a payload spends, from the most to the least.


def parse(values: dict[str, Any]) -> Config:
    """Configuration from nested dictionaries.

    Raises
    ------
    ConfigError
        With every mistake, one line each: path, what was given, what is allowed.
    """
    try:
        return TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        raise ConfigError([describe(item) for item in error.errors()]) from None


def load(source: str | Path) -> Config:
    """Configuration from a TOML file or from the name of a preset."""
    return parse(read_named(source, resources.files("sensorproc").joinpath("presets"), PRESETS, "preset"))


def quality_values(quality: str | Path) -> dict[str, Any]:
    """Settings by which a payload spends less: of a preset of this name, or of a TOML file."""
    return read_named(quality, resources.files("sensorproc").joinpath("presets", "quality"), QUALITIES, "quality")


def with_quality(config: Config, quality: str | Path | None) -> Config:
    """The configuration with those settings instead of its own; as it is if none is given. A quality of ours never asks for more
    than the configuration does."""
    if quality is None:
        return config
    values = quality_values(quality)
    if str(quality) in QUALITIES:
        values = {section: {key: _cheaper(config, section, key, value) for key, value in of_section.items()}
                  for section, of_section in values.items()}  # fmt: skip
    return parse(merged(asdict(config), values))  # type: ignore[call-overload]


def _cheaper(config: Config, section: str, key: str, value: Any) -> Any:
    """The setting that costs less work of a configuration's own and another ``value``."""
    own = getattr(getattr(config, section), key)
    return (max if (section, key) in LESS_WORK_IF_MORE else min)(own, value)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries, the second winning."""
    out = dict(base)
    for key, value in over.items():
        out[key] = merged(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def describe(item: Any, kind: Any = Config, place: str = "$.") -> str:
    """One mistake found by pydantic in a dataclass ``kind``: its path, what was given, what is allowed."""
    path = place + ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"{path}: required"
    if item["type"] != "unexpected_keyword_argument":
        return f"{path} = {item['input']!r}: {item['msg']}"
    known = _keys_at(kind, item["loc"][:-1])
    near = difflib.get_close_matches(str(item["loc"][-1]), known, n=1, cutoff=0.0)
    return f"{path}: unknown key; did you mean {near[0]!r}? (allowed: {', '.join(known)})"


def _keys_at(node: Any, location: tuple[Any, ...]) -> list[str]:
    for part in location:
        node = get_args(node)[0] if get_origin(node) is Annotated else node
        is_element = isinstance(part, int)  # of a tuple or list of dataclasses
        node = get_args(node)[0] if is_element else next((f.type for f in fields(node) if f.name == part), node)
    return [f.name for f in fields(node)] if is_dataclass(node) else []


def to_toml(config: Config) -> str:
    """The configuration as a TOML file that :func:`load` reads back to the same; unknown facts are left out."""
    lines = []
    for section, values in asdict(config).items():  # type: ignore[call-overload]
        given = {name: value for name, value in values.items() if value is not None}
        lines += [f"[{section}]", *(f"{name} = {toml_value(value)}" for name, value in given.items()), ""]
    return "\n".join(lines)


def toml_value(value: Any) -> str:
    """A text, number, truth value or list of these as TOML."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
