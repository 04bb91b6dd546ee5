"""Whether the camera turned so fast during an exposure that nothing in it can be used."""

from sensorproc.config import Register
from sensorproc.conventions import ARCSEC_PER_RAD
from sensorproc.frames import Frame


def is_slewing(frame: Frame, config: Register) -> bool:
    """Whether the recorded attitude moved so far during the exposure that nothing can be measured."""
    if frame.slew_arcsec_s is None or frame.camera is None:
        return False
    ifov_arcsec = frame.camera.ifov_rad * ARCSEC_PER_RAD
    return frame.slew_arcsec_s * frame.exposure_s > config.max_slew_px * ifov_arcsec
