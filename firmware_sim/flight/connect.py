"""How the parts of a payload are connected: one connection a line."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def connect(parts: Mapping[str, Any], connections: str) -> None:
    """Connect ports as a text says, and see that none is left open.

    ``a.out -> b`` lets a port of ``a`` call ``b``, ``a.out -> b.put`` its method; a port with many listeners takes several
    lines, in their order. ``a.ask <- b.value`` lets ``a`` ask for an attribute of ``b`` whenever it calls the port. Blank lines
    and what follows a ``#`` are for people.

    Raises
    ------
    TypeError
        If a line names a part or a port that there is not, or a port is connected twice or not at all: a defect.
    """
    for line in connections.splitlines():
        words = line.split("#")[0].split()
        if words:
            _connect(parts, line, *words)
    still_open = [f"{name}.{port}" for name, part in parts.items() for port in _ports(part) if getattr(part, port) in (None, [])]
    if still_open:
        raise TypeError(f"ports without a connection: {', '.join(still_open)}")


def _connect(parts: Mapping[str, Any], line: str, left: str, arrow: str, right: str) -> None:
    name, port = left.split(".")
    other, *attribute = right.split(".")
    if name not in parts or other not in parts or port not in _ports(parts[name]):
        raise TypeError(f"{line.strip()!r}: no such part or port")
    target = (
        _getter(parts[other], *attribute) if arrow == "<-" else getattr(parts[other], *attribute) if attribute else parts[other]
    )
    held = getattr(parts[name], port)
    if isinstance(held, list):
        held.append(target)
    elif held is None:
        setattr(parts[name], port, target)
    else:
        raise TypeError(f"{line.strip()!r}: the port is connected already")


def _getter(part: Any, attribute: str) -> Callable[[], Any]:
    getattr(part, attribute)  # which must exist
    return lambda: getattr(part, attribute)


def _ports(part: Any) -> list[str]:
    return [f.name for f in fields(part) if f.metadata.get("is_port")] if is_dataclass(part) else []
