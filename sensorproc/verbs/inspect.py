"""``sensorproc inspect``: what a recording holds, and what it lacks."""

from pathlib import Path

from sensorproc.verbs.console import emit_json


def inspect(file: Path, *, json: bool = False) -> int:
    """Show what a recording holds and what is missing from it.

    Parameters
    ----------
    file
        a frame, a recording or a folder of frames.
    json
        print as JSON.
    """
    import numpy as np

    from sensorproc.errors import InputError
    from sensorproc.flags import PixelFlag
    from sensorproc.recording import open_recording
    from sensorproc.timescales import utc_from_tai_ns

    recording = open_recording(file)
    rows, problems = [], [problem.reason for problem in recording.problems]
    first = None
    for k, entry in enumerate(recording.entries):
        try:
            frame = entry.frame(k)
        except InputError as error:
            problems.append(str(error))
            continue
        first = first or frame
        pointing = None
        if frame.camera is not None:
            pointing = [
                float(np.degrees(v)) for v in frame.camera.radec(np.float64(frame.camera.x0_px), np.float64(frame.camera.y0_px))
            ]
        rows.append(
            {
                "frame": k,
                "source": frame.source,
                "detector": frame.detector,
                "shape": list(frame.data_dn.shape),
                "mid_exposure_utc": utc_from_tai_ns(frame.t_mid_tai_ns) if entry.has_time else None,
                "exposure_s": frame.exposure_s,
                "pointing_deg": pointing,
                "n_attitude_samples": len(frame.attitude),
                "has_observer": frame.observer is not None,
                "median_dn": float(np.median(frame.data_dn)),
                "flagged": {
                    f.name: int(((frame.flags & f.value) != 0).sum()) for f in PixelFlag if (frame.flags & f.value).any()
                },
            }
        )
    facts = {} if first is None else {k: v for k, v in vars(first.facts).items() if v is not None}
    missing = list(first.missing) if first else []
    summary = {"path": str(file), "cadence_s": recording.cadence_s, "facts": facts, "frames": rows, "missing": missing,
               "beside": list(recording.notes), "problems": problems}  # fmt: skip
    if json:
        emit_json(summary)
    else:
        print(_text(summary))
    return 0 if rows else InputError.exit_code


def _text(summary: dict) -> str:
    cadence = f"{summary['cadence_s']:.3f} s" if summary["cadence_s"] else "unknown"
    lines = [f"{summary['path']}: {len(summary['frames'])} frames, cadence {cadence}"]
    lines += [f"  {name} = {value:g}" for name, value in summary["facts"].items()]
    for row in summary["frames"]:
        ny, nx = row["shape"]
        where = "no pointing" if row["pointing_deg"] is None else "RA {:.4f} Dec {:+.4f} deg".format(*row["pointing_deg"])
        flagged = ", ".join(f"{count} {name}" for name, count in row["flagged"].items()) or "no pixel flagged"
        time = row["mid_exposure_utc"] or "no time"
        lines.append(f"  {row['frame']:4d} {row['source']}: {nx} x {ny}, {time}, {row['exposure_s']:g} s, {where}, {flagged}")
    lines += [f"  missing: {text}" for text in summary["missing"]]
    lines += [f"  beside: {text}" for text in summary["beside"]]
    lines += [f"  problem: {text}" for text in summary["problems"]]
    return "\n".join(lines)
