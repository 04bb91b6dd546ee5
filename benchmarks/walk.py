"""How often a reader who follows one frame set goes back to a file: from the search of the set to its packets.

    python -m benchmarks.walk [RECORDING]

The reader follows the sentence: the functions that tell the order of the stages, which are those that are given ``do``, and
every function that these name, in the order in which they are first called, down to the packets. Whenever that leads to another
file, it is opened. A *return* is a stay in a file that was left before: something there should have been read earlier, or lives
in the wrong place.

What a stage calls in turn is inside the stage and not followed. Kernels, products and their properties, settings and errors are
no stays. The set is searched for real, on one thread, so what is counted is what runs.
"""

import sys
import tempfile
from pathlib import Path
from types import CodeType, FrameType

from sensorproc import config
from sensorproc.processing import process
from sensorproc.recording import open_recording

ROOT = Path(__file__).parents[1] / "sensorproc"
FIRST, LAST, RUN = "search_set", "format_set", "process"
NOUNS = ("products.py", "pixel_ownership.py", "frames.py", "flags.py", "errors.py", "config.py", "conventions.py", "threads.py")


class Walk:
    """Order in which functions of ``sensorproc`` are entered for the first time, between the two ends of the way."""

    def __init__(self) -> None:
        self.seen: set[CodeType] = set()
        self.steps: list[tuple[str, str]] = []
        self.is_on = False

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        """The profiler's hook."""
        code = frame.f_code
        if event == "call" and code.co_name == FIRST:
            self.is_on = True
        if event == "return" and code.co_name == LAST:
            self.is_on = False
        if self.is_on and event == "call" and code not in self.seen and _is_step(code):
            self.seen.add(code)
            if _is_named_by_a_sentence(frame):
                self.steps.append((str(Path(code.co_filename).relative_to(ROOT)), code.co_name))

    def stays(self) -> list[tuple[str, list[str]]]:
        """Files in the order in which they are opened, and the functions read there."""
        found: list[tuple[str, list[str]]] = []
        for file, function in self.steps:
            if not found or found[-1][0] != file:
                found.append((file, []))
            found[-1][1].append(function)
        return found


def _is_step(code: CodeType) -> bool:
    path = Path(code.co_filename)
    is_ours = path.is_relative_to(ROOT) and "kernels" not in path.parts and path.name not in NOUNS
    return is_ours and not code.co_name.startswith("<") and code.co_name != "call"


def _is_sentence(code: CodeType) -> bool:
    """Whether a function tells the order of stages: it is given ``do``, which runs them."""
    return "do" in code.co_varnames[: code.co_argcount] or code.co_name == RUN


def _is_named_by_a_sentence(frame: FrameType) -> bool:
    """Whether a function is a sentence itself or called by one, straight or through ``do``."""
    caller = frame.f_back
    while caller is not None and (caller.f_code.co_name == "call" or caller.f_code.co_name.startswith("<")):
        caller = caller.f_back
    return _is_sentence(frame.f_code) or (caller is not None and _is_sentence(caller.f_code))


def main(recording: Path) -> int:
    """Follow the first set of a recording, and print every stay."""
    walk = Walk()
    with tempfile.TemporaryDirectory() as folder:
        sys.setprofile(walk)
        process(open_recording(recording), config.parse({"compute": {"n_threads": 1}}), None, None, Path(folder), [])
        sys.setprofile(None)
    stays = walk.stays()
    left: set[str] = set()
    for number, (file, functions) in enumerate(stays, 1):
        print(f"{number:3}  {file:40} {'RETURN' if file in left else '      '}  {', '.join(functions)}")
        left.add(file)
    print(f"{len(stays)} stays in {len(left)} files: {len(stays) - len(left)} returns to a file that was left")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "docs/sample"))
