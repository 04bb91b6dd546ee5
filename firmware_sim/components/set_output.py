"""The way out of the image processor: a searched set closes its dwell and becomes records for the downlink."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firmware_sim.flight.timeline import Timeline, flow_number
from firmware_sim.ports import Clock, Ledger, OpenSet, SetOut, frame_number, port
from sensorproc.frames import Rejection
from sensorproc.onboard.frame_set_processor import OnSetDone, SearchedSet
from sensorproc.onboard.records import TakenSet


@dataclass
class SetOutput:
    """Ports: clock, ledger, sets out (to the downlink manager), whoever is told of every set searched and of its first frame."""

    clock: Clock
    on_set_done: OnSetDone  # for the report
    timeline: Timeline
    ledger: Ledger = port()
    out: SetOut = port()
    done: Callable[[OpenSet, int], None] = port()
    frames_of: dict[int, list[int]] = field(default_factory=dict)  # flows of sets whose packets have not gone
    n_tracklets: int = 0
    n_degraded: int = 0

    def __call__(self, opened: OpenSet, rejections: Sequence[Rejection], result: SearchedSet, level: int) -> None:
        """A set's result, frames that were not searched, and the level of overload at which the others were."""
        if not result.is_repeat:
            self.on_set_done(opened.set_id, result.processed)
        first = min(map(frame_number, opened.items))
        self.done(opened, first)
        self.n_degraded += level > 0
        used = result.n_processed
        self.ledger.close(opened.set_id, used, "" if used else _why(rejections), level)
        self.frames_of[opened.set_id] = [flow_number(item.detector, frame_number(item)) for item in opened.items]
        records = result.records(self.n_tracklets)
        self.n_tracklets += len(result.processed.tracklets)
        taken = TakenSet(opened.set_id, first, opened.n_planned, level, opened.sigma_time_s)
        last_ns = max(item.t_mid_tai_ns for item in opened.items)
        self.out.put_set(opened.set_id, records, result.set_values(taken), last_ns, opened.period_ns)

    def set_sent(self, set_id: int, has_gone: bool) -> None:
        """The last packet of a set has gone: so far its frames have come. Or none of them will."""
        numbers = self.frames_of.pop(set_id, [])
        for number in numbers if has_gone else ():
            self.timeline.flow("f", number, "radio", self.clock.now_ns())


def _why(rejections: Sequence[Rejection]) -> str:
    """Why no frame of a set could be used: what befell most of them."""
    reasons = Counter(rejection.reason for rejection in rejections)
    return reasons.most_common(1)[0][0] if reasons else "NO_FRAMES"
