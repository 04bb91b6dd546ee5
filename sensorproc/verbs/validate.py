"""``sensorproc validate``: the accuracy suites, judged."""

import re
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from sensorproc.errors import ACCURACY_FAILED
from sensorproc.verbs.console import emit_json, note, progress

DEFECT = 1
USED_BY_RUN = 2  # processes by default: what the smallest machine of CI has


def validate(
    *,
    suite: str = "smoke",
    out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("out/validate"),
    seed: int = 1,
    payload: Path | None = None,
    baseline: Path | None = None,
    shard: str | None = None,
    jobs: int = USED_BY_RUN,
    json: bool = False,
) -> int:
    """Run accuracy scenarios through the whole chain and judge them: exit code 5 if a gate fails or the baseline was better.

    What is done is kept in the output folder: an interrupted run goes on where it stopped, and shards that share a
    folder are judged by a last run without --shard.

    Parameters
    ----------
    suite
        smoke (two minutes), nightly (within the hour), release, zoo (hours), or a TOML file.
    out
        folder for tasks/, result.json, report.md, junit.xml and plots; of a zoo's worst instruments pictures in worst/.
    seed
        another seed gives other skies; the same one the same numbers.
    payload
        TOML file of payload values that differ from the scenarios', or a quality (full, lean, survival): what is judged.
    baseline
        result.json of an earlier run of the same suite and seed, compared target by target.
    shard
        i/n: only this part of the skies, not judged.
    jobs
        processes.
    json
        print the result as JSON.
    """
    from firmware_sim.validation.run import gather, run_tasks, tasks
    from firmware_sim.validation.suite import load_suite
    from firmware_sim.validation.worst import write_worst
    from sensorproc.errors import UsageError
    from sensorproc.run_folder.building import adding, building
    from sensorproc.run_folder.facts import program_facts
    from sensorproc.scoring.judgement import write_judgement
    from sensorproc.scoring.verdict.baseline import demand_comparable, load_result

    if seed < 0 or jobs < 1:
        raise UsageError(f"--seed {seed} --jobs {jobs}: want a seed of 0 or more and at least one process")
    chosen, over = load_suite(suite), _payload_values(payload)
    old = load_result(baseline) if baseline else None
    if old is not None:
        demand_comparable(old, {"suite": chosen.name, "suite_digest": chosen.digest, "seed": seed})
    todo = tasks(chosen, seed, over, out)
    part, total = _shard(shard)
    with adding(out, shared=shard is not None), progress(f"validate {chosen.name}") as report:
        problems = run_tasks(todo[part::total], seed, over, jobs, report)
    for problem in problems:
        note(f"sensorproc: {problem}")
    if shard:
        print(f"shard {shard}: {len(todo[part::total]) - len(problems)} of {len(todo)} skies in {out}; judge without --shard")
        return DEFECT if problems else 0
    result = gather(todo, chosen, seed, over)
    with building(out, program_facts(["validate", f"--suite={suite}", f"--seed={seed}"])) as run:
        verdict = write_judgement(result, chosen.gates, old, run.folder)
        write_worst(run.folder / "worst", chosen, seed, result)
    if json:
        emit_json(verdict)
    else:
        print(_text(verdict, out))
    return DEFECT if problems else ACCURACY_FAILED if verdict["failed"] else 0


def _text(facts: dict[str, Any], out: Path) -> str:
    lines = [f"{facts['suite']}, seed {facts['seed']}: {facts['n_targets']} targets in {facts['n_sets']} sets"
             f" of {facts['n_finished']} skies"]  # fmt: skip
    for gate in facts["gates"]:
        lines.append(f"{gate['outcome']:>10s}  {gate['text']}")
        lines += [f"{'':>10s}    {one}" for one in gate["about"] if gate["outcome"] != "not proven"]
    lines += [f"{'WORSE' if change['is_worse'] else '':>10s}  {change['text']}" for change in facts["baseline"]]
    n, n_open = len(facts["failed"]), sum(gate["outcome"] == "not proven" for gate in facts["gates"])
    verdict = f"{n} failed" if n else "none failed"
    return "\n".join([*lines, f"{verdict}, {n_open} not proven" if n_open else verdict, f"report in {out / 'report.md'}"])


def _payload_values(path: Path | None) -> dict[str, Any]:
    """What the payload believes otherwise, checked before anything runs."""
    from sensorproc.config import parse, quality_values

    values = quality_values(path) if path else {}
    parse(values)
    return values


def _shard(text: str | None) -> tuple[int, int]:
    """First task and step of ``i/n``, i from 1."""
    from sensorproc.errors import UsageError

    if text is None:
        return 0, 1
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard {text}: want i/n with 1 <= i <= n")
    return int(match[1]) - 1, int(match[2])
