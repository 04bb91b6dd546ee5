"""Memory, time and link of a payload's frame sets on a board, and what is left of each."""

from dataclasses import dataclass

from firmware_sim.board.memory import demand
from firmware_sim.board.processor_profile import Profile
from firmware_sim.cost.model import StageCost, cpu_s
from firmware_sim.flight.radio_ledger import BITS_PER_BYTE
from firmware_sim.scenarios.scenario import Board
from firmware_sim.sizing.expected import PER_FRAME, ExpectedSets, is_run, work_of
from sensorproc.catalog.sky import Sky
from sensorproc.config import Config
from sensorproc.downlink.records import DETECTION, FRAME, SET, TRACKLET
from sensorproc.onboard.footprint import footprint

PACKET_OVERHEAD = 1.1  # Headers, error control, and packets that are not full.


@dataclass(frozen=True)
class Sizing:
    """What a set of one detector takes: seconds of each stage with all cores, from the first frame on for those of a frame and
    after the last one for the others, and of one core for them all; bytes by owner of all detectors; bytes to the ground; half
    of the box of velocities."""

    sets: ExpectedSets
    profile: Profile
    board: Board
    of_frame_s: dict[str, float]
    of_set_s: dict[str, float]
    frame_core_s: float
    set_core_s: float
    needs: dict[str, int]
    packet_bytes: int
    box_px_frame: float

    @property
    def frame_s(self) -> float:
        """What a frame takes as it arrives."""
        return sum(self.of_frame_s.values())

    @property
    def alone_s(self) -> float:
        """From a set's last frame to its last stage, if nothing else is to be done."""
        return self.frame_s + self.profile.n_searches * sum(self.of_set_s.values())

    @property
    def set_s(self) -> float:
        """The same while the sets of all detectors are searched, which come at the same time and share the cores."""
        return max(self.alone_s, self.sets.n_detectors * self.profile.n_searches * self.set_core_s / self.profile.cores)

    @property
    def load(self) -> float:
        """Time that the sets of all detectors take, over that in which they come."""
        of_frames = (self.sets.n_used - 1) * self.frame_s
        core_s = self.sets.n_used * self.frame_core_s + self.profile.n_searches * self.set_core_s
        return max(self.alone_s + of_frames, self.sets.n_detectors * core_s / self.profile.cores) / self.sets.period_s

    @property
    def joule(self) -> float:
        """What the processor takes for a set of every detector, idle for the rest of its time."""
        busy_s = self.load * self.sets.period_s
        return self.profile.active_w * busy_s + self.profile.idle_w * max(self.sets.period_s - busy_s, 0.0)

    @property
    def link_s(self) -> float:
        """To send what all detectors' sets have found."""
        return self.sets.n_detectors * self.packet_bytes * BITS_PER_BYTE / self.board.link_bit_s

    @property
    def memory_bytes(self) -> int:
        return sum(self.needs.values())

    @property
    def margins(self) -> dict[str, float]:
        """What is left of memory, of time and of the link, as parts of what there is; negative where it does not fit."""
        return {
            "memory": 1.0 - self.memory_bytes / self.board.memory_of(self.profile),
            "time": 1.0 - self.load,
            "link": 1.0 - self.link_s / self.sets.period_s,
        }

    @property
    def fits(self) -> bool:
        return min(self.margins.values()) >= 0.0


def size(sets: ExpectedSets, config: Config, board: Board, profile: Profile, stages: dict[str, StageCost]) -> Sizing:
    """What the sets need of a board."""
    run = {name: cost for name, cost in stages.items() if is_run(name, sets, config)}
    core = {name: cpu_s(cost, work_of(name, sets, config), profile) * (1.0 + profile.overhead) for name, cost in run.items()}
    elapsed = {name: s * (1.0 - run[name].parallel * (1.0 - 1.0 / profile.cores)) for name, s in core.items()}
    of_frame, of_set = ({name: s for name, s in elapsed.items() if (name in PER_FRAME) is alike} for alike in (True, False))
    frame_core_s = sum(core[name] for name in of_frame)
    need = footprint(sets.shape, sets.n_frames, sets.has_dark_map)
    needs = demand(need, sets.n_detectors, board.n_sets, Sky(None, config.solve).n_bytes, board.queue_bytes)
    cores = frame_core_s, sum(core.values()) - frame_core_s
    return Sizing(sets, profile, board, of_frame, of_set, *cores, needs, packet_bytes(sets, config), config.search.box_px_frame)


def packet_bytes(sets: ExpectedSets, config: Config) -> int:
    """Bytes of a set's packets: as much as its objects are, within the budget of a set if there is one."""
    of_object = TRACKLET.size_bytes + sets.n_used * DETECTION.size_bytes
    whole = SET.size_bytes + sets.n_used * FRAME.size_bytes + sets.n_objects * of_object
    budget = config.downlink.budget_bytes_per_set
    return min(round(PACKET_OVERHEAD * whole), budget) if budget else round(PACKET_OVERHEAD * whole)
