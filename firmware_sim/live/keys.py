"""Who may command a payload behind a link."""

from pathlib import Path

from firmware_sim.link.address import is_loopback
from sensorproc.downlink.authentication import SHORTEST_KEY_BYTES
from sensorproc.errors import ConfigError, UsageError
from sensorproc.toml_file import read_toml

MOST_KEY_NUMBER = 65_535


def load_keys(path: Path) -> dict[int, bytes]:
    """Keys by number of a TOML file: ``[keys]``, each ``number = "hexadecimal digits"``.

    Raises
    ------
    ConfigError
        With every mistake. No key is ever shown.
    """
    values = read_toml(path)
    given = values.get("keys")
    if set(values) != {"keys"} or not isinstance(given, dict) or not given:
        raise ConfigError([f'{path}: want one table [keys], with lines like 1 = "hexadecimal digits"'])
    keys, wrong = {}, []
    for name, text in given.items():
        try:
            keys[int(name)] = bytes.fromhex(text)
            if not 0 <= int(name) <= MOST_KEY_NUMBER or len(keys[int(name)]) < SHORTEST_KEY_BYTES:
                raise ValueError
        except (ValueError, TypeError):
            told = f"want a number from 0 to {MOST_KEY_NUMBER} and at least {2 * SHORTEST_KEY_BYTES} hexadecimal digits"
            wrong.append(f"{path}: $.keys.{name}: {told}")
    if wrong:
        raise ConfigError(wrong)
    return keys


def demand_authenticated(address: tuple[str, int] | None, keys: dict[int, bytes]) -> None:
    """Demand keys for telecommands that others than this machine could send.

    Raises
    ------
    UsageError
        If there are none.
    """
    if address is not None and not keys and not is_loopback(address[0]):
        raise UsageError(f"--tc udp://{address[0]}:{address[1]}: commands from other machines want --keys")
