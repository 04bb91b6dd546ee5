"""Where the console scripts begin: an interrupt ends them in one line at any time, while modules load as well."""

import signal
import sys
from collections.abc import Callable
from importlib import import_module

INTERRUPTED = 75


def run_module(module: str, name: str) -> int:
    """Exit code of a command whose ``main`` is in a module."""
    try:
        main: Callable[[], int] = import_module(module).main
        code = main()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is done: what comes now is too late
        return code
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED


def sensorproc() -> None:
    """Entry point of ``sensorproc``."""
    sys.exit(run_module("sensorproc.cli", "sensorproc"))


def firmware_sim() -> None:
    """Entry point of ``firmware-sim``."""
    sys.exit(run_module("firmware_sim.cli", "firmware-sim"))
