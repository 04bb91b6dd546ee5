"""Connections of a topology: what is written is connected, what is left open or written twice is a defect."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from firmware_sim.flight import topology
from firmware_sim.flight.connect import connect
from firmware_sim.ports import port, ports


@dataclass
class Source:
    out: Callable[[int], None] = port()
    heard: list[Callable[[int], None]] = ports()
    level: Callable[[], int] = port()


@dataclass
class Sink:
    height: int = 3
    taken: list[int] = field(default_factory=list)

    def take(self, number: int) -> None:
        self.taken.append(number)


PLAIN = """
    source.out   -> sink.take   # a method
    source.heard -> sink.take
    source.heard -> other.take
    source.level <- sink.height
"""


def test_ports_call_and_ask_those_they_are_connected_to():
    source, sink, other = Source(), Sink(), Sink()
    connect({"source": source, "sink": sink, "other": other}, PLAIN)
    source.out(1)
    for told in source.heard:
        told(2)
    assert (sink.taken, other.taken) == ([1, 2], [2])
    sink.height = 8
    assert source.level() == 8  # as it is when asked


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (PLAIN.replace("source.out ", "source.in "), "no such part or port"),
        (PLAIN.replace("other.take", "nobody.take"), "no such part or port"),
        (PLAIN + "source.out -> other.take", "connected already"),
        (PLAIN.replace("source.level <- sink.height", ""), "source.level"),
        (PLAIN.replace("-> sink.take\n    source.heard -> other.take", "-> sink.take").replace("source.heard -> sink.take", ""),
         "source.heard"),
    ],
)  # fmt: skip
def test_a_wrong_or_missing_connection_is_a_defect(lines, said):
    with pytest.raises(TypeError, match=said):
        connect({"source": Source(), "sink": Sink(), "other": Sink()}, lines)


def test_the_topology_fits_on_two_screens():
    text = topology.__file__
    with open(text, encoding="utf-8") as file:
        assert len(file.readlines()) <= 120
