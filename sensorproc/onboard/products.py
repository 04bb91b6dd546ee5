"""The nouns of the pipeline: one frozen type per stage, so that calling stages out of order is a type error.

Arrays are read-only C-contiguous views. Images are (ny, nx) float32 in electrons, weights are 1/variance.
"""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields, replace

import numpy as np

from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.frames import Frame, ObserverState, Rejection, SensorFacts
from sensorproc.geometry import Camera, Coordinate

MIN_FRAMES = 3  # Fewer frames do not tell what lasts over a set from what happens in one of them.
MIN_SEEN_FRACTION = 0.6  # Of the frames of a set, in which single-frame detections must be to be linked to one object.
Image = np.ndarray  # (ny, nx) float32, C-contiguous, read-only


@dataclass(frozen=True, eq=False)
class FrameFacts:
    """What is known of a frame besides its pixels: it stays when they have served and their memory is given back.

    ``shape`` (ny, nx); ``background_e`` and ``noise_e`` the frame's typical ones [e-], 0 before they are measured; ``flux_scale``
    what its pixels were divided by to have the light of the set's clear frames; ``is_dark_known`` whether the payload has a dark
    map of its detector, ``dark_scale`` how many times as strong as in it the dark charge is; ``pattern_scale`` how many times the
    set's own dark pattern was taken out of it, 0 if none was; ``pattern_prior`` what earlier sets tell of it, in frames.
    """

    index: int
    detector: int
    t_mid_tai_ns: int
    exposure_s: float
    shape: tuple[int, int]
    sensor: SensorFacts
    camera: Camera | None
    observer: ObserverState | None
    has_time: bool
    background_e: float = 0.0
    noise_e: float = 0.0
    flux_scale: float = 1.0
    is_dark_known: bool = False
    dark_scale: float = 1.0
    pattern_scale: float = 0.0
    pattern_prior: float = 0.0
    binning: int = 1

    @classmethod
    def of(cls, frame: Frame) -> "FrameFacts":
        """Facts of a frame as it was read."""
        names = (f.name for f in fields(cls) if f.name not in ("shape", "sensor") and f.default is MISSING)
        return cls(shape=frame.data_dn.shape, sensor=frame.facts, **{name: getattr(frame, name) for name in ("binning", *names)})

    def of_repeat(self, frame: Frame) -> "FrameFacts":
        """The same of a frame whose pixels are these once more."""
        return replace(FrameFacts.of(frame), background_e=self.background_e, noise_e=self.noise_e)

    @property
    def is_gain_known(self) -> bool:
        """Whether electrons are electrons and not counts."""
        return self.sensor.gain_e_per_dn is not None


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Electrons above bias and dark. ``dark_e`` was subtracted, ``dark_error_e`` its error; None: none, as configured."""

    facts: FrameFacts
    image_e: Image
    dark_e: Image | None
    dark_error_e: Image | None
    flags: np.ndarray
    step_e: float = 0.0  # of the converter


@dataclass(frozen=True, eq=False)
class Flattened:
    """Electrons above the background; ``weight`` (ny, nx) is 1/variance of the noise without sources [e-^-2], 0 where flagged."""

    facts: FrameFacts
    image_e: Image
    weight: Image
    flags: np.ndarray
    step_e: float = 0.0  # of the converter
    noise_cells: Image | None = None  # what the frame's own scatter has told of the noise, by the mesh's cells (m, n)

    @property
    def detector(self) -> int:
        return self.facts.detector

    @property
    def t_mid_tai_ns(self) -> int:
        return self.facts.t_mid_tai_ns


@dataclass(frozen=True, eq=False)
class OwnPattern:
    """What a set's own frames add to the dark pattern known before: ``pattern_e`` (ny, nx) float32 [e-] and the ``information``
    (ny, nx) float32 that they have of it [e-^-2]; ``prior`` (ny, nx) float32 that of all earlier sets, zero where the pixel is no
    longer what it was. ``stars`` (m, 2) are the registered places of those taken out of it."""

    pattern_e: Image
    information: Image
    prior: Image
    stars: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))


@dataclass(frozen=True)
class Trail:
    """Motion of the stars over the detector during one exposure [px]; zero for a stare."""

    dx_px: float = 0.0
    dy_px: float = 0.0

    @property
    def length_px(self) -> float:
        return float(np.hypot(self.dx_px, self.dy_px))

    @property
    def direction(self) -> tuple[float, float]:
        """Cosines to x and y; along x where there is no trail."""
        length = self.length_px
        return (self.dx_px / length, self.dy_px / length) if length > 0 else (1.0, 0.0)


@dataclass(frozen=True)
class Transform:
    """Detector pixel of a frame <-> registered plane of the set: homogeneous 3x3, ``registered ~ matrix @ det``."""

    matrix: tuple[tuple[float, float, float], ...]
    inverse: tuple[tuple[float, float, float], ...]

    def to_registered(self, x: Coordinate, y: Coordinate) -> tuple[np.ndarray, np.ndarray]:
        return _homography(self.matrix, x, y)

    def to_detector(self, x: Coordinate, y: Coordinate) -> tuple[np.ndarray, np.ndarray]:
        return _homography(self.inverse, x, y)


def _homography(rows: tuple[tuple[float, ...], ...], x: Coordinate, y: Coordinate) -> tuple[np.ndarray, np.ndarray]:
    (a, b, c), (d, e, f), (g, h, i) = rows
    w = g * x + h * y + i
    return np.asarray((a * x + b * y + c) / w), np.asarray((d * x + e * y + f) / w)


@dataclass(frozen=True, eq=False)
class Registration:
    """The place of a frame in its set, without any pixels.

    ``stars`` (n, 3) float64: x, y [px], SNR of the stars found in this frame; ``rms_px`` of the matched
    ones; ``t_frames`` mid-exposure relative to the set's reference, in cadences; ``is_stare`` whether the set's stars stand still
    over the detector; of a point a Gaussian of ``psf_sigma_px`` finds the part ``flux_ratio`` there, ``sidelobe`` beside it, and
    falls ``steepness`` times as steeply as on a Gaussian; the part ``far_light``, known to ``sigma_far_light``, is in no model.
    """

    transform: Transform
    trail: Trail
    psf_sigma_px: float
    stars: np.ndarray
    n_matched: int
    rms_px: float
    t_frames: float
    is_stare: bool = True
    flux_ratio: float = 1.0
    sidelobe: float = 0.0
    steepness: float = 1.0
    far_light: float = 0.0
    sigma_far_light: float = 0.0


@dataclass(frozen=True, eq=False)
class Registered(Registration):
    """A frame with its place in the set."""

    flattened: Flattened = field(kw_only=True)

    @property
    def facts(self) -> FrameFacts:
        """What is known of the frame besides its pixels."""
        return self.flattened.facts

    @property
    def registration(self) -> Registration:
        return Registration(**{f.name: getattr(self, f.name) for f in fields(Registration)})


@dataclass(frozen=True, eq=False)
class Solution:
    """Sky solution of one frame: ``camera`` maps pixels to GCRS directions, None without any pointing.

    ``cov`` (4, 4) is that of the solution itself, not of a target's centroid: turns about image x and y [px], about the line of
    sight [rad] and of the relative scale (``plate.attitude_terms``). ``reason``, a name of the dictionary: why stars gave none.
    ``table_px`` (m, 4): where it puts the table's stars, x, y [px], their magnitudes and colours (BP-RP, NaN unknown).
    """

    camera: Camera | None
    is_star_solution: bool
    n_matched: int
    rms_px: float
    cov: np.ndarray
    zeropoint_mag: float | None
    sigma_zeropoint_mag: float | None
    reason: str = ""
    table_px: np.ndarray | None = None

    @property
    def turn_cov(self) -> np.ndarray:
        """Covariance (3, 3) [rad^2] of small turns about the camera's x, y and z."""
        if self.camera is None:
            return np.zeros((3, 3))
        unit = np.array([self.camera.ifov_rad, self.camera.ifov_rad, 1.0])
        return np.asarray(self.cov[:3, :3] * np.outer(unit, unit))

    @property
    def sigma_arcsec(self) -> float:
        """Error of the line of sight per axis [arcsec]."""
        turns = self.turn_cov
        return float(np.sqrt(0.5 * (turns[0, 0] + turns[1, 1]))) * ARCSEC_PER_RAD


