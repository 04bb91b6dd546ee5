"""All that a frame's cards tell, found once, when its file is first looked at."""

from dataclasses import dataclass
from typing import Any

from sensorproc.frames import AttitudeSample, ObserverState
from sensorproc.geometry import Camera
from sensorproc.recording.header.cards import Cards
from sensorproc.recording.header.exposure import exposure
from sensorproc.recording.header.found import Found, Said
from sensorproc.recording.header.pointing import pointing, scale_of
from sensorproc.recording.header.sensor import Detector, detector
from sensorproc.recording.header.site import site
from sensorproc.recording.header.telemetry import attitude, observer, slew_arcsec_s
from sensorproc.recording.header.times import mid_time, span_s


@dataclass(frozen=True)
class Facts:
    """Facts of one frame; None is unknown. Units in the names."""

    detector: Detector
    exposure_s: float | None
    t_mid_tai_ns: int | None
    camera: Camera | None
    observer: ObserverState | None
    attitude: tuple[AttitudeSample, ...]
    slew_arcsec_s: float | None


def _from_site(cards: Cards, time: Found[int] | None, said: Said) -> Found[ObserverState] | None:
    """The observer on the Earth, where a site and a time are told."""
    found = site(cards, said) if time is not None else None
    return Found(found.value.state(time.value), found.source) if time and found else None


def facts_of(cards: Cards, shape: tuple[int, int], meta: dict[str, Any], said: Said) -> Facts:
    """Facts of a frame of ``shape`` (ny, nx); ``said`` keeps which cards they are from, and what was doubtful."""
    exposed = exposure(cards, meta, said) or span_s(cards)
    said.use("exposure", exposed)
    time = mid_time(cards, exposed.value if exposed else None, said)
    said.use("time", time)
    sensor = detector(cards, meta, said)
    aimed = pointing(cards, shape, sensor.facts.ifov_arcsec, said)
    said.use("pointing", aimed)
    sensor = sensor.with_scale(scale_of(aimed), said)
    seen_from = observer(cards) or _from_site(cards, time, said)
    said.use("observer", seen_from)
    return Facts(
        sensor, exposed.value if exposed else None, time.value if time else None, aimed.value if aimed else None,
        seen_from.value if seen_from else None, attitude(cards), slew_arcsec_s(cards),
    )  # fmt: skip
