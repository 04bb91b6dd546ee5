"""The command ``firmware-sim``. Its verbs come with the simulated processor; this version only answers for itself."""

import sys

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from sensorproc import __version__

app = App(
    name="firmware-sim",
    help="The simulated payload processor. This version has no verbs yet: see the changelog.",
    version=__version__,
    help_format="plaintext",
)


def run() -> None:
    """Entry point of the console script."""
    try:
        app(sys.argv[1:] or ["--help"], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        print(f"firmware-sim: {' '.join(str(error).split())} (see firmware-sim --help)", file=sys.stderr)
        sys.exit(2)
