"""The one way from frames to records: prepare frames as they come, search the set, hand its records to the downlink.

``process`` on the ground, the simulated payload and whoever opens a notebook use the same object.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sensorproc.config import Config
from sensorproc.frames import Frame, Rejection, Taken
from sensorproc.onboard import threads
from sensorproc.onboard.frame.binning import demand_binning
from sensorproc.onboard.frame.stuck import without_stuck
from sensorproc.onboard.pipeline import prepare_all, prepare_or_reject, search_set
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Prepared, Processed
from sensorproc.onboard.records import Rows, TakenSet, Values, input_digest, moved, packed, set_rows, set_values, without_frames
from sensorproc.onboard.sky.joining import KnownObjects
from sensorproc.onboard.stage import Do, call
from sensorproc.onboard.star_table import StarTable
from sensorproc.onboard.state import PayloadState

OnSetDone = Callable[[int, Processed], object]  # looks at a set that is done, given with its number


def ignore_set(set_id: int, processed: Processed) -> None:
    """Nobody looks at the set."""


def in_order(items: Iterable[Prepared]) -> HandOver[Prepared]:
    """All items of a set in order of time, for its search to take over."""
    return HandOver(sorted(items, key=lambda item: item.t_mid_tai_ns))


class StarSource(Protocol):
    """Where stars come from: see :class:`sensorproc.catalog.sky.Sky`."""

    def stars(self, frames: Sequence[Taken]) -> StarTable | None: ...


@dataclass(frozen=True, eq=False)
class SearchedSet:
    """A searched set on its way to the downlink.

    ``rows`` are the values of its records, ``processed`` its products. ``inputs`` and ``config_digest`` say of what and how they
    were made; ``state`` is the payload's next one, ``objects`` what it then knows of those that may come again. A repeat is the
    result of an earlier set given again, without pixels.
    """

    rows: Rows
    processed: Processed
    n_processed: int
    inputs: bytes
    config_digest: bytes
    state: PayloadState
    objects: KnownObjects
    is_repeat: bool = False

    def records(self, first_id: int) -> dict[int, list[bytes]]:
        """Packed records by APID, its tracklets counted from ``first_id``."""
        return packed(self.rows, first_id)

    def as_repeat(self) -> "SearchedSet":
        """The result to be given again for the same frames: its pixels are not kept."""
        return replace(self, processed=replace(self.processed, residuals=()), is_repeat=True)

    def without(self, lost: Sequence[Rejection], n_used: int) -> "SearchedSet":
        """The result less what rests on frames that were lost, which are told as events."""
        return replace(self, rows=without_frames(self.rows, lost), n_processed=min(n_used, self.n_processed))

    def moved(self, d_frame: int, d_ns: int) -> "SearchedSet":
        """The same result of frames that come ``d_frame`` numbers and ``d_ns`` later."""
        return replace(self, rows=moved(self.rows, d_frame, d_ns))

    def set_values(self, taken: TakenSet) -> Values:
        """Fields of the SET record, but the marking and what the formatter counts."""
        values = set_values(self.processed, self.inputs, self.config_digest, taken)
        return values | {"n_processed": self.n_processed}


@dataclass(frozen=True, eq=False)
class FrameSetProcessor:
    """The onboard core with what it knows: a configuration, the stars, the state of every detector, the ``objects`` that each has
    seen, which change nothing that is measured, and the ``last`` frame of each."""

    config: Config
    sky: StarSource
    states: dict[int, PayloadState]
    objects: dict[int, KnownObjects] = field(default_factory=dict)
    last: dict[int, Frame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threads.use(self.config.compute.n_threads)

    def with_config(self, config: Config) -> "FrameSetProcessor":
        """The same payload, its states too, with another configuration."""
        return replace(self, config=config)

    def prepare(self, frame: Frame, do: Do = call) -> Prepared:
        """One frame as it arrives, or why it cannot be used."""
        demand_binning(frame, self.config.sensor.binning)
        return prepare_or_reject(frame, self.states[frame.detector], self.config.as_read_out(), do)

    def prepare_set(self, frames: Sequence[Frame]) -> list[Prepared]:
        """One detector's frames in order of time, or why they cannot be used: one that is the frame before once more is not."""
        for frame in frames:
            demand_binning(frame, self.config.sensor.binning)
        if not frames:
            return []
        prepared = prepare_all(frames, self.states[frames[-1].detector], self.config.as_read_out()).take()
        before, self.last[frames[-1].detector] = self.last.get(frames[-1].detector), frames[-1]
        return without_stuck(prepared, frames, before)

    def search(
        self, items: HandOver[Prepared], frames: Sequence[Frame], do: Do = call, told_with: Sequence[Rejection] = ()
    ) -> SearchedSet:
        """One set; the detector's state is only replaced by :meth:`commit`.

        ``items`` are its prepared frames in order of time, which are taken over, ``frames`` those that reached the payload;
        ``told_with`` it are frames of no set.
        """
        detector, last_ns = next(iter(items)).detector, max(item.t_mid_tai_ns for item in items)
        stars = self.sky.stars(frames)
        processed, state = search_set(items, self.states[detector], stars, self.config.as_read_out(), do)
        rejections = tuple(sorted([*processed.rejections, *told_with], key=lambda r: r.frame_index))
        processed = replace(processed, rejections=rejections)
        numbers, objects = self.objects.get(detector, KnownObjects()).joined(processed)
        rows = set_rows(processed, frames, last_ns, numbers)
        return SearchedSet(rows, processed, len(processed.residuals), input_digest(frames), self.config.digest(), state, objects)

    def commit(self, searched: SearchedSet) -> None:
        """A set is done: its state is the next one's."""
        self.states[searched.processed.detector] = searched.state
        self.objects[searched.processed.detector] = searched.objects
