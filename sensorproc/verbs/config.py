"""``sensorproc config``: write a starting point, check a file, describe every key."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from sensorproc.verbs.console import emit_json


def init(preset: str = "geo_search_2k", *, out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None) -> int:
    """Write a preset as a starting point.

    Parameters
    ----------
    preset
        geo_search_2k, wide_420x4 or star_tracker_1k.
    out
        file to write; stdout if absent. An existing file is not overwritten.
    """
    from importlib import resources

    from sensorproc.config import PRESETS
    from sensorproc.errors import UsageError

    if preset not in PRESETS:
        raise UsageError(f"preset {preset!r}: choose from {', '.join(PRESETS)}")
    text = resources.files("sensorproc").joinpath(f"presets/{preset}.toml").read_text("utf-8")
    if out is None:
        print(text, end="")
        return 0
    if out.exists():
        raise UsageError(f"{out} exists; choose another name")
    out.write_text(text, "utf-8")
    print(f"wrote {out}")
    return 0


def check(file: str, *, json: bool = False) -> int:
    """Check a configuration; all mistakes at once.

    Parameters
    ----------
    file
        TOML file or preset name.
    json
        print as JSON.
    """
    from sensorproc.config import load

    config = load(file)
    if json:
        emit_json({"file": file, "digest": config.digest().hex()})
    else:
        print(f"{file}: valid, digest {config.digest().hex()}")
    return 0


def schema(*, json: bool = False) -> int:
    """Every key with its type, range and default.

    Parameters
    ----------
    json
        print as JSON Schema.
    """
    from pydantic import TypeAdapter

    from sensorproc.config import Config

    value = TypeAdapter(Config).json_schema()
    if json:
        emit_json(value)
        return 0
    for stage, reference in value["properties"].items():
        print(f"[{stage}]")
        for key, item in _properties(value, reference).items():
            print(f"  {key} = {item.get('default')!r}  {_limits(item)}".rstrip())
    return 0


def _properties(value: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    name = reference.get("$ref", reference.get("allOf", [{}])[0].get("$ref", "")).rsplit("/", 1)[-1]
    return value["$defs"].get(name, {}).get("properties", {})


def _limits(item: dict[str, Any]) -> str:
    words = {"exclusiveMinimum": ">", "minimum": ">=", "maximum": "<=", "exclusiveMaximum": "<"}
    parts = [f"{sign} {item[key]:g}" for key, sign in words.items() if key in item]
    options = [option for option in item.get("anyOf", []) if option.get("type") != "null"]
    parts += [_limits(option) for option in options if _limits(option)]
    parts += [f"one of {', '.join(item['enum'])}"] if "enum" in item else []
    return ", ".join(parts)
