"""The frame store: frames of open sets, checked as they come, in memory until the image processor has done with them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.bits import crc_of
from firmware_sim.ports import EventOut, Item, OpenSet, Readout, frame_number, port, rejected
from sensorproc.downlink.dictionary import Severity
from sensorproc.frames import Frame
from sensorproc.onboard.frame.stuck import repeats


@dataclass
class FrameStore:
    """Ports: frames in (from the camera) and out (to the image processor), events. Without an arena, pixels are not copied: no
    fault can reach them."""

    arena: FrameArena | None
    event: EventOut = port()
    out: Callable[[OpenSet, Item], None] = port()
    is_up: Callable[[], bool] = port()  # whether there is a processor to take frames
    sets: dict[int, OpenSet] = field(default_factory=dict)  # all that are not done
    last: dict[int, Frame] = field(default_factory=dict)  # of each detector, as it came: one that comes once more is stuck

    def open(self, opened: OpenSet) -> None:
        """A set begins."""
        self.sets[opened.set_id] = opened

    def put(self, set_id: int, readout: Readout) -> None:
        """A frame, or why there is none. A frame's second copy is thrown away, and told."""
        opened, item = self.sets.get(set_id), readout.item
        if opened is None:
            return  # the set was given up meanwhile
        if any(frame_number(item) == frame_number(other) for other in opened.items):
            self.event("FRAME_DUPLICATED", Severity.WARNING_LO, float(frame_number(item)))
            return
        if isinstance(item, Frame) and not self.is_up():
            item = rejected(item, "WATCHDOG_RESET")
        if isinstance(item, Frame):
            item = self._checked(opened, item, readout)
        opened.sigma_time_s = max(opened.sigma_time_s, readout.sigma_time_s)
        opened.items.append(item)
        self.out(opened, item)

    def _checked(self, opened: OpenSet, frame: Frame, readout: Readout) -> Item:
        before, self.last[frame.detector] = self.last.get(frame.detector), frame
        if self.arena is not None and crc_of(frame.data_dn) != readout.crc:
            return rejected(frame, "FRAME_TORN")
        if self.arena is not None and readout.crc == readout.crc_before:  # of a frame that may never have come
            return rejected(frame, "FRAME_STUCK")
        if before is not None and not self._is_taken_again(frame, before) and repeats(frame, before):
            return rejected(frame, "FRAME_STUCK")
        if self.arena is None:
            return frame
        stored = self.arena.write(frame, opened.set_id)
        if stored is None:
            return rejected(frame, "NO_MEMORY")
        held, opened.slots[frame.index] = stored
        return held

    def _is_taken_again(self, frame: Frame, before: Frame) -> bool:
        """Whether a flight without faults in its pixels takes one recorded frame again and again: no camera is stuck."""
        return self.arena is None and frame.source == before.source

    def read(self, opened: OpenSet, frame: Frame) -> Item:
        """A frame as it is about to be used: itself, or why not."""
        if self.arena is None or self.arena.read(opened.slots[frame.index]):
            return frame
        return rejected(frame, "MEMORY_ERROR")

    def read_again(self, opened: OpenSet, index: int) -> Item:
        """The frame of this number, as :meth:`read` gives it."""
        return self.read(opened, next(item for item in opened.items if isinstance(item, Frame) and item.index == index))

    @property
    def n_corrected(self) -> int:
        """Words of pixels that error correction has mended."""
        return self.arena.n_corrected if self.arena else 0

    @property
    def n_uncorrectable(self) -> int:
        """Words of pixels that it could not mend."""
        return self.arena.n_uncorrectable if self.arena else 0

    def discard(self, set_id: int) -> None:
        """A set is done, or given up."""
        self.sets.pop(set_id, None)
        if self.arena is not None:
            self.arena.release(set_id)
