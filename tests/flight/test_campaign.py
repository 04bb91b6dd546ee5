"""The fault campaign, and faults from the command line."""

import pytest

from firmware_sim.scenarios.campaign import campaign
from firmware_sim.scenarios.operations import FAULTS
from firmware_sim.scenarios.scenario import load, with_faults
from sensorproc.errors import UsageError
from tests.flight.conftest import MINI


def test_faults_of_every_kind_leave_no_product_silently_wrong(recording):
    """Each kind a few times: what it broke is right again, flagged, or absent and accounted for."""
    rows = campaign(recording, load(MINI), 3, 5)
    assert {row.kind for row in rows} == set(FAULTS)
    assert sum(row.n_injected for row in rows) == 3 * (len(FAULTS) + 2)
    assert [(row.kind, row.n_wrong) for row in rows if row.n_wrong] == []
    by_kind = {row.kind: row for row in rows if row.processor == "host"}
    assert by_kind["seu"].n_corrected == 3
    assert all(by_kind[kind].n_flagged == 3 for kind in ("stuck", "torn", "lost"))
    assert sum(by_kind["squeeze"].absent.values()) > 0
    assert by_kind["hang"].longest_restart_s <= 10.0


@pytest.mark.parametrize(("text", "kinds"), [("seu=6,hang@120", ["seu", "hang"]), ("outage@3e2", ["outage"]), (None, [])])
def test_faults_can_be_given_on_the_command_line(text, kinds):
    assert [fault.kind for fault in with_faults(load(MINI), text).operations.faults] == kinds


@pytest.mark.parametrize("text", ["gremlin=1", "seu", "seu=x", "hang@-5", "seu=1,,"])
def test_faults_that_do_not_exist_are_told(text):
    with pytest.raises(UsageError, match="--inject"):
        with_faults(load(MINI), text)
