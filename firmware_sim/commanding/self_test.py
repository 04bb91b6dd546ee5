"""The self test: memory scrubbed, every table checked and mended."""

from dataclasses import dataclass

from firmware_sim.board.arena import FrameArena
from firmware_sim.board.table_guard import TableGuard
from sensorproc.catalog.sky import Sky
from sensorproc.downlink.telecommands import Code


@dataclass
class SelfTest:
    """Answers SELF_TEST; called by the executor."""

    arena: FrameArena | None
    tables: TableGuard
    sky: Sky

    def __call__(self) -> tuple[Code, tuple[float, float]]:
        """Tables that had to be loaded anew, and cells of the star table that are damaged even so: then the test has failed."""
        if self.arena is not None:
            self.arena.scrub()
        n_reloaded, damaged = self.tables.check_all(), self.sky.damage()[0]
        return Code.TABLE_DAMAGED if damaged else Code.NONE, (float(n_reloaded), float(len(damaged)))
