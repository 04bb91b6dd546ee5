"""Is what came down what the ground finds in the same frames, bit for bit? A fast payload that finds something else is none.

The ground's way is :func:`sensorproc.processing.process` on the frames that were played, at the times at which they were: those
that the payload did not get, or could not read, are files that cannot be read. Compared are the records of frames that were used,
detections and tracklets; numbers of sets, tracklets and releases, which count in the order of processing, are left out.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware_sim.bench.ring import Ring
from firmware_sim.live.incoming import frame_of
from sensorproc.config import Config
from sensorproc.downlink.dictionary import FrameStatus
from sensorproc.downlink.fields import RecordType
from sensorproc.downlink.records import DETECTION, FRAME, TRACKLET
from sensorproc.errors import InputError
from sensorproc.frames import Frame
from sensorproc.ground.reader import Downlink
from sensorproc.onboard.state import PayloadState
from sensorproc.processing import process
from sensorproc.recording import Entry, Recording
from sensorproc.run_folder.building import building

NUMBERED = frozenset(("tracklet_id", "set_id", "release_id"))
PRODUCTS = (FRAME, DETECTION, TRACKLET)
Key = tuple[int, int]  # detector and number of a frame


@dataclass(frozen=True)
class Validity:
    """Whether the products are right, their digest, and why not."""

    is_valid: bool
    digest: str
    reference: str
    n_records: int
    reasons: tuple[str, ...] = ()


def products(downlink: Downlink, kinds: tuple[RecordType, ...] = PRODUCTS) -> Counter[str]:
    """Records of a downlink as texts, without the numbers that count in the order of processing."""
    found: Counter[str] = Counter()
    for kind in kinds:
        for row in downlink.records[kind.name]:
            if kind is FRAME and not row["status"] & FrameStatus.PROCESSED:
                continue  # one that never became a frame is told by its event alone
            values = {key: (-1 if key in NUMBERED else value) for key, value in row.items()}
            found[f"{kind.name} {sorted(values.items())}"] += 1
    return found


def digest(found: Counter[str]) -> str:
    """SHA-256 of products, whatever their order."""
    return hashlib.sha256("\n".join(sorted(found.elements())).encode()).hexdigest()


def judge(downlink: Downlink, reference: Downlink) -> Validity:
    """What came down against what should have."""
    ours, theirs = products(downlink), products(reference)
    reasons = []
    sets = downlink.records["SET"]
    if n := len({row["set_id"] for row in sets if row["degraded"]}):
        reasons.append(f"{n} sets were searched with less than was configured")
    if n := sum(row["n_dropped_packets"] for row in sets if row["phase"]):
        reasons.append(f"{n} packets were left out for want of link")
    if downlink.gaps.n_missing:
        reasons.append(f"{downlink.gaps.n_missing} packets were lost")
    lost, more = (theirs - ours).total(), (ours - theirs).total()
    if lost or more:
        reasons.append(f"{lost} records of the ground are not in the downlink, {more} of the downlink not on the ground")
    if not theirs:
        reasons.append("nothing to compare: the ground has found nothing in these frames")
    return Validity(not (lost or more or not theirs), digest(ours), digest(theirs), theirs.total(), tuple(reasons))


def ground_recording(ring: Ring, config: Config, n_frames: int, taken: frozenset[Key]) -> Recording:
    """The frames that were played, as a recording; those that the payload did not take cannot be read."""
    shape = config.sensor.shape_px
    assert shape is not None
    entries = [_entry(ring, key, config, shape, key in taken) for k in range(n_frames) for key in ((d, k) for d in ring.frames)]
    return Recording(Path("ring"), tuple(sorted(entries, key=lambda entry: (entry.t_mid_tai_ns, entry.detector))))


def _entry(ring: Ring, key: Key, config: Config, shape: tuple[int, int], is_taken: bool) -> Entry:
    turn = ring.turn(*key)

    def read() -> Frame:
        if not is_taken:
            raise InputError(f"block {key[1]}: not taken")
        return frame_of(*key, turn.leader, turn.data, config)

    leader = turn.leader
    return Entry(
        f"block {key[1]}", shape, leader.t_mid_tai_ns, leader.exposure_s, key[0], True, read,
        cadence_s=config.sensor.cadence_s, instrument=config.sensor.name,
    )  # fmt: skip


def ground_truth(
    ring: Ring, config: Config, n_frames: int, taken: frozenset[Key], states: dict[int, PayloadState], folder: Path
) -> bytes:
    """The downlink of the ground's own processing, written into a folder of its own."""
    recording = ground_recording(ring, config, n_frames, taken)
    facts: dict[str, Any] = {}
    with building(folder, facts) as run:
        process(
            recording, replace(config, downlink=replace(config.downlink, budget_bytes_per_set=0)), None, None, run, None, states
        )
    return (folder / "downlink.bin").read_bytes()
