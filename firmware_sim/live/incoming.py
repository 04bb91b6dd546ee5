"""What came over the frame link as the payload takes it: a frame like one of a recording, or why there is none."""

from dataclasses import replace

import numpy as np

from firmware_sim.link.frame_link import Leader, Verdict
from firmware_sim.link.receiver import Arrival
from firmware_sim.ports import Item
from sensorproc.config import Config
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.frame_sets import as_configured
from sensorproc.frames import Frame, Rejection
from sensorproc.geometry import Camera, as_rows, dcm_from_quaternion
from sensorproc.recording.pixels import make_frame

REASONS_OF = {Verdict.TORN: "FRAME_TORN", Verdict.WRONG_SIZE: "WRONG_SIZE"}


def as_item(arrival: Arrival, config: Config) -> Item:
    """A frame, or a rejection of one that is torn or of another size."""
    leader = arrival.leader
    if arrival.data is None:
        reason = REASONS_OF[arrival.verdict]
        numbers = (("ny", float(leader.height)), ("nx", float(leader.width))) if reason == "WRONG_SIZE" else ()
        return Rejection(arrival.block, arrival.detector, leader.t_mid_tai_ns, reason, numbers)
    return as_configured(frame_of(arrival.detector, arrival.block, leader, arrival.data, config), config)


def frame_of(detector: int, block: int, leader: Leader, data: np.ndarray, config: Config) -> Frame:
    """The frame of a leader and its pixels (ny, nx) uint16, as a recording of it would have it."""
    made = make_frame(
        data, f"block {block}", leader.t_mid_tai_ns, leader.exposure_s, detector=detector, camera=_camera(leader, config),
        observer=leader.observer, slew_arcsec_s=leader.slew_arcsec_s,
    )  # fmt: skip
    return replace(made, index=block)


def _camera(leader: Leader, config: Config) -> Camera | None:
    """The camera as the host's attitude has it, if both that and the scale are known."""
    ifov = config.sensor.ifov_arcsec
    if leader.attitude is None or ifov is None:
        return None
    dcm = dcm_from_quaternion(np.array(leader.attitude))
    middle = (leader.width - 1) / 2, (leader.height - 1) / 2
    return Camera(ifov / ARCSEC_PER_RAD, *middle, 1, as_rows(dcm))
