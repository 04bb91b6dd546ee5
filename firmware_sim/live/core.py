"""The onboard core in real time: the pipeline as the ground runs it, with no account of what its stages would cost."""

from dataclasses import dataclass

from firmware_sim.ports import Charge
from sensorproc.config import Config
from sensorproc.frames import Frame
from sensorproc.onboard.frame_set_processor import FrameSetProcessor, SearchedSet
from sensorproc.onboard.pixel_ownership import HandOver
from sensorproc.onboard.products import Prepared


@dataclass
class LiveCore:
    """Ports as those of the simulated core."""

    processor: FrameSetProcessor

    def prepare(self, frame: Frame, config: Config) -> tuple[Prepared, list[Charge]]:
        """One frame."""
        return self.processor.with_config(config).prepare(frame), []

    def search(
        self, items: HandOver[Prepared], frames: list[Frame], config: Config, ring_key: int = 0
    ) -> tuple[SearchedSet, list[Charge]]:
        """One set, its items in order of time."""
        return self.processor.with_config(config).search(items, frames), []

    def commit(self, searched: SearchedSet) -> None:
        """A set is done: its state is the next one's."""
        self.processor.commit(searched)
