"""What a scene is made of: one frozen dataclass per effect, each with its documented default. All effects are on."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=STRICT)
class Sensor:
    """The real sensor. The payload may believe something else."""

    shape_px: tuple[int, int]  # (ny, nx)
    exposure_s: Positive
    cadence_s: Positive
    gain_e_per_dn: Positive
    read_noise_e: NotNegative
    bias_dn: NotNegative
    full_well_e: Positive
    ifov_arcsec: Positive
    zeropoint_mag: float  # magnitude that gives 1 e-/s
    psf_fwhm_px: Positive


@dataclass(frozen=True, config=STRICT)
class Host:
    """The satellite that carries the camera: a geostationary orbit with small deviations."""

    longitude_deg: float = 135.0  # East
    inclination_deg: NotNegative = 0.03
    eccentricity: Annotated[float, Field(ge=0, lt=0.1)] = 2e-4


@dataclass(frozen=True, config=STRICT)
class Pointing:
    """Body-fixed: the boresight turns with the orbit; stars trail, neighbours nearly stand still."""

    mode: Literal["body_fixed"] = "body_fixed"
    depression_deg: Annotated[float, Field(ge=-90, le=90)] = 5.0  # below the velocity vector, towards the Earth
    elevation_deg: Annotated[float, Field(ge=-90, le=90)] = 0.0  # out of the orbit plane, northwards
    roll_deg: float = 20.0  # of image x from the orbit plane
    knowledge_arcsec: NotNegative = 40.0  # error of the recorded attitude, 1 sigma per axis
    drift_arcsec_s: NotNegative = 0.05  # of the body, constant over the scene
    frame_jitter_arcsec: NotNegative = 1.0  # from frame to frame, 1 sigma per axis
    vibration_arcsec: NotNegative = 0.8  # amplitude within the exposure
    vibration_hz: Positive = 17.3  # a momentum wheel's line


@dataclass(frozen=True, config=STRICT)
class Sky:
    """Stars and diffuse light."""

    faintest_mag: Annotated[float, Field(ge=8, le=20)] = 16.0  # stars beyond the table continue its counts
    counts_slope: Positive = 0.38  # d log10 N / d mag of those
    brightness_mag_arcsec2: float = 21.6  # zodiacal light and unresolved stars
    gradient: NotNegative = 0.3  # stray light at one edge of the field, as a fraction of the sky
    arc: NotNegative = 0.25  # a ghost's arc, likewise


@dataclass(frozen=True, config=STRICT)
class Optics:
    """The point spread function: a core and a wider halo, both integrated over pixels."""

    halo_fraction: Fraction = 0.06
    halo_ratio: Annotated[float, Field(gt=1)] = 3.0  # halo width over core width


@dataclass(frozen=True, config=STRICT)
class Detector:
    """What silicon adds."""

    dark_e_s: NotNegative = 0.8
    hot_fraction: Fraction = 4e-4  # of the pixels
    hot_median_e_s: Positive = 60.0
    hot_spread_dex: Positive = 0.6
    hot_known: Fraction = 0.95  # of the hot pixels are in the payload's calibration
    hot_error: NotNegative = 0.04  # relative, of the calibrated dark rate
    prnu: NotNegative = 0.006
    column_noise_dn: NotNegative = 0.6  # fixed offsets of columns
    bias_drift_dn: NotNegative = 0.5  # from frame to frame


@dataclass(frozen=True, config=STRICT)
class Radiation:
    """Protons and electrons through the silicon during an exposure (and the readout, not modelled)."""

    hits_per_frame: Annotated[float, Field(ge=0, le=1e5)] = 40.0
    thickness_um: Positive = 14.0
    pitch_um: Positive = 10.0
    charge_e_per_um: Positive = 75.0  # median; minimum ionising particles in silicon
    charge_spread_dex: Positive = 0.35


@dataclass(frozen=True, config=STRICT)
class Neighbour:
    """An object in or near the geostationary belt, by its orbit at the middle of the scene: longitude relative to the
    host's, inclination against the equator."""

    name: str
    longitude_offset_deg: float  # ahead of the host
    area_m2: Positive
    albedo: Annotated[float, Field(gt=0, le=1)] = 0.2
    inclination_deg: NotNegative = 0.0
    latitude_argument_deg: float = 0.0  # 0: rising through the plane now
    eccentricity: Annotated[float, Field(ge=0, lt=1)] = 0.0
    anomaly_deg: float = 0.0  # true anomaly now
    higher_km: float = 0.0  # semi-major axis over the geostationary one


@dataclass(frozen=True, config=STRICT)
class Crossing:
    """An object on another orbit, by its place and rate in the field at the middle of the scene."""

    name: str
    x_px: float
    y_px: float
    rate_x_arcsec_s: float
    rate_y_arcsec_s: float
    range_km: Positive
    area_m2: Positive
    albedo: Annotated[float, Field(gt=0, le=1)] = 0.2
    closing_km_s: float = 0.0


@dataclass(frozen=True, config=STRICT)
class Scene:
    """A whole scene. The same seed gives the same pixels."""

    seed: Annotated[int, Field(ge=0)]
    start_utc: str
    n_frames: Annotated[int, Field(ge=1, le=4096)]
    sensor: Sensor
    host: Host = field(default_factory=Host)
    pointing: Pointing = field(default_factory=Pointing)
    sky: Sky = field(default_factory=Sky)
    optics: Optics = field(default_factory=Optics)
    detector: Detector = field(default_factory=Detector)
    radiation: Radiation = field(default_factory=Radiation)
    neighbours: tuple[Neighbour, ...] = ()
    crossings: tuple[Crossing, ...] = ()
