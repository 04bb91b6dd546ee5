"""The benchmarks at a size of no meaning: what is timed does what it should, and the tables are what they say."""

import json

import pytest

from benchmarks.bench_process import timed
from benchmarks.court.defects import DEFECTS, places
from benchmarks.pareto import Place, pareto_svg
from benchmarks.table import of_frames, of_sets
from benchmarks.table.__main__ import README, main
from benchmarks.table.case import OURS, run
from benchmarks.table.growth import Growth, set_of
from benchmarks.table.history import BEGIN, END, as_markdown, compare, facts_of, into, is_quiet
from benchmarks.table.machine import Watch, environment, limits
from benchmarks.table.peers import HOOK, hooked

SIDE = 256


@pytest.fixture(scope="module")
def rows():
    """Every case judges its answers while it runs."""
    return [run(case, 1) for module in (of_frames, of_sets) for case in module.cases(SIDE)]


@pytest.fixture
def facts(rows):
    growth = Growth("frames", [8.0, 32.0], {"whole set": [1.0, 4.0]}, {"whole set": 1.25})
    return facts_of(environment(), Watch().told(), limits(1 << 16, 20), rows, [growth], SIDE)


def test_every_part_is_beside_somebody_elses(rows):
    assert len(rows) == 9
    for row in rows:
        assert set(row.timings) == set(row.amount)
        assert row.timings[OURS].cpu_s > 0.0
        assert row.bar is None or row.bar[0] in row.timings or row.bar[0] in {"sep", "sep with winpos", "astroscrappy"}
    assert sum(len(row.ratios) for row in rows) >= 9


def test_the_tables_hold_every_case_and_what_each_way_found(facts):
    text = as_markdown(facts)
    for row in facts["rows"]:
        assert f"| {row['case']} | {OURS} |" in text
        assert all(said in text for said in row["said"].values())
    assert "| frames: 8, 32 | whole set | 1.00, 4.00 | 1.00 | 1.25 |" in text
    assert "multiply-add, 2 threads [Gflop/s]" in text


def test_a_run_is_compared_with_an_earlier_one_by_its_ratios(facts, tmp_path, capsys):
    slower = json.loads(json.dumps(facts))
    for row in slower["rows"]:
        row["ratios"] = {way: 2.0 * ratio for way, ratio in row["ratios"].items()}
        row["timings"][OURS] |= {"low_s": 9.0, "high_s": 9.0}
    lines = compare(facts, slower).splitlines()[2:]
    assert len(lines) == sum(len(row["ratios"]) for row in facts["rows"])
    assert all("2.00 WORSE" in line for line in lines)
    assert "WORSE" not in compare(facts, json.loads(json.dumps(facts)))
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(facts), "utf-8")
    new.write_text(json.dumps(slower), "utf-8")
    main(["--compare", str(old), str(new)])
    assert "WORSE" in capsys.readouterr().out


def test_a_machine_that_tells_nothing_is_not_quiet(facts):
    assert not is_quiet(facts | {"busy": {"waiting": None, "stolen": 0.0}})
    assert not is_quiet(facts | {"busy": {"waiting": 0.2, "stolen": 0.0}})
    assert is_quiet(facts | {"busy": {"waiting": 0.01, "stolen": 0.0}})


def test_the_page_has_a_place_for_the_tables(facts, tmp_path):
    page = tmp_path / "README.md"
    page.write_text(README.read_text("utf-8"), "utf-8")
    into(page, as_markdown(facts))
    text = page.read_text("utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert as_markdown(facts) in text
    into(page, "none")
    assert f"{BEGIN}\nnone\n{END}" in page.read_text("utf-8")


def test_a_set_is_timed_stage_by_stage():
    spent = {stage: cpu_s for stage, (cpu_s, _) in timed(set_of(SIDE, 4, zeropoint_mag=21.0, hits=20.0))[0].items()}
    assert spent["whole set"] >= spent["search"] + spent["subtract_stars"] > 0.0


def test_tools_of_the_user_are_given_the_arrays(monkeypatch):
    monkeypatch.setenv(HOOK, "tests.test_benchmarks:ways_of_a_user")
    ways = hooked("search", {OURS: lambda: 0}, snr=[1.0, 2.0])
    assert ways["sum of search"]() == 3.0


def ways_of_a_user(case, snr):
    return {f"sum of {case}": lambda: sum(snr)}


def test_the_figure_of_quality_joins_what_no_other_beats():
    places = [Place("board", "full", 0.5, 2.0), Place("board", "lean", 0.6, 1.0), Place("board", "poor", 0.9, 1.5)]
    svg = pareto_svg(places)
    assert svg.count("<circle") == 3
    assert svg.count('fill="white" stroke') == 1
    assert "board, poor: 0.90 dB, 150 %" in svg


def test_every_defect_that_the_court_must_find_has_a_place_in_the_product():
    assert len(DEFECTS) == 20
    for name in DEFECTS:
        assert all(callable(getattr(owner, last)) for owner, last in places(name)), name
