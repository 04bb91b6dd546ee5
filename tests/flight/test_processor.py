"""The cores: work is conserved, Amdahl's law holds for a task alone, the urgent comes first and the rest is not idle."""

from dataclasses import replace

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.board.clock import VirtualClock
from firmware_sim.board.processor_profile import load_profile
from firmware_sim.components.processor import Processor
from firmware_sim.flight.timeline import Timeline
from firmware_sim.ports import NEVER_NS, Charge
from sensorproc.timescales import NS_PER_S

S = NS_PER_S


class Bench:
    """A processor of so many cores, and tasks that are given to it at their times."""

    def __init__(self, cores):
        self.env = simpy.Environment()
        profile = replace(load_profile("host"), cores=cores)
        self.processor = Processor(self.env, VirtualClock(self.env, 0), profile, Timeline(None))
        self.ended = {}

    def task(self, name, start_ns, priority, *charges):
        def run():
            yield self.env.timeout(start_ns)
            try:
                yield from self.processor.spend(charges, name, priority)
                self.ended[name] = self.env.now
            except simpy.Interrupt:
                self.ended[name] = -1

        return self.env.process(run())

    def run(self, until_ns=10**15):
        self.env.run(until_ns)
        return self.ended


def test_a_task_alone_follows_amdahl():
    bench = Bench(4)
    bench.task(1, 0, 1, Charge("a", 2 * S, 8 * S), Charge("nothing", 0), Charge("b", 0, 4 * S))
    assert bench.run() == {1: 5 * S}
    assert bench.processor.busy_ns == 14 * S


def test_cores_that_one_task_cannot_use_work_for_the_next():
    bench = Bench(2)
    bench.task(1, 0, 1, Charge("serial", 4 * S))
    bench.task(2, 0, 1, Charge("serial", 3 * S), Charge("shared", 0, 3 * S))
    assert bench.run() == {1: 4 * S, 2: 5 * S}  # one of three shared seconds beside the first task, two over both cores


def test_urgent_work_takes_the_cores_at_once():
    bench = Bench(2)
    bench.task(1, 0, 1, Charge("search", 0, 10 * S))
    bench.task(2, 1 * S, 0, Charge("frame", 1 * S, 2 * S))
    assert bench.run() == {1: 6.5 * S, 2: 3 * S}


def test_of_equal_tasks_the_earlier_comes_first_in_every_stage():
    bench = Bench(1)
    bench.task(1, 0, 1, *[Charge("a", S)] * 3)
    bench.task(2, 1, 1, *[Charge("b", S)] * 3)
    assert bench.run() == {1: 3 * S, 2: 6 * S}


def test_a_task_that_is_stopped_leaves_its_cores():
    bench = Bench(2)
    stopped = bench.task(1, 0, 1, Charge("hang", NEVER_NS))
    bench.task(2, 0, 1, Charge("shared", 0, 4 * S))

    def stop():
        yield bench.env.timeout(2 * S)
        assert bench.processor.overdue_ns() == 2 * S
        stopped.interrupt("reset")

    bench.env.process(stop())
    assert bench.run() == {1: -1, 2: 3 * S}
    assert bench.processor.busy_ns == 6 * S
    assert not bench.processor.is_busy
    assert bench.processor.overdue_ns() == 0


def test_a_task_may_end_at_the_instant_at_which_it_is_stopped():
    bench = Bench(1)
    stopped = bench.task(1, 0, 1, Charge("search", S))

    def stop():
        yield bench.env.timeout(S)
        if stopped.is_alive:
            stopped.interrupt("reset")

    bench.env.process(stop())
    bench.run()
    assert not bench.processor.is_busy
    assert bench.processor.busy_ns == S


def test_energy_is_of_the_cores_that_work():
    bench = Bench(4)
    profile = bench.processor.profile
    bench.task(1, 0, 1, Charge("serial", 10 * S))
    bench.run(10 * S)
    fraction, joule = bench.processor.since_last_report()
    assert fraction == pytest.approx(0.25)
    assert joule == pytest.approx(10 * (profile.idle_w + 0.25 * (profile.active_w - profile.idle_w)))


CHARGES = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=4)
TASKS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1), CHARGES), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None)
@given(TASKS, st.integers(1, 5))
def test_work_is_conserved_and_no_core_does_two_things(tasks, cores):
    """Every task ends, not before it could; core time is what was charged; the most urgent is not slowed by others."""
    bench = Bench(cores)
    for k, (start, priority, charges) in enumerate(tasks):
        bench.task(k, start, priority, *(Charge(f"s{i}", *parts) for i, parts in enumerate(charges)))
    ended = bench.run()
    assert set(ended) == set(range(len(tasks)))
    for k, (start, _, charges) in enumerate(tasks):
        assert ended[k] - start >= sum(serial + shared / cores for serial, shared in charges)
    assert bench.processor.busy_ns == sum(serial + shared for _, _, charges in tasks for serial, shared in charges)
    rank = min(range(len(tasks)), key=lambda k: (tasks[k][1], tasks[k][0], k))
    first = tasks[rank]
    if all(start >= first[0] or priority > first[1] for start, priority, _ in tasks):
        alone = sum(serial - (-shared // cores) for serial, shared in first[2])
        assert ended[rank] == first[0] + alone
    for core in range(cores):
        spans = [(s.start_ns, s.end_ns) for s in bench.processor.trace if s.core == core]
        assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))
