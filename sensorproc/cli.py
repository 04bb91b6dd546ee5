"""The command ``sensorproc``: verbs by name, loaded only when called; errors to one line and an exit code."""

import sys
from pathlib import Path

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from sensorproc import __version__
from sensorproc.errors import SensorprocError
from sensorproc.run_folder.private import prepare_kernel_cache
from sensorproc.verbs.start import INTERRUPTED

USAGE, INPUT = 2, 4

app = App(
    name="sensorproc",
    help="Detections from space-surveillance frames, on board and in replay.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
VERBS = {
    "process": "The onboard chain on recorded frames, then downlink and decode.",
    "decode": "Ground side alone: packets to tables, messages and a gap report.",
    "inspect": "What a recording holds, and what it lacks.",
    "score": "A run against truth: completeness, false alarms, errors, gates, with intervals.",
    "validate": "Accuracy scenarios through the whole chain, judged by gates and against a baseline.",
    "inject": "Synthetic targets into recorded frames: exercises, and completeness on real noise.",
    "warm": "Compile the kernels now instead of at the first frame.",
    "doctor": "Is this machine ready?",
}
CONFIG_VERBS = {
    "init": "Write a preset as a starting point.",
    "check": "Check a configuration; all mistakes at once.",
    "schema": "Every key with its type, range and default.",
}
CATALOG_VERBS = {
    "build": "Make a star table from Tycho-2 and Gaia DR3.",
    "info": "What a star table holds, and whether it is intact.",
}
for verb, text in VERBS.items():
    app.command(f"sensorproc.verbs.{verb}:{verb}", name=verb, help=text)
config = App(name="config", help="Write, check and describe configurations.", help_format="plaintext")
for verb, text in CONFIG_VERBS.items():
    config.command(f"sensorproc.verbs.config:{verb}", name=verb, help=text)
app.command(config)
catalog = App(name="catalog", help="The onboard star table.", help_format="plaintext")
for verb, text in CATALOG_VERBS.items():
    catalog.command(f"sensorproc.verbs.catalog:{verb}", name=verb, help=text)
app.command(catalog)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return dispatch(app, "sensorproc", sys.argv[1:] if argv is None else argv)


def dispatch(app: App, name: str, tokens: list[str]) -> int:
    """Run a command of an app: a user's mistake becomes one line and an exit code."""
    tokens = tokens or ["--help"]
    try:
        if remark := prepare_kernel_cache(Path(__file__).parent / "onboard" / "kernels"):
            print(f"note: {remark}", file=sys.stderr)
        result = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        print(f"{name}: {' '.join(str(error).split())} (see {name} --help)", file=sys.stderr)
        return USAGE
    except SensorprocError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:  # a path that cannot be read or written
        print(f"{name}: {error.filename or 'file'}: {error.strerror or error}", file=sys.stderr)
        return INPUT
    return result if isinstance(result, int) else 0


def run() -> None:
    """The command with its exit code, as a script."""
    sys.exit(main())
