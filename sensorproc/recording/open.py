"""Find out what a path holds and list its frames. Nothing is skipped in silence."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sensorproc.conventions import MOST_PX_A_SIDE
from sensorproc.errors import InputError
from sensorproc.recording import files, fits, images, ser, sidecar
from sensorproc.recording.entry import Entry, Problem, Recording
from sensorproc.recording.stamps import finer

FITS_MAGIC = b"SIMPLE  ="
SUFFIXES = (".fits", ".fit", ".fts", ".fz", ".ser", ".png", ".tif", ".tiff")
PACKED_SUFFIXES = (".gz", ".bz2")


def open_recording(path: str | Path) -> Recording:
    """The recording at a file or folder, its frames in time order.

    Files that cannot be read become problems; the rest is kept.

    Raises
    ------
    InputError
        If the path does not exist, holds no file of a known kind, none of them can be read, or they are of several instruments.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    folder = frames_folder(path)
    found_files = [f for f in files.in_order(folder) if _is_frame_file(f)] if path.is_dir() else [path]
    if not found_files:
        raise InputError(f"{path}: holds no frames (known kinds: {', '.join(SUFFIXES)}, packed or not){_recordings_below(path)}")
    meta = sidecar.meta(folder)
    found, problems, ignored = _entries(found_files, meta)
    if not found:
        raise InputError("\n".join([problem.reason for problem in problems] or ignored))
    lights, left_out = _lights(found)
    _demand_one_instrument(path, lights)
    lights.sort(key=lambda entry: (entry.t_mid_tai_ns, entry.detector))
    lights, finer_times = finer(lights)
    stars = sidecar.beside(folder, *sidecar.STAR_TABLES)
    bad = sidecar.beside(folder, *sidecar.BAD_PIXELS)
    dark_e_s, flags = sidecar.bad_pixels(bad, lights[0].shape) if bad else (None, None)
    table = sidecar.star_table(stars) if stars else None
    notes = tuple(f"{file.name} found beside the frames" for file in (stars, bad) if file)
    doubts = (*ignored, *left_out, *finer_times, *_doubts(lights))
    return Recording(path, tuple(lights), tuple(problems), table, dark_e_s, flags, notes, doubts)


def frames_folder(path: Path) -> Path:
    """The folder that holds the frames of a recording: itself, its ``frames``, or the one a single file lies in."""
    if not path.is_dir():
        return path.parent
    return path / "frames" if (path / "frames").is_dir() else path


def _recordings_below(path: Path) -> str:
    below = [f.name for f in sorted(path.iterdir()) if f.is_dir() and not f.name.startswith(".")] if path.is_dir() else []
    return f"; its folders may: {', '.join(below[:8])}" if below else ""


def _is_frame_file(path: Path) -> bool:
    """Whether a file has a frame's name or begins as one."""
    return _is_named_so(path) or _reader(files.head(path)) is not None


def _is_named_so(path: Path) -> bool:
    name = path.name.lower()
    for packed in PACKED_SUFFIXES:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES)


def _reader(head: bytes) -> Any:
    if head.startswith(FITS_MAGIC):
        return fits.entries
    if head.startswith(ser.MAGIC):
        return ser.entries
    return images.entries if head.startswith((images.PNG_MAGIC, *images.TIFF_MAGICS)) else None


def _entries(found_files: Sequence[Path], meta: dict[str, Any]) -> tuple[list[Entry], list[Problem], list[str]]:
    """Frames of the files, problems of those that should hold some, and what to say of others that only begin like them."""
    found: list[Entry] = []
    problems: list[Problem] = []
    ignored: list[str] = []
    for file in found_files:
        # an unreadable file keeps its place: the times listed in meta.json go by it, and so do frame numbers
        place = len(found) + len(problems)
        try:
            read = _reader(files.head(file))
            if read is None:
                raise InputError("begins as no file of frames that is known")
            new = read(file, meta, place)
            for entry in new:
                if max(entry.shape) > MOST_PX_A_SIDE:
                    ny, nx = entry.shape
                    raise InputError(f"{nx} x {ny} px: more than {MOST_PX_A_SIDE} a side do not fit the packets; cut the frames")
            found.extend(new)
        except Exception as error:  # one file of a recording may be damaged in any way, and the others are to be processed
            text = str(error) if isinstance(error, InputError) else f"not readable ({type(error).__name__}: {error})"
            text = text.splitlines()[0] if text else type(error).__name__
            text = text if str(file) in text else f"{file}: {text}"
            if _is_named_so(file) or len(found_files) == 1:
                problems.append(Problem(file.name, text, place))
            else:
                ignored.append(text)
    return found, problems, ignored


def _lights(found: Iterable[Entry]) -> tuple[list[Entry], tuple[str, ...]]:
    """Frames of the sky, and what to say of those that are calibration; all of them where there are no others."""
    everything = list(found)
    lights = [entry for entry in everything if entry.calibration is None]
    kinds = Counter(entry.calibration for entry in everything if entry.calibration)
    if not lights:
        return everything, tuple(f"all frames say that they are {kind} frames" for kind in kinds)
    return lights, tuple(f"{n} {kind} frames are not searched" for kind, n in kinds.items())


def _demand_one_instrument(path: Path, entries: Sequence[Entry]) -> None:
    named = Counter(entry.instrument for entry in entries if entry.instrument)
    if len(named) > 1:
        each = ", ".join(f"{name} ({n} frames)" for name, n in named.items())
        raise InputError(f"{path}: holds frames of {len(named)} instruments: {each}; give each a folder of its own")


def _doubts(entries: Sequence[Entry]) -> list[str]:
    """What was doubtful: of sentences that differ in their numbers only the first, with how many frames it is of."""
    alike: dict[str, list[str]] = {}
    for entry in entries:
        for text in dict.fromkeys(entry.doubts):
            alike.setdefault(re.sub(r"[\d.]+", "0", text), []).append(text)
    n = len(entries)
    return [same[0] if len(same) == n else f"{same[0]} ({len(same)} of {n} frames)" for same in alike.values()]
