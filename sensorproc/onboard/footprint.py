"""Memory a frame set needs, by stage: what stays resident and what a stage adds while it runs.

Bytes per pixel of a frame, counted over the arrays of this version; ``tests/onboard/test_footprint.py`` holds them to the
allocator's own count. The working memory of the kernels is in it, the libraries' code is not.
"""

from dataclasses import dataclass

RAW = 3  # Bytes a pixel and frame: uint16 pixels and uint8 flags.
PREPARED = 9  # Bytes a pixel and frame: background-free electrons and their weights as float32, flags.
# A stare without a dark map holds frames with their pattern beside those without, and solves it once more without stars.
PATTERN_PEAKS = {"subtract_fixed_pattern": (17, 43, 0), "refine_pattern": (21, 25, 0)}
# stage: (bytes per pixel and frame, bytes per pixel, bytes) at its peak, without the raw frames
PEAKS = {
    "register": (12, 40, 0),
    "subtract_stars": (12, 42, 12_000_000),  # images of the PSF at every phase
    "level_glow": (11.3, 50, 0),
    "search": (16, 15, 12_000_000),  # margins of the images that are summed
    "accept": (15.3, 10, 0),
    "single_streaks": (15.3, 27, 0),
}


@dataclass(frozen=True)
class Footprint:
    """Bytes for sets of ``n_frames`` frames of ``n_px`` pixels."""

    n_px: int
    n_frames: int
    has_dark_map: bool

    @property
    def raw_frame(self) -> int:
        return RAW * self.n_px

    @property
    def prepared_frame(self) -> int:
        return PREPARED * self.n_px

    def stages(self) -> dict[str, int]:
        """Peak of every stage that works on the whole set, raw frames not counted."""
        peaks = {} if self.has_dark_map else PATTERN_PEAKS
        return {
            name: round((per_frame * self.n_frames + once) * self.n_px) + fixed
            for name, (per_frame, once, fixed) in (PEAKS | peaks).items()
        }

    @property
    def set_peak(self) -> int:
        """Peak of a set's processing from prepared frames on, these included, raw frames not."""
        return max(self.stages().values())

    @property
    def set_work(self) -> int:
        """What the set needs beyond its raw and prepared frames."""
        return self.set_peak - self.prepared_frame * self.n_frames


def footprint(shape: tuple[int, int], n_frames: int, has_dark_map: bool) -> Footprint:
    """Footprint of sets of frames of shape (ny, nx); without a dark map, for the worse case of a stare."""
    return Footprint(shape[0] * shape[1], n_frames, has_dark_map)