@dataclass(frozen=True, eq=False)
class Solved(Solution):
    """A frame with its sky solution."""

    registered: Registered = field(kw_only=True)

    @property
    def facts(self) -> FrameFacts:
        return self.registered.facts

    @property
    def solution(self) -> Solution:
        """The solution alone, without the frame."""
        return Solution(**{f.name: getattr(self, f.name) for f in fields(Solution)})


@dataclass(frozen=True, eq=False)
class Residual:
    """The frame without its stars. ``weight`` (ny, nx) float32 = 1/variance [e-^-2], 0 where flagged; ``star_snr`` (ny, nx)
    float16: the light taken out, over the frame's typical noise. ``taught`` (ny, nx) bool: where the frame has a say in the
    pattern that was solved from the set's own frames, None if none was."""

    facts: FrameFacts
    registration: Registration
    solution: Solution
    image_e: Image
    weight: Image
    flags: np.ndarray
    star_snr: np.ndarray
    n_outliers: int
    taught: np.ndarray | None = None

    @property
    def star_e(self) -> Image:
        """The light taken out [e-]."""
        return self.star_snr.astype(np.float32) * np.float32(self.facts.noise_e)


@dataclass(frozen=True)
class Candidate:
    """A hypothesis on the pixels: registered position at t = 0 [px], velocity [px/frame], and how it was found."""

    x_px: float
    y_px: float
    vx_px_frame: float
    vy_px_frame: float
    snr: float
    origin: str

    @classmethod
    def at(cls, place: np.ndarray, velocity: np.ndarray, snr: float, origin: str) -> "Candidate":
        """From arrays (2,) of place and velocity."""
        return cls(float(place[0]), float(place[1]), float(velocity[0]), float(velocity[1]), float(snr), origin)


