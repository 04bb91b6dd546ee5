"""Registration survives a wrong step between two frames."""

from dataclasses import replace

import numpy as np

from sensorproc.config import Config
from sensorproc.onboard.pipeline import prepare_or_reject
from sensorproc.onboard.registration import register as room
from sensorproc.onboard.state import PayloadState
from tests.skies.cases import BODY_FIXED
from tests.skies.frames import made_up_frames


def test_one_wrong_step_loses_no_frame(monkeypatch):
    """Steps of whole pixels, one of them to hot pixels at rest: every frame is placed all the same, to a tenth of a pixel."""
    frames = made_up_frames(256, 12, replace(BODY_FIXED, targets=(), star_rate=(1.4, 0.6)))
    flattened = [prepare_or_reject(frame, PayloadState(), Config()) for frame in frames]
    true = room.successive_shifts

    def stumbling(*arguments):
        shifts = np.rint(true(*arguments))
        shifts[8] = (9.0, -7.0)
        return shifts

    monkeypatch.setattr(room, "successive_shifts", stumbling)
    placed, rejected = room.register(flattened, Config().register, None, None, 1.0)
    assert not rejected
    centre = np.array([r.transform.to_detector(128.0, 128.0) for r in placed])
    times = np.array([r.t_frames for r in placed])
    rate = np.polyfit(times, centre, 1)[0]
    np.testing.assert_allclose(rate, (1.4, 0.6), atol=0.05)
    assert max(r.rms_px for r in placed) < 0.3
