"""Runs of the table as JSON, as tables for people, and against one another."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.table.case import OURS, Row
from benchmarks.table.growth import Growth

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
QUIET = {"waiting": 0.05, "stolen": 0.005}  # shares of time up to which a machine was idle but for us
WORSE = 1.1  # A ratio to a peer that grew so much beyond both runs' quartiles is called worse.
Facts = dict[str, Any]  # of a run, as it is written


def facts_of(
    environment: Facts, busy: Facts, limits: dict[str, float], rows: Sequence[Row], growths: Sequence[Growth], side: int
) -> Facts:
    """All of a run."""
    told = [asdict(row) for row in rows]
    grown = [asdict(one) | {"exponents": one.exponents} for one in growths]
    return {"side_px": side, "environment": environment, "busy": busy, "limits": limits, "rows": told, "growths": grown}


def write(facts: Facts, path: Path) -> None:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def is_quiet(facts: Facts) -> bool:
    """Whether nothing else had the machine, as far as it tells; then seconds mean something, else ratios alone do."""
    return all(facts["busy"].get(name) is not None and facts["busy"][name] <= most for name, most in QUIET.items())


def as_markdown(facts: Facts) -> str:
    """The tables of a run."""
    e, busy = facts["environment"], facts["busy"]
    shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in busy.items() if share is not None) or "load not known"
    state = "quiet" if is_quiet(facts) else "beside other work: ratios alone count"
    versions = ", ".join(f"{name} {e[name]}" for name in e if name not in ("processor", "cores", "python", "commit"))
    lines = [
        f"{e['processor']}, {e['cores']} cores, Python {e['python']}, {versions}; version {e['commit']};"
        f" frames of {facts['side_px']} x {facts['side_px']} px; {shares}: {state}.", "",
        "| machine | |", "|---|---|", *(f"| {name} | {value:.1f} |" for name, value in facts["limits"].items()), "",
        "| case | way | CPU ms (quartiles) | wall ms | per CPU s | our time over its | aim | answer |",
        "|---|---|---|---|---|---|---|---|",
        *(line for row in facts["rows"] for line in _row(row)), "",
        "| growth with | of | CPU s | exponent | aim |", "|---|---|---|---|---|",
        *(line for one in facts["growths"] for line in _growth(one)),
    ]  # fmt: skip
    return "\n".join(lines)


def _row(row: Facts) -> list[str]:
    lines = []
    for way, t in row["timings"].items():
        rate = row["amount"][way] / max(t["cpu_s"], 1e-12)
        ratio = f"{row['ratios'][way]:.3g}" if way in row["ratios"] else ""
        aim = f"{row['bar'][1]:.3g}" if row["bar"] and row["bar"][0] == way else ""
        spent = f"{1e3 * t['cpu_s']:.3g} ({1e3 * t['low_s']:.3g} to {1e3 * t['high_s']:.3g})"
        name = row["case"] if way == OURS else ""
        lines.append(f"| {name} | {way} | {spent} | {1e3 * t['wall_s']:.3g} | {rate:.3g} {row['unit']} | {ratio} | {aim}"
                     f" | {row['said'].get(way, '')} |")  # fmt: skip
    return lines


def _growth(one: Facts) -> list[str]:
    values = ", ".join(f"{value:.4g}" for value in one["values"])
    return [
        f"| {one['of']}: {values} | {part} | {', '.join(f'{s:.2f}' for s in seconds)} | {one['exponents'][part]:.2f}"
        f" | {one['most'].get(part, '')} |"
        for part, seconds in one["seconds"].items()
    ]


def compare(old: Facts, new: Facts) -> str:
    """Ratios to other tools then and now, case by case: what changed with us and not with the machine."""
    before = {row["case"]: row for row in old["rows"]}
    lines = ["| case | against | before | now | change |", "|---|---|---|---|---|"]
    for row in new["rows"]:
        for way, ratio in row["ratios"].items():
            earlier = before.get(row["case"], {}).get("ratios", {}).get(way)
            if earlier is not None:
                change = ratio / earlier
                word = " WORSE" if change > WORSE and _is_beyond(before[row["case"]], row) else ""
                lines.append(f"| {row['case']} | {way} | {earlier:.3g} | {ratio:.3g} | {change:.2f}{word} |")
    return "\n".join(lines)


def _is_beyond(old: Facts, new: Facts) -> bool:
    return bool(new["timings"][OURS]["low_s"] > old["timings"][OURS]["high_s"])


def into(readme: Path, table: str) -> None:
    """Put the tables between the marks of a page."""
    text = readme.read_text("utf-8")
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    assert re.search(pattern, text, re.DOTALL), f"{readme} has no place for the tables"
    readme.write_text(re.sub(pattern, lambda _: f"{BEGIN}\n{table}\n{END}", text, flags=re.DOTALL), "utf-8")
