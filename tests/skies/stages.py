"""What the stages of one set were given and gave, for tests that begin in the middle of the pipeline."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from sensorproc.config import Config
from sensorproc.frames import Frame
from sensorproc.onboard import pipeline
from sensorproc.onboard.state import PayloadState


@dataclass
class Stages:
    """By name of the stage: arguments and result of its first call. ``state`` is that after the set."""

    arguments: dict[str, tuple] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    state: PayloadState = field(default_factory=PayloadState)


def stages_of(frames: Sequence[Frame], state: PayloadState | None = None) -> Stages:
    """Process a set as a payload would that has no configuration of its own."""
    kept = Stages()

    def do(stage, *arguments):
        kept.arguments.setdefault(stage.__name__, arguments)
        result = stage(*arguments)
        if stage.__name__ not in kept.results:
            kept.results[stage.__name__] = deepcopy(result)  # the stages after it may change its pixels
        return result

    _, kept.state = pipeline.process_set(frames, state or PayloadState(), None, Config(), do)
    return kept
