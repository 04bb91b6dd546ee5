"""``sensorproc inject``: synthetic targets into recorded frames."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json, note, progress


def inject(
    recording: Path,
    targets: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    seed: int | None = None,
    json: bool = False,
) -> int:
    """Render synthetic targets into recorded frames. What comes out is of data mode EXERCISE or TEST and never REAL.

    Parameters
    ----------
    recording
        what process takes; pixels of 16 bits.
    targets
        TOML file: [[target]] with name, x_px, y_px, rate_px_frame, relative_to (detector or stars) and electrons or mag;
        [[drawn]] with n, set_snr, rate_px_frame; data_mode, fwhm_px, seed.
    out
        new folder for frames/, truth.json and what lay beside the recording.
    seed
        another seed than the file's.
    json
        print as JSON.
    """
    from dataclasses import replace

    from firmware_sim.injection.inject import inject as write
    from firmware_sim.injection.settings import load_injection
    from sensorproc.errors import UsageError
    from sensorproc.recording import open_recording
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import program_facts

    if seed is not None and seed < 0:
        raise UsageError(f"--seed {seed}: want 0 or more")
    injection = load_injection(targets)
    injection = injection if seed is None else replace(injection, seed=seed)
    source = open_recording(recording)
    for problem in source.problems:
        note(f"note: {problem.reason}")
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} holds files; choose a new folder")
    with building(out, program_facts(["inject", str(recording), str(targets)])) as run, progress("injecting") as report:
        remarks = write(source, injection, run.folder, report)
    for remark in remarks:
        note(f"note: {remark}")
    n = len(injection.target) + sum(group.n for group in injection.drawn)
    facts = {"out": str(out), "n_frames": len(source.entries), "n_targets": n, "data_mode": injection.data_mode,
             "seed": injection.seed, "remarks": remarks}  # fmt: skip
    if json:
        emit_json(facts)
    else:
        print(f"{n} targets in {len(source.entries)} frames, data mode {injection.data_mode}, in {out}")
    return 0