@dataclass(frozen=True, eq=False)
class PixelMeasurement:
    """One object in one frame, as its pixels show it.

    ``cov_px2``: covariance (xx, xy, yy) of x, y; ``length_px``, ``angle_rad``: its trail, undirected; ``flags``: DetectionFlag.
    """

    x_px: float
    y_px: float
    cov_px2: tuple[float, float, float]
    flux_e: float
    sigma_flux_e: float
    snr: float
    log10_pfa: float
    is_streak: bool
    length_px: float
    angle_rad: float
    flags: int


@dataclass(frozen=True, eq=False)
class Measurement(PixelMeasurement):
    """One object in one frame, with its direction and magnitude where the frame's solution gives them.

    ``ra_rad`` and ``dec_rad`` are geometric directions in GCRS axes; the error in right ascension is on the sky, times cos(dec).
    """

    frame_index: int
    detector: int
    t_mid_tai_ns: int
    ra_rad: float | None = None
    dec_rad: float | None = None
    sigma_ra_arcsec: float = 0.0
    sigma_dec_arcsec: float = 0.0
    mag: float | None = None
    sigma_mag: float = 0.0


@dataclass(frozen=True, eq=False)
class Tracklet:
    """One object over a set: linear motion in the registered frame fixed to ``epoch_frame``'s detector pixels.

    ``cov`` is the (4, 4) covariance of (x, y, vx, vy) in px and px/frame.
    """

    detector: int
    epoch_frame: int
    x_px: float
    y_px: float
    vx_px_frame: float
    vy_px_frame: float
    cov: np.ndarray
    snr: float
    log10_pfa: float
    chi2_per_dof: float
    mag: float | None
    sigma_mag: float
    flags: int
    origin: str
    members: tuple[Measurement, ...]


@dataclass(frozen=True)
class Artefact:
    """``n`` tracks that are no objects, or too many, around a place on the detector; ``reason`` is a name of the dictionary."""

    reason: str
    n: int
    x_px: float
    y_px: float


Prepared = Flattened | Rejection  # what has become of a frame when its set is searched


@dataclass(frozen=True, eq=False)
class Processed:
    """Everything one set produced, on its way to the downlink.

    ``threshold_snr`` is the one used for ``expected_false_alarms``: theory's times ``excess``, which null searches have
    shown; ``n_null`` tracks of the sign-reversed search passed theory's own threshold. ``null_found`` tracks came of null
    searches where ``null_expected`` should have. ``exposure_bias_s``: what trails show of the exposure less the header's, and its
    sigma, 0 where stars do not trail. ``calibration_loss_db`` is the SNR that an object of one pixel a frame over the detector
    loses to what is not known of it. ``artefacts`` are told as events.
    """

    detector: int
    residuals: tuple[Residual, ...]
    tracklets: tuple[Tracklet, ...]
    streaks: tuple[Measurement, ...]
    rejections: tuple[Rejection, ...]
    threshold_snr: float
    expected_false_alarms: float
    n_velocities: int
    n_candidates: int
    n_null: int
    state_digest: bytes = b"\0" * 8
    excess: float = 1.0
    null_found: int = 0
    null_expected: float = 0.0
    exposure_bias_s: tuple[float, float] = (0.0, 0.0)
    calibration_loss_db: float = 0.0
    artefacts: tuple[Artefact, ...] = ()

    @classmethod
    def nothing(cls, detector: int, rejections: tuple[Rejection, ...], state_digest: bytes) -> "Processed":
        """A set of which no frame could be used."""
        return cls(detector, (), (), (), rejections, 0.0, 0.0, 0, 0, 0, state_digest)


def freeze(*arrays: np.ndarray) -> None:
    """Make arrays read-only: stages never modify their inputs."""
    for array in arrays:
        array.setflags(write=False)


def pattern_scales(frames: Sequence[Registered] | Sequence[Residual]) -> np.ndarray | None:
    """How warm the pattern was (n,) that was solved from a set's own frames and taken out of them; None if none was."""
    scales = np.array([frame.facts.pattern_scale for frame in frames])
    return scales if len(scales) >= MIN_FRAMES and (scales > 0.0).all() else None


def reference_of(frames: Sequence[Registered]) -> Registered:
    """The frame whose time is nearest to the set's reference time."""
    return min(frames, key=lambda frame: (abs(frame.t_frames), frame.t_frames))
