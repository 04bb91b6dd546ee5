"""What may happen to a frame between the detector and the frame store."""

import numpy as np

from firmware_sim.scene.settings.detector import Transmission

MOST_LINES = 8


class Link:
    """Faults of every frame of a scene, drawn at once: a frame's own do not depend on which others are rendered."""

    def __init__(self, transmission: Transmission, n_frames: int, n_rows: int, seed: int):
        rng = np.random.default_rng([seed, 6])
        self.is_dropped = rng.random(n_frames) < transmission.dropped
        self.is_repeated = (rng.random(n_frames) < transmission.duplicated) & ~self.is_dropped
        self.is_dropped[0] = self.is_repeated[0] = False
        has_lost = rng.random(n_frames) < transmission.lost_lines
        first, count = rng.integers(0, n_rows, n_frames), rng.integers(1, MOST_LINES + 1, n_frames)
        ends = np.where(has_lost, first + count, first)
        self.lost_rows = [slice(int(a), int(b)) for a, b in zip(first, ends, strict=True)]

    def shown(self, frame: int) -> int:
        """The exposure whose pixels arrive as a frame: the one before, where that is delivered again."""
        while self.is_repeated[frame] or self.is_dropped[frame]:
            frame -= 1
        return frame

    def faults(self, frame: int) -> list[str]:
        """Names of what happened to a frame."""
        rows = self.lost_rows[frame]
        has_lost = rows.stop > rows.start
        named = (("dropped", self.is_dropped[frame]), ("repeated", self.is_repeated[frame]), ("lost_lines", has_lost))
        return [name for name, holds in named if holds]

    def deliver(self, data_dn: np.ndarray, frame: int) -> np.ndarray:
        """The numbers with lost lines as zeros."""
        rows = self.lost_rows[frame]
        if rows.stop == rows.start:
            return data_dn
        data = data_dn.copy()
        data[rows] = 0
        return data
