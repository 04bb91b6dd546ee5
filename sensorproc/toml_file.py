"""TOML files a user gives, and those shipped under a name: read, or told what is wrong with them."""

import tomllib
from collections.abc import Collection
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from sensorproc.errors import ConfigError, InputError


def read_toml(path: Path | Traversable, shown: str | None = None) -> dict[str, Any]:
    """Values of a file; ``shown`` names it in messages, where that is not its path.

    Raises
    ------
    InputError
        If it cannot be read.
    ConfigError
        If it is not UTF-8 or not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{shown or path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError([f"{shown or path}: not a UTF-8 text file"]) from None
    except (ValueError, RecursionError) as error:  # not TOML, a number of thousands of digits, or nested without end
        raise ConfigError([f"{shown or path}: not valid TOML: {error}"]) from None


def read_named(source: str | Path, shipped: Traversable, names: Collection[str], kind: str) -> dict[str, Any]:
    """Values of a shipped file of this name (``shipped`` / name.toml), else of the file at this path.

    Raises
    ------
    InputError
        If there is neither; the message lists the ``names`` of this ``kind``.
    ConfigError
        If it is not TOML.
    """
    if str(source) in names:
        return read_toml(shipped.joinpath(f"{source}.toml"), str(source))
    if not Path(source).is_file():
        raise InputError(f"{source}: no such file, and no {kind} ({', '.join(names)}) has this name")
    return read_toml(Path(source))
