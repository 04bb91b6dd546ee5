"""What verbs share: JSON on stdout, and a progress bar that is a few lines where there is no terminal."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any


def emit_json(value: Any) -> None:
    """Print a result as JSON; what is not a finite number becomes null."""
    print(json.dumps(plain(value), indent=1))


def plain(value: Any) -> Any:
    """The value as JSON can hold it: what is not a finite number becomes null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def note(text: str) -> None:
    """One line of log."""
    print(text, file=sys.stderr)


@contextmanager
def progress(label: str) -> Iterator[Callable[[str, int, int], None]]:
    """A reporter ``(stage, done, total)``: a bar on a terminal, else one line per step."""
    if not sys.stderr.isatty():
        yield lambda stage, done, total: note(f"{label}: {stage} {min(done + 1, total)}/{total}") if done < total else None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda stage, done, total: bar.update(task, completed=done, total=total, description=f"{label}: {stage}")
