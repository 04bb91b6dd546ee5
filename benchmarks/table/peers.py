"""Other people's tools: those that are installed, and those that a user's module brings along."""

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Ways = Mapping[str, Callable[[], Any]]
HOOK = "SENSORPROC_BENCH_WAYS"


def with_peers(ways: Ways, **peers: tuple[str, Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    """The ways, and those of ``peers`` (module, way) whose module is installed."""
    return {**ways, **{name.replace("_", " "): way for name, (module, way) in peers.items() if find_spec(module)}}


def hooked(case: str, ways: Ways, **arrays: Any) -> dict[str, Callable[[], Any]]:
    """The ways, and those of the function ``module:function`` that the environment names: it is given the case and its arrays and
    gives ways by name. For tools that no package index has in one piece: KBMOD, pyradon, ASTRiDE."""
    place = os.environ.get(HOOK)
    if not place:
        return dict(ways)
    module, function = place.split(":")
    return {**ways, **getattr(import_module(module), function)(case, **arrays)}
