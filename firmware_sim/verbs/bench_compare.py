"""``firmware-sim bench-compare``: two results of one schedule."""

from pathlib import Path

from sensorproc.verbs.console import emit_json


def bench_compare(old: Path, new: Path, *, json: bool = False) -> int:
    """Say what has become faster or slower between two results of a bench: 6 if anything has become slower, 7 if they are not of
    the same schedule and settings.

    Parameters
    ----------
    old
        folder or results.json of the earlier one.
    new
        of the later one.
    json
        print as JSON.
    """
    from dataclasses import asdict

    from firmware_sim.bench.judgement.compare import compare, load_results

    found = compare(load_results(old), load_results(new))
    if json:
        emit_json([asdict(one) | {"verdict": one.verdict} for one in found])
    else:
        print("\n".join(one.text for one in found))
    return 6 if any(one.verdict == "slower" for one in found) else 0
