"""The one way from frames to records: numbers, repeats and lost frames are values until they are packed, once."""

from dataclasses import replace

import pytest

from sensorproc.catalog.sky import Sky
from sensorproc.config import Compute, Config
from sensorproc.downlink.dictionary import Apid
from sensorproc.downlink.records import DETECTION, EVENT, FRAME, SET, TRACKLET
from sensorproc.frames import Rejection
from sensorproc.onboard import threads
from sensorproc.onboard.frame_set_processor import FrameSetProcessor
from sensorproc.onboard.pipeline import process_set
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.records import TakenSet
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import SIDEREAL
from tests.skies.frames import made_up_frames


@pytest.fixture(scope="module")
def frames():
    return made_up_frames(192, 8, SIDEREAL)


@pytest.fixture(scope="module")
def searched(frames):
    processor = FrameSetProcessor(Config(), Sky(None, Config().solve), {0: PayloadState()})
    return processor.search(HandOver(processor.prepare(frame) for frame in frames), frames)


def test_it_is_the_pipeline_and_changes_the_state_only_when_told(frames, searched):
    config = Config()
    processor = FrameSetProcessor(config, Sky(None, config.solve), {0: PayloadState()})
    again = processor.search(HandOver(processor.prepare(frame) for frame in frames), frames)
    processed, state = process_set(frames, PayloadState(), processor.sky.stars(frames), config)
    assert again.records(0) == searched.records(0)
    assert [t.snr for t in again.processed.tracklets] == [t.snr for t in processed.tracklets]
    assert processor.states[0].n_sets == 0
    processor.commit(again)
    assert processor.states[0].digest() == state.digest()


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_frames_one_by_one_and_all_at_once_give_the_same_bytes(frames, searched, n_threads):
    """As they arrive, in arrays of their own, and side by side, in those of their set; with any number of threads."""
    config = replace(Config(), compute=Compute(n_threads))
    processor = FrameSetProcessor(config, Sky(None, config.solve), {0: PayloadState()})
    try:
        whole = processor.search(HandOver(processor.prepare_set(frames)), frames)
    finally:
        threads.use(2)
    assert whole.records(0) == searched.records(0)
    for one, other in zip(whole.processed.residuals, searched.processed.residuals, strict=True):
        assert one.image_e.tobytes() == other.image_e.tobytes()
        assert one.weight.tobytes() == other.weight.tobytes()


def test_tracklets_are_numbered_when_they_are_packed(searched):
    n = len(searched.processed.tracklets)
    assert n > 0
    records = searched.records(700)
    ids = [TRACKLET.unpack(data)[0]["tracklet_id"] for data in records[Apid.TRACKLET]]
    assert sorted(ids) == list(range(700, 700 + n))
    members = [DETECTION.unpack(data)[0]["tracklet_id"] for data in records[Apid.DETECTION]]
    assert set(members) <= {*ids, -1}
    assert searched.records(0) == searched.records(0)  # packing changes nothing


def test_a_repeat_comes_with_later_numbers_and_times_and_without_lost_frames(frames, searched):
    lost = Rejection(108, 0, frames[0].t_mid_tai_ns + 5 * 10**9, "FRAME_LOST")
    again = searched.as_repeat().moved(100, 5 * 10**9)
    less = again.without([lost], len(frames) - 1)
    first, now = (FRAME.unpack(one.records(0)[Apid.FRAME][0])[0] for one in (searched, again))
    assert (now["frame"] - first["frame"], now["t_mid_tai_ns"] - first["t_mid_tai_ns"]) == (100, 5 * 10**9)
    assert again.processed.residuals == ()
    assert less.set_values(TakenSet(1, 100, 8))["n_processed"] == len(frames) - 1
    assert EVENT.unpack(less.records(0)[Apid.EVENT][-1])[0]["frame"] == 108


def test_the_set_record_has_every_field_but_the_formatters(searched):
    values = searched.set_values(TakenSet(3, 24, 8, 1, 0.5))
    missing = {field.name for field in SET.fields} - set(values)
    counted = {name for name in missing if name.startswith("total_")} | {"phase", "is_last", "n_dropped_packets"}
    assert missing == counted | {"marking", "data_mode", "icd_version", "software_digest"}
    assert (values["set_id"], values["first_frame"], values["degraded"], values["sigma_time_s"]) == (3, 24, 1, 0.5)
