"""What a scene is made of: the camera, its host, where it looks and the sky, with every default. All effects are on.

Zero (or ``false``) switches an effect off. Silicon is in :mod:`detector`, objects in :mod:`targets`.
"""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from firmware_sim.scene.settings.detector import Defects, Detector, Radiation, Transmission
from firmware_sim.scene.settings.ranges import STRICT, Fraction, NotNegative, Positive
from firmware_sim.scene.settings.targets import Crossing, Drawn, Formation, Neighbour


@dataclass(frozen=True, config=STRICT)
class Sensor:
    """The real sensor. The payload may believe something else."""

    shape_px: tuple[int, int]  # (ny, nx), overscan included
    exposure_s: Positive
    cadence_s: Positive
    gain_e_per_dn: Positive
    read_noise_e: NotNegative
    bias_dn: NotNegative
    full_well_e: Positive
    ifov_arcsec: Positive
    zeropoint_mag: float  # magnitude that gives 1 e-/s: aperture, optics and quantum efficiency in one
    psf_fwhm_px: Positive


@dataclass(frozen=True, config=STRICT)
class Host:
    """The satellite that carries the camera: a geostationary orbit with small deviations."""

    longitude_deg: float = 135.0  # East
    inclination_deg: NotNegative = 0.03
    eccentricity: Annotated[float, Field(ge=0, lt=0.1)] = 2e-4


@dataclass(frozen=True, config=STRICT)
class Pointing:
    """Where the camera looks at the middle of the scene, how it turns, and how it shakes.

    ``body_fixed`` turns with the orbit: stars trail, neighbours nearly stand still. ``sidereal`` holds the stars.
    ``rate_track`` turns at ``track_arcsec_s`` against the stars, along image x and y: what moves so stands still.
    """

    mode: Literal["body_fixed", "sidereal", "rate_track"] = "body_fixed"
    track_arcsec_s: tuple[float, float] = (7.5, 0.0)
    depression_deg: Annotated[float, Field(ge=-90, le=90)] = 5.0  # below the velocity vector, towards the Earth
    elevation_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0  # out of the orbit plane, northwards
    radec_deg: tuple[float, float] | None = None  # boresight at the middle of the scene, instead of the two above
    roll_deg: float = 20.0  # of image x from the orbit plane, or from East with radec_deg
    knowledge_arcsec: NotNegative = 40.0  # error of the recorded attitude, 1 sigma per axis
    drift_arcsec_s: NotNegative = 0.05  # of the body, constant over the scene
    frame_jitter_arcsec: NotNegative = 1.0  # from frame to frame, 1 sigma per axis
    exposure_jitter_arcsec: NotNegative = 0.5  # broad-band within the exposure: blur, 1 sigma per axis
    vibration_arcsec: NotNegative = 0.8  # amplitude within the exposure
    vibration_hz: Positive = 17.3  # a momentum wheel's line


@dataclass(frozen=True, config=STRICT)
class Sky:
    """Stars and the light between them."""

    faintest_mag: Annotated[float, Field(ge=8, le=20)] = 16.0  # stars beyond the table continue its counts
    counts_slope: Positive = 0.38  # d log10 N / d mag of those
    colour_term: float = -0.12  # instrumental magnitude less table magnitude, per magnitude of (BP-RP less the Sun's)
    colour_spread_mag: NotNegative = 0.45  # of BP-RP where the table has none
    brightness_mag_arcsec2: float = 21.6  # zodiacal light and unresolved stars


@dataclass(frozen=True, config=STRICT)
class StrayLight:
    """Light that is not of the field, as fractions of the sky's. Both falls with angle are power laws, as of a baffle."""

    sun: NotNegative = 0.3  # with the Sun 90 deg from the boresight; none once the Earth hides it
    sun_power: NotNegative = 3.0  # goes with the angle to the minus this; closer than sun_least_deg it grows no more
    sun_least_deg: Positive = 15.0
    arc: NotNegative = 0.25  # a ghost's arc, with the Sun at 90 deg, likewise
    earth: NotNegative = 0.15  # with a full Earth 90 deg from the boresight
    earth_power: NotNegative = 4.0
    gradient: Fraction = 0.6  # how uneven both lie over the field: brighter towards their source
    fading: NotNegative = 0.0  # light that dies away from the first frame on, uneven likewise,
    fading_s: Positive = 60.0  # by e in this time


@dataclass(frozen=True, config=STRICT)
class Optics:
    """The point spread function, integrated over pixels, and where it lands.

    ``gaussian``: a core and a wider halo. ``moffat``: (1 + (r/a)^2)^-beta. ``pupil``: diffraction at a round aperture with a
    central obscuration and four spider legs, with aberrations; ``psf_fwhm_px`` is then the width of the unaberrated core.
    """

    family: Literal["gaussian", "moffat", "pupil"] = "gaussian"
    moffat_beta: Annotated[float, Field(ge=1.5, le=20)] = 3.0
    obscuration: Annotated[float, Field(ge=0, le=0.6)] = 0.3  # of the aperture's diameter
    spider: Annotated[float, Field(ge=0, le=0.1)] = 0.02  # width of a leg, likewise
    defocus_waves: NotNegative = 0.0  # rms over the aperture
    coma_waves: NotNegative = 0.0
    astigmatism_waves: NotNegative = 0.0
    halo_fraction: Fraction = 0.06  # of a Gaussian,
    halo_ratio: Annotated[float, Field(gt=1)] = 3.0  # halo width over core width,
    field_growth: NotNegative = 0.08  # and relative growth of the core's width from centre to corner, quadratic
    defocus_px: NotNegative = 0.0  # Gaussian blur added in quadrature: a thermal state, not a defect to have by default
    distortion_px: float = 0.3  # radial, cubic: displacement at the corner


@dataclass(frozen=True, config=STRICT)
class Scene:
    """A whole scene. The same seed gives the same pixels."""

    seed: Annotated[int, Field(ge=0)]
    start_utc: str
    n_frames: Annotated[int, Field(ge=1, le=4096)]
    sensor: Sensor
    set_frames: Annotated[int, Field(ge=1)] = 16  # frames over which the SNR of a set counts; the payload's, unless given
    host: Host = field(default_factory=Host)
    pointing: Pointing = field(default_factory=Pointing)
    sky: Sky = field(default_factory=Sky)
    stray_light: StrayLight = field(default_factory=StrayLight)
    optics: Optics = field(default_factory=Optics)
    detector: Detector = field(default_factory=Detector)
    defects: Defects = field(default_factory=Defects)
    radiation: Radiation = field(default_factory=Radiation)
    transmission: Transmission = field(default_factory=Transmission)
    neighbours: tuple[Neighbour, ...] = ()
    formations: tuple[Formation, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    drawn: tuple[Drawn, ...] = ()
