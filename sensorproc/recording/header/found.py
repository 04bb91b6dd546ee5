"""What a header said: a value and where it is from, and what was doubtful on the way."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """A value and the cards it is from."""

    value: T
    source: str


@dataclass
class Said:
    """Sentences about a header, each once: what contradicts, and what was there and could not be understood."""

    doubts: dict[str, None] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)

    def doubt(self, sentence: str) -> None:
        self.doubts.setdefault(sentence)

    def use(self, name: str, found: Found | None) -> None:
        """Note where the fact ``name`` is from."""
        if found is not None:
            self.used[name] = found.source
