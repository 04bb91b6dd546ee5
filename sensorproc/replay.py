"""Recorded frames through the onboard chain, the downlink and the ground: what ``process`` does.

Runs as fast as the machine goes. Bad files and bad frames become events; the rest is processed.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from sensorproc import __version__
from sensorproc.config import Config
from sensorproc.downlink.dictionary import DATA_MODES
from sensorproc.downlink.formatter import Formatter
from sensorproc.errors import InputError
from sensorproc.ground.decode import Decoded, write_products
from sensorproc.ground.release import Marking, check_mode
from sensorproc.onboard import report
from sensorproc.onboard.pipeline import call, prepared, search_set
from sensorproc.onboard.products import Frame, Rejection, See, SensorFacts, unseen
from sensorproc.onboard.state import PayloadState, StarTable
from sensorproc.recording import Entry, Recording, pad
from sensorproc.review.stages import StageKeeper
from sensorproc.sky import Sky

LIBRARIES = ("numpy", "scipy", "numba", "opencv-python-headless", "astropy", "pydantic", "spacepackets", "fastcrc")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished run."""

    decoded: Decoded
    n_sets: int
    n_frames: int
    n_processed: int
    problems: tuple[str, ...]
    missing: tuple[str, ...]


def process(
    recording: Recording, config: Config, table: StarTable | None, mark: Marking | None, out: Path, argv: list[str],
    progress: Progress = lambda stage, done, total: None, keep_stages: bool = False,
    see: See = unseen,
) -> Outcome:  # fmt: skip
    """Process a recording into ``out``; with ``keep_stages``, what every set went through as well, in ``out/stages``.

    Pixels are kept for one set at a time; ``see`` is called with every set when it is done.

    Raises
    ------
    InputError
        If no frame of the recording can be read.
    ReleaseError
        If frames that are not real would be released as such.
    """
    check_mode(mark, recording.data_mode)
    out.mkdir(parents=True, exist_ok=True)
    run = run_facts(recording, config, argv)
    write_run(out, run | {"status": "running"})
    formatter = Formatter(config.downlink.max_packet_bytes, config.downlink.budget_bytes_per_set)
    sky = Sky(table if table is not None else recording.stars, config.solve)
    sets = frame_sets(recording, config)
    states: dict[int, PayloadState] = {}
    n_processed = n_tracklets = 0
    stream, inputs, n_read = [], hashlib.sha256(), 0
    missing: dict[str, None] = {}
    problems = [problem.reason for problem in recording.problems]
    damaged, said = sky.damage()
    problems += [said] if damaged else []
    for k, entries in enumerate(sets):
        frames, unreadable = read_frames(entries, recording, config)
        problems += [text for _, text in unreadable]
        progress("set", k, len(sets))
        n_read += len(frames)
        missing |= dict.fromkeys(text for frame in frames for text in frame.missing)
        digest = report.input_digest(frames)
        inputs.update(digest)
        detector = entries[0][1].detector
        state = states.get(detector) or PayloadState(recording.dark_e_s, recording.bad)
        items = [prepared(frame, state, config) for frame in frames] + [rejection for rejection, _ in unreadable]
        items.sort(key=lambda item: item.t_mid_tai_ns)
        kept = StageKeeper() if keep_stages else None
        processed, states[detector] = search_set(items, state, sky.stars(frames), config, kept.do if kept else call)
        if kept and not kept.write(out / "stages" / f"set_{k:04d}.fits", processed):
            problems.append(f"set {k}: nothing to keep, it was rejected as a whole")
        rejections = processed.rejections
        if k == 0:
            rejections += tuple(unopened(recording, sets))
        processed = replace(processed, rejections=tuple(sorted(rejections, key=lambda r: r.frame_index)))
        last_ns = max(entry.t_mid_tai_ns for _, entry in entries)
        records = report.set_records(processed, frames, n_tracklets, last_ns)
        housekeeping = report.set_housekeeping(processed, digest, config.digest())
        housekeeping |= marking_fields(mark, recording.data_mode)
        housekeeping |= {"set_id": k, "first_frame": entries[0][0], "n_frames": len(entries)}
        stream += formatter.format_set(records, housekeeping, last_ns, k == len(sets) - 1)
        n_processed, n_tracklets = n_processed + len(processed.residuals), n_tracklets + len(processed.tracklets)
        see(k, processed)
    if n_read == 0:
        raise InputError("\n".join(problems) or f"{recording.path}: no frame could be read")
    progress("set", len(sets), len(sets))
    data = b"".join(stream)
    (out / "downlink.bin").write_bytes(data)
    decoded = write_products(data, out, mark)
    run |= {"status": "finished", "input_sha256": inputs.hexdigest(), "problems": problems, "notes": list(decoded.notes)}
    write_run(out, run)
    return Outcome(decoded, len(sets), n_read, n_processed, tuple(problems), tuple(missing))


def unopened(recording: Recording, sets: list[list[tuple[int, Entry]]]) -> list[Rejection]:
    """Files that could not become frames: told with the first set, at its first time."""
    first = sets[0][0][1]
    return [Rejection(p.place, first.detector, first.t_mid_tai_ns, "UNREADABLE") for p in recording.problems]


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
            n_sets = -(-len(run) // config.frame_set.max_frames)
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
            return _with_facts(pad(entry.frame(index), shape.full), config, recording)
        except InputError as error:
            reason, text = "UNREADABLE", str(error)
    numbers = (("ny", float(ny)), ("nx", float(nx)))
    return Rejection(index, entry.detector, entry.t_mid_tai_ns, reason, numbers), text


def _is_alike(shape: tuple[int, int], usual: tuple[int, int], tolerance: float) -> bool:
    return all(abs(a - b) <= tolerance * b for a, b in zip(shape, usual, strict=True))


def _with_facts(frame: Frame, config: Config, recording: Recording) -> Frame:
    """Configured facts win over the recording's; a dark map of another size is refused."""
    if recording.dark_e_s is not None and recording.dark_e_s.shape != frame.data_dn.shape:
        raise InputError(f"{frame.source}: bad-pixel list is for another frame size")
    given = {fact.name: getattr(config.sensor, fact.name) for fact in fields(SensorFacts)}
    return replace(frame, facts=replace(frame.facts, **{name: value for name, value in given.items() if value is not None}))


def marking_fields(mark: Marking | None, recorded_mode: str | None) -> dict[str, Any]:
    """The SET record's marking; without one, what the frames say they are still travels."""
    mode = mark.data_mode if mark else recorded_mode
    return {"marking": mark.marking if mark else "UNSET", "data_mode": DATA_MODES.index(mode) if mode else 0}


def run_facts(recording: Recording, config: Config, argv: list[str], seeds: Sequence[int] = ()) -> dict[str, Any]:
    """What ``run.json`` says of a run before it starts."""
    return {
        "sensorproc": __version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "machine": {"system": platform.system(), "machine": platform.machine(), "byteorder": sys.byteorder},
        "argv": argv,
        "recording": {"path": str(recording.path), "n_frames": len(recording.entries), "notes": list(recording.notes)},
        "config": asdict(config),  # type: ignore[call-overload]
        "config_digest": config.digest().hex(),
        "seeds": list(seeds),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def write_run(out: Path, facts: dict[str, Any]) -> None:
    """Replace run.json in one step, so that a reader never sees half of it."""
    temporary = out / "run.json.tmp"
    temporary.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8")
    temporary.replace(out / "run.json")
