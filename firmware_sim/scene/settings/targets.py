"""Objects of a scene: given by orbit, by formation around another, by their path in the field, or drawn at random."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from firmware_sim.scene.settings.ranges import STRICT, NotNegative, Positive


@dataclass(frozen=True, config=STRICT)
class LightCurve:
    """Brightness over time, on top of phase angle and range. ``steady`` is a sphere; ``tumbling`` a sine in magnitudes;
    ``glint`` a flat mirror that flashes once a period."""

    kind: Literal["steady", "tumbling", "glint"] = "steady"
    period_s: Positive = 20.0
    amplitude_mag: NotNegative = 0.8  # peak to peak of a tumbler; height of a glint
    glint_s: Positive = 0.5  # full width of a glint at half height
    phase: float = 0.0  # in periods, at the middle of the scene


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
    light_curve: LightCurve = field(default_factory=LightCurve)


@dataclass(frozen=True, config=STRICT)
class Formation:
    """An object close to another one, by its offset and relative velocity at the middle of the scene, on the other's
    radial, along-track and cross-track axes. Both then move on their own orbits."""

    name: str
    around: str  # name of a neighbour
    offset_km: tuple[float, float, float]
    area_m2: Positive
    velocity_m_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    albedo: Annotated[float, Field(gt=0, le=1)] = 0.2
    light_curve: LightCurve = field(default_factory=LightCurve)


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
    light_curve: LightCurve = field(default_factory=LightCurve)


@dataclass(frozen=True, config=STRICT)
class Drawn:
    """Objects drawn at random over the field, for statistics. Brightness is set so that the SNR of a perfect detector
    over the frames of one set is about uniform between two values: on clear sky, in focus, with an unshaken core. The
    truth has each one's exact SNR, up to a quarter lower where the host shakes or trails are long.

    ``field``: any direction, speed over the detector uniform between ``rate_px_frame``. ``stars``: the same against
    the stars. ``belt``: circular geostationary orbits of an inclination drawn from an exponential distribution.
    """

    n: Annotated[int, Field(ge=1, le=2000)]
    set_snr: tuple[Positive, Positive] = (4.0, 14.0)
    motion: Literal["field", "stars", "belt"] = "field"
    rate_px_frame: tuple[NotNegative, NotNegative] = (0.3, 3.0)
    inclination_deg: Positive = 3.0  # mean
    apart_px: NotNegative = 40.0  # least distance between two of them at the middle of the scene
    light_curve: LightCurve = field(default_factory=LightCurve)
