"""The command ``firmware-sim``: verbs by name, loaded only when called."""

import sys

from cyclopts import App

from sensorproc import __version__
from sensorproc.cli import dispatch

app = App(
    name="firmware-sim",
    help="The simulated sky and payload processor.",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,
)
VERBS = {
    "simulate": "Render a scenario: frames and their truth.",
    "calibrate": "Measure what stages cost on this machine.",
    "campaign": "Inject every kind of fault and judge the products.",
    "size": "Say whether a payload fits a board, before anything is rendered.",
    "serve": "Run the payload in real time, as a process behind sockets.",
    "bench": "Play frames to a payload in real time, measure it from outside, and judge.",
    "bench-compare": "Say what has become faster or slower between two results of a bench.",
    "run": "Fly a scenario in virtual time: sky, payload, downlink, ground.",
}
for verb, text in VERBS.items():
    module = verb.replace("-", "_")
    app.command(f"firmware_sim.verbs.{module}:{module}", name=verb, help=text)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return dispatch(app, "firmware-sim", sys.argv[1:] if argv is None else argv)
