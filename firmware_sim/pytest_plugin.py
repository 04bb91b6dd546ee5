"""Fixtures of pytest for payload teams: ``payload`` is a running payload, see ``docs/hardware.md``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from firmware_sim.bench.under_test import PayloadUnderTest

MARKER = "payload(file, *options): the payload of this test: a preset or TOML file, and more options of firmware-sim serve"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The payload of tests that do not say which."""
    parser.addini("sensorproc_payload", "preset or TOML file of the payload under test", default="star_tracker_1k")


def pytest_configure(config: pytest.Config) -> None:
    """The marker by which a test says which payload it wants."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def payload(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[PayloadUnderTest]":
    """A payload in a process of its own, ready to take frames and commands; it is stopped after the test."""
    from firmware_sim.bench.under_test import payload_under_test

    marker = request.node.get_closest_marker("payload")
    file, *options = marker.args if marker else (request.config.getini("sensorproc_payload"),)
    with payload_under_test(file, tmp_path_factory.mktemp("payload"), *map(str, options)) as tested:
        yield tested
