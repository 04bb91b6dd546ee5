"""Made-up frames as the payload gets them."""

from dataclasses import replace

from sensorproc.frames import Frame, SensorFacts
from sensorproc.recording.pixels import make_frame
from tests.skies.cases import BODY_FIXED, START, Case, render


def made_up_frames(size: int, n_frames: int, like: Case = BODY_FIXED) -> list[Frame]:
    """A small set with star density kept, for tests."""
    return frames_of(replace(like, shape=(size, size), n_frames=n_frames, n_stars=round(60 * (size / 256) ** 2)))


def frames_of(case: Case) -> list[Frame]:
    """Frames of a made-up recording, as the payload gets them."""
    facts = SensorFacts(case.gain_e_per_dn, case.read_noise_e, case.bias_dn, 90000.0, 6.0, 21.5)
    times = [START + round((k + 0.4) * 1e9) for k in range(case.n_frames)]
    made = [make_frame(data, "bench", t, case.exposure_s, facts) for data, t in zip(render(case), times, strict=True)]
    return [replace(frame, index=k) for k, frame in enumerate(made)]
