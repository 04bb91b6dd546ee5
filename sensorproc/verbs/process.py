"""``sensorproc process``: the onboard chain on recorded frames, then downlink and decode."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from sensorproc.downlink.dictionary import NOT_OF_FRAMES
from sensorproc.verbs.console import emit_json, note, progress

DataMode = Literal["REAL", "TEST", "SIMULATED", "EXERCISE"]

MOST_NAMED = 12  # Frames of one reason that are named.


def process(
    recording: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    payload: str | None = None,
    quality: str | None = None,
    calibration: Path | None = None,
    stars: Path | None = None,
    marking: str | None = None,
    data_mode: DataMode | None = None,
    independent: bool = False,
    keep_stages: bool = False,
    state_in: Path | None = None,
    state_out: Path | None = None,
    json: bool = False,
) -> int:
    """Run the onboard chain on recorded frames, then downlink and decode.

    Parameters
    ----------
    recording
        FITS file, cube or folder; folder of PNG or TIFF; SER file.
    out
        folder for the products; made if absent.
    payload
        TOML file or preset name; what it leaves out comes from headers or is estimated.
    quality
        what the payload spends: full, lean, survival, or a TOML file of settings that go before the payload's.
    calibration
        folder with badpix.csv[.gz] (x, y, dark_e_per_s, kind).
    stars
        star table as CSV, CSV.gz or ECSV with ra_deg, dec_deg, mag; else the recording's own, else the shipped one.
    marking
        classification marking, for messages.
    data_mode
        data mode, for messages.
    independent
        the frames are no sequence: each is searched and solved alone.
    keep_stages
        also write residuals, noise, flags, starlight and candidates of every set to OUT/stages: FITS, 13 bytes a pixel and frame.
    state_in
        state that an earlier run wrote with --state-out: what the payload has learnt of its detectors and optics.
    state_out
        FITS file for the state after the last set.
    json
        print the summary as JSON.
    """
    from sensorproc import processing, state_file
    from sensorproc.config import Config, load, with_quality
    from sensorproc.errors import InputError
    from sensorproc.ground import release
    from sensorproc.onboard.frame.binning import binned_shape
    from sensorproc.recording import open_recording, sidecar
    from sensorproc.review.report import write_report
    from sensorproc.review.view import SetViews
    from sensorproc.run_folder.building import building
    from sensorproc.run_folder.facts import command_line, program_facts

    config = with_quality(load(payload) if payload else Config(), quality)
    config = replace(config, frame_set=replace(config.frame_set, independent=independent or config.frame_set.independent))
    given = config.release
    mark = release.check(marking or given.marking, data_mode or given.data_mode, given.source, given.originator)
    source = open_recording(recording)
    table = sidecar.star_table(stars) if stars else None
    if calibration is not None:
        dark_e_s, bad = sidecar.calibration(calibration, source.entries[0].shape)
        source = replace(source, dark_e_s=dark_e_s, bad=bad)
    states = state_file.read_states(state_in, config.sensor.binning) if state_in else {}
    if state_in:
        shapes = {entry.detector: binned_shape(entry.shape, config.sensor.binning) for entry in source.entries}
        state_file.demand_shapes(states, shapes, state_in)
    options = {"payload": payload, "quality": quality, "calibration": calibration, "stars": stars, "marking": marking,
               "data-mode": data_mode, "independent": independent or None, "keep-stages": keep_stages or None,
               "state-in": state_in}  # fmt: skip
    argv = command_line("process", recording, options)
    for text in source.notes:
        note(f"using {text}")
    views = SetViews()
    with building(out, program_facts(argv), (recording, stars, calibration, state_in)) as run:
        with progress("processing") as report:
            onlookers = processing.Onlookers(report, views, keep_stages)
            outcome = processing.process(source, config, table, mark, run, onlookers, states)
        write_report(run.folder / "report.html", source.path.name, outcome, views)
    if state_out:
        state_file.write_states(state_out, outcome.states, config.sensor.binning)
    rejected = [row for row in outcome.decoded.tables["events"] if row["severity"].startswith("WARNING")]
    reasons = _rejections([(row["event"], row["frame"]) for row in rejected if row["event"] != "UNREADABLE"])
    untimed = sum("NO_TIME" in row["flags"] for row in outcome.decoded.tables["detections"])
    if untimed:
        reasons.append(f"{untimed} detections have no time (flag NO_TIME): the recording gives none")
    reasons += [f"the recording lacks {text}" for text in outcome.missing]
    reasons += _undersampled(outcome.decoded.tables["frames"], config.sensor.binning)
    for text in (*source.doubts, *outcome.problems, *reasons, *outcome.decoded.notes):
        note(f"note: {text}")
    summary = _summary(outcome, out)
    if json:
        emit_json(summary)
    else:
        print(_text(summary))
    return 0 if outcome.n_processed else InputError.exit_code


def _rejections(rejected: list[tuple[str, int]]) -> list[str]:
    """A sentence for each reason with the frames it rejected, or the first frames of the sets it is told of, given as pairs of
    both."""
    frames: dict[str, list[int]] = {}
    for reason, frame in rejected:
        frames.setdefault(reason, []).append(frame)
    told = []
    for reason, found in frames.items():
        named = ", ".join(map(str, found[:MOST_NAMED])) + (", ..." if len(found) > MOST_NAMED else "")
        many, s = len(found) > 1, "s" if len(found) > 1 else ""
        if reason in NOT_OF_FRAMES:
            told.append(f"{reason} in {len(found)} set{s} (beginning with frame{s} {named})")
        else:
            frames_of = f"{len(found)} frames rejected: {reason} (frames {named})"
            told.append(frames_of if many else f"frame {named} rejected: {reason}")
    return told


def _undersampled(frames: list[dict], binning: int) -> list[str]:
    """A sentence for frames whose stars are as narrow as any PSF that is modelled; of frames whose pixels are summed."""
    from sensorproc.onboard.stars.psf import NARROWEST_FWHM_PX

    narrow = [row for row in frames if 0.0 < row["psf_fwhm_px"] < 1.02 * NARROWEST_FWHM_PX * binning]
    if not narrow:
        return []
    summed = f" of {binning} x {binning} px summed" if binning > 1 else ""
    return [
        f"{len(narrow)} frames are undersampled: their stars are no wider than {NARROWEST_FWHM_PX:.1f} pixels{summed}, and hits "
        "and warm pixels may pass for objects"
    ]


def _summary(outcome, out: Path) -> dict:  # type: ignore[no-untyped-def]
    from sensorproc.ground.table_columns import PROCESSED

    tables = outcome.decoded.tables
    streaks = [row for row in tables["detections"] if row["tracklet_id"] < 0]
    return {
        "out": str(out),
        "n_frames": outcome.n_frames,
        "n_processed": outcome.n_processed,
        "n_rejected": sum(row["status"] != PROCESSED for row in tables["frames"]) + len(outcome.problems),
        "n_sets": outcome.n_sets,
        "tracklets": [
            {key: row[key] for key in ("tracklet_id", "n_frames", "x_px", "y_px", "vx_px_frame", "vy_px_frame", "snr", "mag")}
            for row in tables["tracklets"]
        ],
        "streaks": [{key: row[key] for key in ("frame", "x_px", "y_px", "length_px", "angle_deg", "snr")} for row in streaks],
        "downlink_bytes": (out / "downlink.bin").stat().st_size,
        "written": list(outcome.decoded.written),
    }


def _text(summary: dict) -> str:
    lines = [
        f"{summary['n_frames']} frames in {summary['n_sets']} sets, {summary['n_processed']} processed, "
        f"{len(summary['tracklets'])} tracklets, {len(summary['streaks'])} single-frame streaks, "
        f"{summary['downlink_bytes']} bytes downlinked"
    ]
    for row in summary["tracklets"]:
        mag = f"mag {row['mag']:.2f}" if row["mag"] == row["mag"] else "no mag"
        lines.append(
            f"  tracklet {row['tracklet_id']}: {row['n_frames']} frames, ({row['x_px']:.2f}, {row['y_px']:.2f}) px, "
            f"rate ({row['vx_px_frame']:+.3f}, {row['vy_px_frame']:+.3f}) px/frame, SNR {row['snr']:.1f}, {mag}"
        )
    for row in summary["streaks"]:
        lines.append(
            f"  streak in frame {row['frame']}: middle ({row['x_px']:.1f}, {row['y_px']:.1f}) px, "
            f"length {row['length_px']:.0f} px, angle {row['angle_deg']:+.2f} deg, SNR {row['snr']:.1f}"
        )
    return "\n".join([*lines, f"products in {summary['out']}"])
