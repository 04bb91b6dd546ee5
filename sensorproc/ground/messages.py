"""Messages for others: which rows may leave, under which marking, and what they are called.

A row leaves if it is an observation (seen, sound, timed, placed on the sky well enough) of a frame that a SET record permits to
release. What a lost packet would have told is left out of a message, never written as a number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorproc.downlink.dictionary import FrameStatus
from sensorproc.flags import DetectionFlag
from sensorproc.ground.evidence import Covers
from sensorproc.ground.export import oem, tdm, udl
from sensorproc.ground.gate import is_time, utc
from sensorproc.ground.observations import Row, detection
from sensorproc.ground.reader import Downlink, Record
from sensorproc.ground.release import Marking
from sensorproc.timescales import utc_from_tai_ns

MESSAGES = ("tdm", "oem", "udl")
EPHEMERIS = "observer.oem"
LARGEST_SIGMA_ARCSEC = 3600.0  # A place known no better is no observation.


@dataclass(frozen=True)
class Observation:
    """A detection that may leave: its row, its frame's facts where they arrived, the time its set ends."""

    row: Row
    exposure_s: float | None
    observer: Row | None
    t_set_tai_ns: int


def write_messages(
    products: Path, downlink: Downlink, mark: Marking, covers: Covers, formats: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """Write the messages that are asked for; which were written, and what to say of what was left out."""
    frames = {(r["detector"], r["frame"]): r for r in downlink.records["FRAME"]}
    found, notes = _observations(downlink, frames, covers)
    if not found:
        return [], [*notes, "no TDM, OEM or UDL written: no detection is an observation that may leave"]
    # Of the last set that was heard of, whatever of it was lost: two decodes of one downlink make messages of one date.
    sets = [r["t_packet_tai_ns"] for r in downlink.records["SET"] if is_time(r["t_packet_tai_ns"])]
    created = utc_from_tai_ns(max([*sets, *(one.t_set_tai_ns for one in found)]), 0)
    states = [_state(r) for r in frames.values() if covers(r) and r["status"] & FrameStatus.HAS_TIME]
    told = [state for state in states if state is not None]
    ephemeris = EPHEMERIS if told and "oem" in formats else ""
    tracks: dict[int, list[Observation]] = {}
    for one in found:
        if one.row["tracklet_id"] >= 0:
            tracks.setdefault(one.row["tracklet_id"], []).append(one)
    written = []
    if "tdm" in formats and tracks:
        segments = {track_id(rows[0]): _segment(rows) for rows in tracks.values()}
        (products / "tracklets.tdm").write_text(tdm.tdm(segments, mark, created, ephemeris), "ascii")
        written.append("products/tracklets.tdm")
    if ephemeris:
        (products / EPHEMERIS).write_text(oem.oem(told, mark, created), "ascii")
        written.append(f"products/{EPHEMERIS}")
    if "udl" in formats:
        ends = {r["tracklet_id"]: (r["first_frame"], r["last_frame"]) for r in downlink.records["TRACKLET"]}
        records = [_udl(one, ends.get(one.row["tracklet_id"]), mark) for one in found]
        (products / "eoobservations.json").write_text(udl.to_json(records), "utf-8")
        written.append("products/eoobservations.json")
    return written, notes


def track_id(one: Observation) -> str:
    """Name of a tracklet: the time at which its set ends and its number, the same whatever else has arrived."""
    stamp = utc_from_tai_ns(one.t_set_tai_ns, 0).replace("-", "").replace(":", "").replace("T", "_")
    return f"{stamp}-{one.row['tracklet_id']:04d}"


def _observations(
    downlink: Downlink, frames: dict[tuple[int, int], Record], covers: Covers
) -> tuple[list[Observation], list[str]]:
    """Detections that may leave, in order, and how many may not, by reason."""
    found, left_out = [], dict.fromkeys(("uncovered", "unsound", "unseen", "untimed", "vague"), 0)
    for record in downlink.records["DETECTION"]:
        cover, flags = covers(record), record["flags"]
        reason = (
            "uncovered" if cover is None
            else "unsound" if not record["is_sound"]
            else "unseen" if flags & DetectionFlag.NOT_SEEN
            else "untimed" if flags & (DetectionFlag.NO_TIME | DetectionFlag.NO_SKY)
            else "vague" if max(record["sigma_ra_arcsec"], record["sigma_dec_arcsec"]) > LARGEST_SIGMA_ARCSEC
            else ""
        )  # fmt: skip
        frame = frames.get((record["detector"], record["frame"]))
        if not reason and frame is not None and not frame["status"] & FrameStatus.HAS_TIME:
            reason = "untimed"
        if reason:
            left_out[reason] += 1
            continue
        assert cover is not None
        exposure_s = frame["exposure_ns"] * 1e-9 if frame is not None and frame["exposure_ns"] else None
        observer = _state(frame) if frame is not None else None
        found.append(Observation(detection(record), exposure_s, observer, cover.t_last_tai_ns))
    found.sort(key=lambda o: (o.row["detector"], o.row["frame"], o.row["tracklet_id"] < 0, o.row["tracklet_id"], o.row["x_px"]))
    texts = {
        "uncovered": "of frames for which no SET record arrived are in no message: nothing says how they are marked",
        "unsound": "hold numbers that no observation may have and are in no message",
        "unseen": "are of frames in which their object was not seen (NOT_SEEN) and are in no message",
        "untimed": "without a time or sky position are in no message",
        "vague": "are placed no better than a degree and are in no message",
    }
    return found, [f"{n} detections {texts[reason]}" for reason, n in left_out.items() if n]


def _state(frame: Record) -> Row | None:
    if not frame["status"] & FrameStatus.HAS_OBSERVER:
        return None
    return frame | {"time_utc": utc(frame["t_mid_tai_ns"])}


def _segment(rows: list[Observation]) -> tuple[list[Row], float | None]:
    """Rows of a tracklet and their exposure time [s], where it is known and the same in all that arrived."""
    exposures = {one.exposure_s for one in rows if one.exposure_s is not None}
    return [one.row for one in rows], exposures.pop() if len(exposures) == 1 else None


def _udl(one: Observation, ends: tuple[int, int] | None, mark: Marking) -> dict[str, Any]:
    track: dict[str, Any] = {}
    if one.row["tracklet_id"] < 0:
        track = {"obPosition": "SINGLE"}
    else:
        track = {"trackId": f"{mark.source}-{track_id(one)}"}
        if ends is not None:
            place = {ends[0]: "FIRST", ends[1]: "LAST"}.get(one.row["frame"], "IN")
            track["obPosition"] = place if ends[0] != ends[1] else "SINGLE"
    return udl.observation(one.row, track, one.exposure_s, one.observer, mark)
