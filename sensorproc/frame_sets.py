"""A recording cut into frame sets, and their frames read at one size."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from sensorproc.config import Config
from sensorproc.errors import InputError
from sensorproc.frames import Frame, Rejection, SensorFacts
from sensorproc.onboard.frame.binning import binned, binned_maps, binned_shape
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import Entry, Recording, pad
from sensorproc.recording.entry import NO_OBSERVER
from sensorproc.recording.header.site import Site
from sensorproc.recording.two_line import MOST_DAYS, TwoLine

OLD_ELEMENTS = f"observer position (its two-line elements are more than {MOST_DAYS:.0f} days away, or it has decayed)"


def unopened(recording: Recording, sets: list[list[tuple[int, Entry]]]) -> list[Rejection]:
    """Files that could not become frames: told with the first set, at its first time."""
    first = sets[0][0][1]
    return [Rejection(p.place, first.detector, first.t_mid_tai_ns, "UNREADABLE") for p in recording.problems]


FrameSets = list[list[tuple[int, Entry]]]  # of a recording: numbers of frames in it, and their entries


def frame_sets(recording: Recording, config: Config) -> list[list[tuple[int, Entry]]]:
    """Entries with their index in the recording, cut into sets per detector at the size limit and at long pauses."""
    cadence_s = config.sensor.cadence_s or recording.cadence_s
    by_detector: dict[int, list[tuple[int, Entry]]] = {}
    index: dict[int, int] = {}
    lost = sorted(problem.place for problem in recording.problems)
    for entry in recording.entries:
        k = index.get(entry.detector, -1) + 1
        while k in lost:  # a frame that could not be opened keeps its number
            k += 1
        index[entry.detector] = k
        by_detector.setdefault(entry.detector, []).append((k, entry))
    sets = []
    for detector in sorted(by_detector):
        for run in _without_gaps(by_detector[detector], cadence_s, config.frame_set.max_gap_cadences):
            n_sets = len(run) if config.frame_set.independent else -(-len(run) // config.frame_set.max_frames)
            sets += [list(part) for part in np.array_split(np.array(run, object), n_sets)]
    return [[(int(k), entry) for k, entry in part] for part in sets]


def _without_gaps(entries: list, cadence_s: float | None, max_cadences: float) -> Iterator[list]:
    run: list = []
    for item in entries:
        if run and cadence_s and item[1].t_mid_tai_ns - run[-1][1].t_mid_tai_ns > max_cadences * cadence_s * 1e9:
            yield run
            run = []
        run.append(item)
    yield run


@dataclass(frozen=True)
class SetShape:
    """The size most frames of a set have, and the one all that are nearly alike are padded to."""

    usual: tuple[int, int]
    full: tuple[int, int]

    def read_out(self, config: Config) -> tuple[int, int]:
        """Of the frames as the payload sees them."""
        return binned_shape(self.full, config.sensor.binning)


def calibrated(state: PayloadState, recording: Recording, config: Config) -> PayloadState:
    """The state with the calibration that comes with a recording, of its frames as the payload sees them."""
    return state.with_calibration(*binned_maps(recording.dark_e_s, recording.bad, config.sensor.binning))


def set_shape(entries: list[tuple[int, Entry]], config: Config) -> SetShape:
    """Sizes of a set, from its entries."""
    sizes = [entry.shape for _, entry in entries]
    usual = max(sorted(set(sizes)), key=sizes.count)
    alike = [s for s in sizes if _is_alike(s, usual, config.frame_set.max_size_difference)]
    return SetShape(usual, (max(s[0] for s in alike), max(s[1] for s in alike)))


def read_frames(
    entries: list[tuple[int, Entry]], recording: Recording, config: Config
) -> tuple[list[Frame], list[tuple[Rejection, str]]]:
    """Frames of a set at one size, and what could not be read or has another size."""
    shape = set_shape(entries, config)
    read = [read_frame(index, entry, shape, recording, config) for index, entry in entries]
    return [item for item in read if isinstance(item, Frame)], [item for item in read if not isinstance(item, Frame)]


def read_frame(index: int, entry: Entry, shape: SetShape, recording: Recording, config: Config) -> Frame | tuple[Rejection, str]:
    """One frame at the size of its set, or why it is none, for the payload and in words."""
    reason = "WRONG_SIZE"
    ny, nx = entry.shape
    text = f"{entry.source}: {nx} x {ny} px in a set of {shape.usual[1]} x {shape.usual[0]}"
    if _is_alike(entry.shape, shape.usual, config.frame_set.max_size_difference):
        try:
            whole = pad(entry.frame(index), shape.full)
            _demand_calibrated(whole, recording)
            return as_configured(whole, config)
        except InputError as error:
            reason, text = "UNREADABLE", str(error)
    numbers = (("ny", float(ny)), ("nx", float(nx)))
    return Rejection(index, entry.detector, entry.t_mid_tai_ns, reason, numbers), text


def _is_alike(shape: tuple[int, int], usual: tuple[int, int], tolerance: float) -> bool:
    return all(abs(a - b) <= tolerance * b for a, b in zip(shape, usual, strict=True))


def as_configured(frame: Frame, config: Config) -> Frame:
    """A frame as the payload takes it: configured facts win over its own, its pixels are summed as configured."""
    given = {fact.name: getattr(config.sensor, fact.name) for fact in fields(SensorFacts)}
    known = {name: value for name, value in given.items() if value is not None}
    whole = _at_site(replace(frame, facts=replace(frame.facts, **known)), config)
    return binned(whole, config.sensor.binning, config.calibrate.saturation_fraction)


def _at_site(frame: Frame, config: Config) -> Frame:
    """The frame as seen from the configured satellite or site, if there is one and the time is known. A satellite whose elements
    are of another month is nowhere."""
    if config.sensor.tle is not None and frame.has_time:
        seen_from = TwoLine(config.sensor.tle).state(frame.t_mid_tai_ns)
        lacking = [text for text in frame.missing if text not in (NO_OBSERVER, OLD_ELEMENTS)]
        return replace(frame, observer=seen_from, missing=(*lacking, *(() if seen_from else (OLD_ELEMENTS,))))
    if config.sensor.site_lat_lon_deg is None or not frame.has_time:
        return frame
    state = Site(*config.sensor.site_lat_lon_deg, config.sensor.site_height_m).state(frame.t_mid_tai_ns)
    missing = tuple(text for text in frame.missing if text != NO_OBSERVER)
    return replace(frame, observer=state, missing=missing)


def _demand_calibrated(frame: Frame, recording: Recording) -> None:
    """Refuse a dark map of another size."""
    if recording.dark_e_s is not None and recording.dark_e_s.shape != frame.data_dn.shape:
        raise InputError(f"{frame.source}: bad-pixel list is for another frame size")
