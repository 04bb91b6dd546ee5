"""How a stage is run: by a plain call, or by whoever stands between the stages of a set."""

from collections.abc import Callable
from typing import Any

Do = Callable[..., Any]  # runs a stage, given with its arguments, and returns its result


def call(stage: Callable[..., Any], *arguments: Any) -> Any:
    """The plain ``do``. The simulated processor passes its own, which charges time and injects faults between stages."""
    return stage(*arguments)
