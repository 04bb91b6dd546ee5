"""``sensorproc inspect``: what a recording holds, which cards say so, and what it lacks."""

from pathlib import Path

from sensorproc.verbs.console import emit_json


def inspect(file: Path, *, json: bool = False) -> int:
    """Show what a recording holds, which cards of its headers say so, and what is missing from it.

    Parameters
    ----------
    file
        a frame, a recording or a folder of frames.
    json
        print as JSON.
    """
    from sensorproc.errors import InputError
    from sensorproc.recording import open_recording

    recording = open_recording(file)
    frames, problems = [], [problem.reason for problem in recording.problems]
    for k, entry in enumerate(recording.entries):
        try:
            frames.append(entry.frame(k))
        except InputError as error:
            problems.append(str(error))
    rows = [_row(frame) for frame in frames]
    missing = _counted([text for frame in frames for text in frame.missing], len(frames))
    sources: dict[str, list[str]] = {}
    for entry in recording.entries:
        for name, source in entry.used.items():
            sources.setdefault(name, []).append(source)
    summary = {"path": str(file), "cadence_s": recording.cadence_s, "facts": _facts(frames), "sources": _firsts(sources),
               "frames": rows, "missing": missing, "doubts": list(recording.doubts), "beside": list(recording.notes),
               "problems": problems}  # fmt: skip
    if json:
        emit_json(summary)
    else:
        print(_text(summary))
    return 0 if rows else InputError.exit_code


def _row(frame) -> dict:  # type: ignore[no-untyped-def]
    import numpy as np

    from sensorproc.flags import PixelFlag
    from sensorproc.timescales import utc_from_tai_ns

    ny, nx = frame.data_dn.shape
    middle = None
    if frame.camera is not None:
        middle = [float(np.degrees(v)) for v in frame.camera.radec(np.float64((nx - 1) / 2), np.float64((ny - 1) / 2))]
    return {
        "frame": frame.index,
        "source": frame.source,
        "detector": frame.detector,
        "shape": [ny, nx],
        "mid_exposure_utc": utc_from_tai_ns(frame.t_mid_tai_ns) if frame.has_time else None,
        "exposure_s": frame.exposure_s,
        "pointing_deg": middle,
        "n_attitude_samples": len(frame.attitude),
        "has_observer": frame.observer is not None,
        "median_dn": float(np.median(frame.data_dn)),
        "flagged": {f.name: int(((frame.flags & f.value) != 0).sum()) for f in PixelFlag if (frame.flags & f.value).any()},
    }


def _facts(frames: list) -> dict:
    """Each fact: its value, or all its values where frames differ."""
    found: dict[str, list[float]] = {}
    for frame in frames:
        for name, value in vars(frame.facts).items():
            if value is not None:
                found.setdefault(name, []).append(value)
    distinct = {name: list(dict.fromkeys(values)) for name, values in found.items()}
    return {name: values[0] if len(values) == 1 else values for name, values in distinct.items()}


def _firsts(sources: dict[str, list[str]]) -> dict[str, str]:
    """The first source of each fact, and how many others there are."""
    told = {}
    for name, texts in sources.items():
        others = len(set(texts)) - 1
        told[name] = texts[0] + (f" (and {others} more like it)" if others else "")
    return told


def _counted(texts: list[str], n: int) -> list[str]:
    """Each text once, with how many of ``n`` frames it is of where it is not of all."""
    return [text if texts.count(text) == n else f"{text} ({texts.count(text)} of {n} frames)" for text in dict.fromkeys(texts)]


def _text(summary: dict) -> str:
    cadence = f"{summary['cadence_s']:.3f} s" if summary["cadence_s"] else "unknown"
    lines = [f"{summary['path']}: {len(summary['frames'])} frames, cadence {cadence}"]
    for name, value in summary["facts"].items():
        values = value if isinstance(value, list) else [value]
        lines.append(f"  {name} = {', '.join(f'{v:.7g}' for v in values[:6])}{', ...' if len(values) > 6 else ''}")
    lines += [f"  {name} from {source}" for name, source in summary["sources"].items()]
    for row in summary["frames"]:
        ny, nx = row["shape"]
        where = "no pointing" if row["pointing_deg"] is None else "RA {:.4f} Dec {:+.4f} deg".format(*row["pointing_deg"])
        flagged = ", ".join(f"{count} {name}" for name, count in row["flagged"].items()) or "no pixel flagged"
        time = row["mid_exposure_utc"] or "no time"
        lines.append(f"  {row['frame']:4d} {row['source']}: {nx} x {ny}, {time}, {row['exposure_s']:g} s, {where}, {flagged}")
    for kind in ("missing", "doubts", "beside", "problems"):
        lines += [f"  {kind.rstrip('s')}: {text}" for text in summary[kind]]
    return "\n".join(lines)
