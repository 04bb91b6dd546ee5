"""Find out what a path holds and list its frames. Nothing is skipped in silence."""

from pathlib import Path
from typing import Any

from sensorproc.errors import InputError
from sensorproc.recording import fits, images, ser, sidecar
from sensorproc.recording.entry import Entry, Problem, Recording

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz")
READERS = ((FITS_SUFFIXES, fits.entries), ((".ser",), ser.entries), (images.SUFFIXES, images.entries))


def open_recording(path: str | Path) -> Recording:
    """The recording at a file or folder, its frames in time order.

    Files that cannot be read become problems; the rest is kept.

    Raises
    ------
    InputError
        If the path does not exist, holds no file of a known kind, or none of them can be read.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    folder = frames_folder(path)
    files = _files(folder) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: holds no frames (known kinds: {', '.join(s for group, _ in READERS for s in group)})")
    meta = sidecar.meta(folder)
    found, problems = _entries(files, meta)
    if not found:
        raise InputError("\n".join(problem.reason for problem in problems))
    found.sort(key=lambda entry: (entry.t_mid_tai_ns, entry.detector, entry.source))
    stars = sidecar.beside(folder, *sidecar.STAR_TABLES)
    bad = sidecar.beside(folder, *sidecar.BAD_PIXELS)
    dark_e_s, flags = sidecar.bad_pixels(bad, found[0].shape) if bad else (None, None)
    table = sidecar.star_table(stars) if stars else None
    notes = tuple(f"{file.name} found beside the frames" for file in (stars, bad) if file)
    return Recording(path, tuple(found), tuple(problems), table, dark_e_s, flags, notes)


def frames_folder(path: Path) -> Path:
    """The folder that holds the frames of a recording: itself, its ``frames``, or the one a single file lies in."""
    if not path.is_dir():
        return path.parent
    return path / "frames" if (path / "frames").is_dir() else path


def _files(folder: Path) -> list[Path]:
    known = tuple(suffix for group, _ in READERS for suffix in group)
    return sorted(f for f in folder.iterdir() if f.is_file() and f.name.lower().endswith(known))


def _entries(files: list[Path], meta: dict[str, Any]) -> tuple[list[Entry], list[Problem]]:
    found: list[Entry] = []
    problems: list[Problem] = []
    for file in files:
        reader = next((read for group, read in READERS if file.name.lower().endswith(group)), fits.entries)
        try:
            # an unreadable file keeps its place: the times listed in meta.json go by it, and so do frame numbers
            found.extend(reader(file, meta, len(found) + len(problems)))
        except InputError as error:
            problems.append(Problem(file.name, str(error), len(found) + len(problems)))
    return found, problems
