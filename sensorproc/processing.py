"""Recorded frames through the onboard chain, the downlink and the ground: what ``process`` does.

Runs as fast as the machine goes. Bad files and bad frames become events; the rest is processed.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sensorproc.catalog.sky import Sky
from sensorproc.config import Config
from sensorproc.downlink.dictionary import DATA_MODES
from sensorproc.downlink.formatter import Formatter
from sensorproc.errors import InputError
from sensorproc.frame_sets import FrameSets, calibrated, frame_sets, read_frames, unopened
from sensorproc.ground.decode import Decoded, write_products
from sensorproc.ground.release import Marking, carried, check_mode
from sensorproc.onboard.frame_set_processor import FrameSetProcessor, OnSetDone, ignore_set, in_order
from sensorproc.onboard.records import TakenSet
from sensorproc.onboard.stage import call
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.state import PayloadState
from sensorproc.recording import Recording
from sensorproc.review.stages import StageKeeper
from sensorproc.run_folder.building import Building
from sensorproc.run_folder.facts import recording_facts
from sensorproc.run_folder.software import software_digest

Progress = Callable[[str, int, int], None]
NEW_PAYLOAD: Mapping[int, PayloadState] = MappingProxyType({})  # One that has learnt nothing yet.


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished run."""

    decoded: Decoded
    n_sets: int
    n_frames: int
    n_processed: int
    problems: tuple[str, ...]
    missing: tuple[str, ...]
    states: Mapping[int, PayloadState] = field(default_factory=dict)


@dataclass(frozen=True)
class Onlookers:
    """Who follows a run: ``progress`` is told of every set that begins, ``on_set_done`` is given every set that is done. With
    ``keeps_stages`` what every set went through is kept in ``stages`` beside the products."""

    progress: Progress = lambda stage, done, total: None
    on_set_done: OnSetDone = ignore_set
    keeps_stages: bool = False


def process(
    recording: Recording, config: Config, table: StarTable | None, mark: Marking | None, run: Building,
    onlookers: Onlookers | None = None, states: Mapping[int, PayloadState] = NEW_PAYLOAD,
) -> Outcome:  # fmt: skip
    """Process a recording into the folder of a run that is being built. Pixels are kept for one set at a time. ``states`` by
    detector are those of an earlier recording; calibration that comes with the recording takes the place of theirs.

    Raises
    ------
    InputError
        If no frame of the recording can be read.
    ReleaseError
        If frames that are not real would be released as such.
    """
    onlookers = onlookers or Onlookers()
    check_mode(mark, recording.data_mode)
    run.facts |= recording_facts(recording, config)
    run.facts["state_in"] = {str(k): state.digest().hex() for k, state in states.items()}
    formatter = Formatter(config.downlink.max_packet_bytes, config.downlink.budget_bytes_per_set, software_digest())
    sky = Sky(table if table is not None else recording.stars, config.solve)
    sets = frame_sets(recording, config)
    processor = FrameSetProcessor(config, sky, _first_states(sets, states, recording, config))
    marking = marking_fields(mark, recording.data_mode)
    n_processed = n_tracklets = 0
    stream, inputs, n_read = [], hashlib.sha256(), 0
    missing: dict[str, None] = {}
    problems = [problem.reason for problem in recording.problems]
    damaged, said = sky.damage()
    problems += [said] if damaged else []
    for k, entries in enumerate(sets):
        frames, unreadable = read_frames(entries, recording, config)
        problems += [text for _, text in unreadable]
        onlookers.progress("set", k, len(sets))
        n_read += len(frames)
        missing |= dict.fromkeys(text for frame in frames for text in frame.missing)
        kept = StageKeeper() if onlookers.keeps_stages else None
        items = in_order([*processor.prepare_set(frames), *(rejection for rejection, _ in unreadable)])
        lost = unopened(recording, sets) if k == 0 else []
        searched = processor.search(items, frames, kept.do if kept else call, lost)
        if not config.frame_set.independent:
            processor.commit(searched)
        inputs.update(searched.inputs)
        if kept and not kept.write(run.folder / "stages" / f"set_{k:04d}.fits", searched.processed):
            problems.append(f"set {k}: nothing to keep, it was rejected as a whole")
        taken = TakenSet(k, entries[0][0], len(entries))
        last_ns = max(entry.t_mid_tai_ns for _, entry in entries)
        stream += formatter.format_set(
            searched.records(n_tracklets), searched.set_values(taken) | marking, last_ns, k == len(sets) - 1
        )
        n_processed, n_tracklets = n_processed + searched.n_processed, n_tracklets + len(searched.processed.tracklets)
        onlookers.on_set_done(k, searched.processed)
    if n_read == 0:
        raise InputError("\n".join(problems) or f"{recording.path}: no frame could be read")
    onlookers.progress("set", len(sets), len(sets))
    data = b"".join(stream)
    (run.folder / "downlink.bin").write_bytes(data)
    decoded = write_products(data, run.folder, mark)
    run.facts |= {"input_sha256": inputs.hexdigest(), "problems": problems, "notes": list(decoded.notes)}
    return Outcome(decoded, len(sets), n_read, n_processed, tuple(problems), tuple(missing), processor.states)


def _first_states(
    sets: FrameSets, states: Mapping[int, PayloadState], recording: Recording, config: Config
) -> dict[int, PayloadState]:
    detectors = {entries[0][1].detector for entries in sets}
    return {**states, **{k: calibrated(states.get(k, PayloadState()), recording, config) for k in detectors}}


def marking_fields(mark: Marking | None, recorded_mode: str | None) -> dict[str, Any]:
    """The SET record's marking; without one, what the frames say they are still travels."""
    mode = mark.data_mode if mark else recorded_mode
    known = mode if mode in DATA_MODES else "UNSET"
    return {"marking": carried(mark.marking) if mark else "UNSET", "data_mode": DATA_MODES.index(known)}
