"""What a frame is made of, before and beside its pixels."""

from dataclasses import dataclass, field

import numpy as np

from firmware_sim.scene.objects.targets import Target
from firmware_sim.scene.orbit import State
from sensorproc.offline import Time


@dataclass(frozen=True, eq=False)
class Seen:
    """A target in one frame.

    ``path`` (k + 2, 2): exposure start, every sample, exposure end [px]; ``shares_e`` (k,): electrons at every sample;
    ``mag``: mean magnitude of the exposure; ``direction`` (3,): geometric, at mid-exposure; ``star_rate_px_frame``: speed
    among the stars.
    """

    target: Target
    path: np.ndarray
    shares_e: np.ndarray
    width_px: float
    mag: float
    direction: np.ndarray
    star_rate_px_frame: float

    @property
    def electrons(self) -> float:
        return float(self.shares_e.sum())


@dataclass(frozen=True, eq=False)
class Exposure:
    """One rendered frame and everything true of it. ``index`` counts exposures, dropped ones too."""

    index: int
    data_dn: np.ndarray
    t_start: Time
    expected_e: np.ndarray  # without targets
    stars_e: np.ndarray  # light of the stars alone
    seen: tuple[Seen, ...]
    host: State
    recorded_pointing_deg: tuple[float, float, float]
    n_hits: int
    faults: list[str] = field(default_factory=list)
