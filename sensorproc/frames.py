"""One exposure as it was read, the facts that came with it, and why a frame could not be used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sensorproc.errors import FrameSetRejected, ShapeError
from sensorproc.geometry import Camera


@dataclass(frozen=True)
class SensorFacts:
    """What is known of the detector; None is unknown. Units in the names."""

    gain_e_per_dn: float | None = None
    read_noise_e: float | None = None
    bias_dn: float | None = None
    full_well_e: float | None = None
    ifov_arcsec: float | None = None
    zeropoint_mag: float | None = None


@dataclass(frozen=True)
class ObserverState:
    """Observer at mid-exposure: GCRF position [km] and velocity [km/s]."""

    position_km: tuple[float, float, float]
    velocity_km_s: tuple[float, float, float]


@dataclass(frozen=True)
class AttitudeSample:
    """Body deviation from the start of exposure, as recorded: time from exposure start [s], angles [arcsec]."""

    dt_s: float
    deviation_arcsec: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Frame:
    """One exposure of one detector, as it was read.

    ``data_dn`` (ny, nx) uint16; ``flags`` (ny, nx) uint8 :class:`~sensorproc.flags.PixelFlag`; ``index`` counts
    frames in the recording from 0; ``t_mid_tai_ns`` is mid-exposure; ``camera`` is the header's pointing, None if
    it has none; ``bias_rows_dn`` (ny,) float32 the overscan level of each row; ``missing`` says in words what the
    recording did not have; ``binning`` x ``binning`` pixels of the detector are one of the frame's.
    """

    index: int
    detector: int
    source: str
    data_dn: np.ndarray
    flags: np.ndarray
    t_mid_tai_ns: int
    exposure_s: float
    facts: SensorFacts = SensorFacts()
    camera: Camera | None = None
    observer: ObserverState | None = None
    attitude: tuple[AttitudeSample, ...] = ()
    slew_arcsec_s: float | None = None
    bias_rows_dn: np.ndarray | None = None
    missing: tuple[str, ...] = ()
    has_time: bool = True
    binning: int = 1


class Taken(Protocol):
    """Anything that tells which frame it is of."""

    @property
    def index(self) -> int: ...

    @property
    def detector(self) -> int: ...

    @property
    def t_mid_tai_ns(self) -> int: ...


@dataclass(frozen=True)
class Rejection:
    """A frame that could not be used, and why."""

    frame_index: int
    detector: int
    t_mid_tai_ns: int
    reason: str
    numbers: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, frame: "Taken", error: FrameSetRejected) -> "Rejection":
        """A frame, or what is known of it, that an error has rejected."""
        return cls(frame.index, frame.detector, frame.t_mid_tai_ns, error.reason, tuple(sorted(error.numbers.items())))


def demand_one_shape(shapes: Sequence[tuple[int, ...]]) -> None:
    """Frames of one set have one size.

    Raises
    ------
    ShapeError
        If they have not.
    """
    if len(set(shapes)) > 1:
        raise ShapeError(f"frames of one set have shapes {sorted(set(shapes))}: pad them to one")
