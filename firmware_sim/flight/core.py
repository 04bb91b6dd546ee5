"""The onboard core as the board runs it: the pipeline itself, or results it has given before for the same frames.

Stages run at once in the simulator's own time; what they cost on the modelled processor comes back beside the result.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from firmware_sim.board.bits import crc_of
from firmware_sim.cost.model import CostModel
from firmware_sim.cost.work import work_after, work_before
from firmware_sim.ports import Charge, Item, frame_number
from sensorproc.config import Config
from sensorproc.frames import Frame, Rejection
from sensorproc.onboard.frame_set_processor import FrameSetProcessor, SearchedSet
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Prepared
from sensorproc.onboard.state import PayloadState
from sensorproc.timescales import NS_PER_S


@dataclass
class RealCore:
    """The pipeline on real pixels."""

    model: CostModel
    processor: FrameSetProcessor

    @property
    def states(self) -> dict[int, PayloadState]:
        """By detector."""
        return self.processor.states

    def prepare(self, frame: Frame, config: Config) -> tuple[Prepared, list[Charge]]:
        """One frame."""
        meter = Meter(self.model)
        return self.processor.with_config(config).prepare(frame, meter), meter.charges

    def search(
        self, items: HandOver[Prepared], frames: list[Frame], config: Config, ring_key: int = 0
    ) -> tuple[SearchedSet, list[Charge]]:
        """One set, its items in order of time. The state is only replaced by :meth:`commit`."""
        meter = Meter(self.model)
        return self.processor.with_config(config).search(items, frames, meter), meter.charges

    def commit(self, searched: SearchedSet) -> None:
        """A set is done: its state is the next one's."""
        self.processor.commit(searched)


@dataclass
class ReusedCore:
    """Sets of a ring are processed when they are first seen; after that the same results come with other numbers and times, and
    the same costs, less what rests on frames that were lost. The payload's state stays that of the first round."""

    real: RealCore
    kept: dict[tuple[int, int, bytes], "Kept"] = field(default_factory=dict)
    preparation: dict[bytes, list[Charge]] = field(default_factory=dict)

    def prepare(self, frame: Frame, config: Config) -> tuple[Frame, list[Charge]]:
        """What a frame costs; it is prepared with its set."""
        key = config.digest()
        if key not in self.preparation:
            self.preparation[key] = self.real.prepare(frame, config)[1]
        return frame, self.preparation[key]

    def search(
        self, items: HandOver[Any], frames: list[Frame], config: Config, ring_key: int = 0
    ) -> tuple[SearchedSet, list[Charge]]:
        """One set, as it was found the first time that it came whole."""
        first = next(iter(items))
        usable = [item for item in items if isinstance(item, Frame)]
        key = ring_key, len(items), config.digest()
        kept = self.kept.get(key)
        if kept is None or kept.n_used < len(usable):
            done = HandOver(self.real.prepare(item, config)[0] if isinstance(item, Frame) else item for item in items)
            result, charges = self.real.search(done, frames, config)
            kept = self.kept[key] = Kept.of(result, charges, first, len(usable))
            return kept.result, kept.charges
        lost = [item for item in items if not isinstance(item, Frame)]
        part = len(usable) / max(kept.n_used, 1)
        charges = [charge.scaled(part) for charge in kept.charges]
        return kept.at(first).without(lost, len(usable)), charges

    def commit(self, searched: SearchedSet) -> None:
        """States are those of the first round."""


@dataclass
class RememberingCore:
    """Anything computed before on the same pixels, prepared and raw, under the same configuration and state, is not computed
    again; whatever differs by a bit is, or by a nanosecond between frames. The payload's state stays that of the start, so that
    sets can be compared one by one."""

    real: RealCore
    preparation: dict[tuple[int, bytes, bytes], tuple[Prepared, list[Charge]]] = field(default_factory=dict)
    kept: dict[tuple[object, ...], "Kept"] = field(default_factory=dict)

    @property
    def states(self) -> dict[int, PayloadState]:
        return self.real.states

    def prepare(self, frame: Frame, config: Config) -> tuple[Prepared, list[Charge]]:
        """One frame."""
        key = crc_of(frame.data_dn), config.digest(), self.states[frame.detector].digest()
        if key not in self.preparation:
            self.preparation[key] = self.real.prepare(frame, config)
        item, charges = self.preparation[key]
        if isinstance(item, Rejection):
            return replace(item, frame_index=frame.index, t_mid_tai_ns=frame.t_mid_tai_ns), charges
        return replace(item, facts=item.facts.of_repeat(frame)), charges

    def search(
        self, items: HandOver[Prepared], frames: list[Frame], config: Config, ring_key: int = 0
    ) -> tuple[SearchedSet, list[Charge]]:
        """One set."""
        first, raw = next(iter(items)), {frame.index: frame for frame in frames}
        detector = first.detector
        times = tuple(item.t_mid_tai_ns - first.t_mid_tai_ns for item in items)
        parts = (
            (item.frame_index - frame_number(first), item.reason) if isinstance(item, Rejection)
            else (item.facts.index - frame_number(first), crc_of(item.image_e), crc_of(raw[item.facts.index].data_dn))
            for item in items
        )  # fmt: skip
        key = (detector, times, *parts, config.digest(), self.states[detector].digest())
        kept = self.kept.get(key)
        if kept is None:
            result, charges = self.real.search(items, frames, config)
            self.kept[key] = Kept.of(result, charges, first, len(frames))
            return self.kept[key].result, charges
        return kept.at(first), kept.charges

    def commit(self, searched: SearchedSet) -> None:
        """The state stays that of the start."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A result, its costs, and which frames it was of."""

    result: SearchedSet
    charges: list[Charge]
    number: int
    t_mid_tai_ns: int
    n_used: int

    @classmethod
    def of(cls, result: SearchedSet, charges: list[Charge], first: Item | Prepared, n_used: int) -> "Kept":
        """What a set whose first frame is this one has given; its pixels are not kept."""
        return cls(result.as_repeat(), charges, frame_number(first), first.t_mid_tai_ns, n_used)

    def at(self, first: Item | Prepared) -> SearchedSet:
        """The result of the same set, taken when its first frame is this one."""
        return self.result.moved(frame_number(first) - self.number, first.t_mid_tai_ns - self.t_mid_tai_ns)


class Meter:
    """The pipeline's ``do``: runs a stage at once and writes down what it costs."""

    def __init__(self, model: CostModel):
        self.model = model
        self.charges: list[Charge] = []

    def __call__(self, stage: Callable[..., Any], *arguments: Any) -> Any:
        work = work_before(stage.__name__, arguments)
        result = stage(*arguments)
        serial_s, shared_s = self.model.core_s(stage.__name__, work_after(work, stage.__name__, result))
        self.charges.append(Charge(stage.__name__, round(serial_s * NS_PER_S), round(shared_s * NS_PER_S)))
        return result
