"""Where a run takes its stars from, and which of them a frame set may see: the cone its pointing needs, at its time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensorproc.catalog import SHIPPED, StarCatalog, shipped
from sensorproc.config import Solve
from sensorproc.geometry import radec_from_unit
from sensorproc.onboard.products import Frame
from sensorproc.onboard.state import StarTable

MAX_RADIUS_RAD = math.radians(60.0)  # beyond it a tangent plane sees nothing


@dataclass(frozen=True)
class Sky:
    """A table that was given, else the shipped one, loaded when first asked."""

    given: StarTable | None
    config: Solve

    @property
    def n_bytes(self) -> int:
        """Size of the table in memory."""
        return shipped().n_bytes if self.given is None else self.given.unit.nbytes + self.given.mag.nbytes

    def damage(self) -> tuple[list[int], str]:
        """Damaged cells of the shipped table, where it is used, and what to say of them."""
        cells = shipped().damaged_cells() if self.given is None else []
        return cells, f"{SHIPPED}: {len(cells)} damaged cells are not used; install the package again"

    def stars(self, frames: Sequence[Frame]) -> StarTable | None:
        """Stars for a frame set; None where nothing is known of them."""
        if self.given is not None or not frames:
            return self.given
        return stars_for(frames, shipped(), self.config)


def stars_for(frames: Sequence[Frame], catalog: StarCatalog, config: Solve) -> StarTable | None:
    """Stars around the boresights of a set, brightest first; None where no frame says where it points."""
    pointed = [frame for frame in frames if frame.camera is not None]
    if not pointed:
        return None
    middle = pointed[len(pointed) // 2]
    assert middle.camera is not None
    axes = np.array([frame.camera.dcm[:, 2] for frame in pointed if frame.camera is not None])
    wander = float(np.arccos(np.clip((axes @ middle.camera.dcm[:, 2]).min(), -1.0, 1.0)))
    ny, nx = middle.data_dn.shape
    half_px = math.hypot(nx, ny) / 2 + math.hypot(middle.camera.x0_px - (nx - 1) / 2, middle.camera.y0_px - (ny - 1) / 2)
    radius = math.atan((half_px + config.search_radius_px) * middle.camera.ifov_rad) + wander
    ra, dec = radec_from_unit(middle.camera.dcm[:, 2])
    cone = catalog.cone(float(ra), float(dec), min(radius, MAX_RADIUS_RAD), middle.t_mid_tai_ns)
    return StarTable(cone.unit, cone.mag)
