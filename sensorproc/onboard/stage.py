"""What a stage is, and how it is run: by a plain call, or by whoever stands between the stages of a set."""

from collections.abc import Callable
from typing import Any, TypeVar

Do = Callable[..., Any]  # runs a stage, given with its arguments, and returns its result
Stage = TypeVar("Stage", bound=Callable[..., Any])


def call(stage: Callable[..., Any], *arguments: Any) -> Any:
    """The plain ``do``. The simulated processor passes its own, which charges time and injects faults between stages."""
    return stage(*arguments)


def stage(bytes_px: float, bytes_item: float = 0.0) -> Callable[[Stage], Stage]:
    """Mark a function as a stage, with the bytes it moves, from which its time on other processors is foretold.

    ``bytes_px`` are bytes read and written for each pixel of a frame, counted over the stage's passes; ``bytes_item`` those for
    each item of the stage's own kind.
    """

    def marked(function: Stage) -> Stage:
        function.moved_bytes = bytes_px, bytes_item  # type: ignore[attr-defined]
        return function

    return marked


def moved_bytes(function: Callable[..., Any]) -> tuple[float, float]:
    """Bytes that a stage moves for a pixel and for an item."""
    bytes_px, bytes_item = getattr(function, "moved_bytes", (0.0, 0.0))
    return float(bytes_px), float(bytes_item)
