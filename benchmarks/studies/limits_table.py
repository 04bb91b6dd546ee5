"""Tables of ``docs/detection.md`` from runs of the suites ``limits`` and ``false_alarms``, and its pictures.

Usage: python -m benchmarks.studies.limits_table OUT/result.json [--svg FILE] [--reliability FILE]
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from sensorproc.scoring.figures.intervals import Estimate, wilson
from sensorproc.scoring.figures.metrics import estimate, select
from sensorproc.scoring.presentation.plots import completeness_svg
from sensorproc.scoring.presentation.reliability import reliability_svg

MOVERS = {
    "movers": "body-fixed, 0.5-4 px/frame against the stars",
    "stare": "sidereal stare, the same",
    "track": "rate track, 0-1 px/frame over the detector",
    "slow": "stare, 0.3-0.5 px/frame",
    "creeping": "stare, 0.05-0.3 px/frame",
    "crowded": "Milky Way",
    "tumbling": "tumbling, 1.8 mag peak to peak",
    "glinting": "glinting, 1.5 mag",
    "hits_100": "100 hits per 1024 x 1024, 1 % hot pixels",
    "hits_900": "900 hits, 1 % hot pixels",
    "hits_100_hot": "100 hits, 10 % hot pixels",
}
EMPTY = {"empty_body": "body-fixed", "empty_stare": "sidereal stare", "empty_track": "rate track"}
CROWDED = {"empty_crowded": "Milky Way"}
STORMS = {
    "empty_hits_100": "100 hits, 1 % hot",
    "empty_hits_100_hot": "100 hits, 10 % hot",
    "empty_hits_900": "900 hits, 1 % hot",
    "empty_hits_900_hot": "900 hits, 10 % hot",
}
CLAIMS = ("false_alarms_over_expected", "false_alarms_over_expected_0.3", "false_alarms_over_expected_0.1")


def interval(e: Estimate, digits: int = 2) -> str:
    """Value and interval as text."""
    return f"{e.value:.{digits}f} ({e.low:.{digits}f} to {e.high:.{digits}f})" if e.n else "-"


def found(e: Estimate) -> str:
    """Found of all."""
    return f"{round(e.value * e.n)}/{e.n}" if e.n else "-"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--reliability", type=Path)
    options = parser.parse_args(argv)
    result = json.loads(options.result.read_text("utf-8"))
    rows, sets = result["targets"], result["sets"]
    print("| targets | n | loss [dB], 95 % | found at rho 6-7 | 7-8 | 8-9.5 | >= 9.5 | false tracks a set, 95 % | flux |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case, name in MOVERS.items():
        mine, skies = select(rows, {"case": case}), select(sets, {"case": case})
        if not skies:
            continue
        loss = estimate("loss_db", mine, skies)
        cells = [found(estimate("completeness", select(mine, {"snr": [a, b]}), skies)) for a, b in ((6, 7), (7, 8), (8, 9.5))]
        bright = found(estimate("completeness", select(mine, {"snr": [9.5, float("inf")]}), skies))
        false, flux = estimate("false_tracklets_per_set", mine, skies), estimate("flux_bias", mine, skies)
        print(
            f"| {name} | {loss.n} | {interval(loss)} | {' | '.join(cells)} | {bright} | {interval(false)} | {flux.value:+.3f} |"
        )
    print("\n| body-fixed and stare, px/frame against the stars | n | loss [dB], 95 % |")
    print("|---|---|---|")
    for low, high in ((0.5, 0.8), (0.8, 1.2), (1.2, 2.0), (2.0, 4.0)):
        loss = estimate("loss_db", select(rows, {"case": ["movers", "stare"], "star_rate_px_frame": [low, high]}), [])
        print(f"| {low}-{high} | {loss.n} | {interval(loss)} |")
    print("\n| empty skies, reported down to 1 expected | sets | observed / expected at 1 | at 0.3 | at 0.1 |")
    print("|---|---|---|---|---|")
    cases = [([case], name) for case, name in (EMPTY | CROWDED).items()] + [(list(EMPTY), "the first three")]
    for chosen, name in cases:
        skies = select(sets, {"case": chosen})
        if skies:
            claims = [interval(estimate(metric, [], skies)) for metric in CLAIMS]
            print(f"| {name} | {len(skies)} | {' | '.join(claims)} |")
    print("\n| empty skies, hits per 1024 x 1024 | sets | with a false track or streak | share, 95 % |")
    print("|---|---|---|---|")
    for case, name in STORMS.items():
        skies = select(sets, {"case": case})
        if skies:
            n = sum(row["n_false"] + row["n_false_streaks"] > 0 for row in skies)
            low, high = wilson(n, len(skies))
            print(f"| {name} | {len(skies)} | {n} | {low:.3f} to {high:.3f} |")
    if options.reliability:
        options.reliability.write_text(
            reliability_svg({name: select(sets, {"case": case}) for case, name in EMPTY.items()}), "utf-8"
        )
    if options.svg:
        options.svg.write_text(completeness_svg("snr", select(rows, {"case": ["movers", "stare"]})), "utf-8")


if __name__ == "__main__":
    main()
