"""``sensorproc score``: a run against truth."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json


def score(
    run: Path,
    *,
    truth: Path,
    json: Annotated[bool, Parameter(name="--json")] = False,
    json_file: Path | None = None,
    md: Path | None = None,
) -> int:
    """Completeness by SNR, false alarms and centroid errors of a run, with intervals.

    Parameters
    ----------
    run
        output folder of process.
    truth
        truth JSON, or a folder of SatNet annotations.
    json
        print as JSON.
    json_file
        also write the JSON here.
    md
        also write Markdown here.
    """
    import json as json_module

    from sensorproc.ground.table_reader import read_table
    from sensorproc.scoring import load_truth, to_markdown
    from sensorproc.scoring import score as score_run

    result = score_run(read_table(run / "detections.ecsv"), load_truth(truth))
    if json_file:
        json_file.write_text(json_module.dumps(result, indent=1) + "\n", "utf-8")
    if md:
        md.write_text(to_markdown(result), "utf-8")
    if json:
        emit_json(result)
    else:
        print(to_markdown(result), end="")
    return 0
