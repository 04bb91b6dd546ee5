"""Null searches: run when due, counted in the state, blind to the objects they must not see."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from sensorproc.config import Config, parse
from sensorproc.onboard.pipeline import prepare_or_reject, process_set, search_set
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.search.null_search import dark_outliers_hidden, sign_reversed_pixels
from sensorproc.onboard.stage import call
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import SIDEREAL
from tests.skies.frames import made_up_frames


@pytest.fixture(scope="module")
def frames():
    """A stare with movers."""
    return made_up_frames(192, 8, SIDEREAL)


def test_both_nulls_run_in_every_fourth_set_and_find_no_mover(frames):
    third, _ = process_set(frames, PayloadState(n_sets=2), None, Config())
    fourth, state = process_set(frames, PayloadState(n_sets=3), None, Config())
    assert len(third.tracklets) == len(fourth.tracklets) > 0
    assert (third.null_expected, fourth.null_expected) == pytest.approx((0.3, 0.6))
    assert fourth.null_found <= 2
    assert (state.n_sets, state.null_expected) == (4, pytest.approx(0.6))


def test_the_wrong_order_of_time_can_be_switched_off(frames):
    processed, _ = process_set(frames, PayloadState(n_sets=3), None, parse({"search": {"permuted_every": 0}}))
    assert processed.null_expected == pytest.approx(0.3)


def test_a_payload_that_has_seen_false_tracks_asks_for_more(frames):
    fresh, _ = process_set(frames, PayloadState(), None, Config())
    warned, _ = process_set(frames, PayloadState(null_found=30.0, null_expected=3.0), None, Config())
    assert warned.excess == pytest.approx(33.0 / 6.0)
    assert warned.threshold_snr > fresh.threshold_snr + 0.15
    strong = [t for t in fresh.tracklets if t.snr > warned.threshold_snr]
    assert [t.snr for t in warned.tracklets] == [t.snr for t in strong]
    by_snr = {t.snr: t.log10_pfa for t in fresh.tracklets}
    assert all(t.log10_pfa >= by_snr[t.snr] for t in warned.tracklets)
    assert np.isfinite([t.log10_pfa for t in warned.tracklets]).all()


def test_the_reversed_set_lies_in_the_same_memory_and_is_turned_back_bit_for_bit(frames):
    """With a pixel that one frame has lost."""
    config, lost = Config(), frames[3].data_dn.copy()
    lost[60, 70] -= min(2000, int(lost[60, 70]))
    frames = [*frames[:3], replace(frames[3], data_dn=lost), *frames[4:]]
    stacks = []

    def do(stage, *arguments):
        result = stage(*arguments)
        if stage.__name__ == "stack":
            stacks.append(result)
        return result

    process_set(frames, PayloadState(), None, config, do)
    before = stacks[0].image_e.copy(), stacks[0].weight.copy()
    warm = np.zeros(before[0].shape[1:], np.float32)
    with dark_outliers_hidden(stacks[0], warm, config.cosmic_rays, call), sign_reversed_pixels(stacks[0]) as reverse:
        assert reverse.image_e is stacks[0].image_e
        assert (reverse.image_e == -before[0]).all()
        hidden = reverse.weight != before[1]
        assert hidden[3, 60, 70]
        assert (reverse.weight[hidden] == 0.0).all()
    assert stacks[0].image_e.tobytes() == before[0].tobytes()
    assert stacks[0].weight.tobytes() == before[1].tobytes()


def test_prepared_frames_are_given_up(frames):
    """The set's memory is counted on it."""
    config = Config()
    given = [prepare_or_reject(frame, PayloadState(), config) for frame in frames]
    pixels = [weakref.ref(item.image_e) for item in given]
    items = HandOver(given)
    del given
    processed, _ = search_set(items, PayloadState(), None, config)
    assert len(items) == 0
    assert len(processed.residuals) == len(frames)
    assert all(image() is None for image in pixels)
