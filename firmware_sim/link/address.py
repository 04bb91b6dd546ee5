"""Addresses of links as they are written: ``tcp://HOST:PORT`` and ``udp://HOST:PORT``."""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager

from sensorproc.errors import InputError, UsageError


def parse_address(text: str, scheme: str) -> tuple[str, int]:
    """Host and port of ``scheme://HOST:PORT``; port 0 is any that is free.

    Raises
    ------
    UsageError
        If it is written in another way.
    """
    found = re.fullmatch(rf"{scheme}://([A-Za-z0-9_.\-]+):(\d{{1,5}})", text)
    if not found or int(found[2]) > 65535:
        raise UsageError(f"{text}: want {scheme}://HOST:PORT, with a port of 0 (any that is free) to 65535")
    return found[1], int(found[2])


@contextmanager
def bound(scheme: str, address: tuple[str, int]) -> Iterator[None]:
    """While an address is taken or called.

    Raises
    ------
    InputError
        Naming the address, if the system says that it cannot be.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{written(scheme, address)}: {error.strerror or error}") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def written(scheme: str, address: tuple[str, int]) -> str:
    """An address as it is written."""
    return f"{scheme}://{address[0]}:{address[1]}"


def demand_loopback(address: tuple[str, int]) -> tuple[str, int]:
    """An address that only this machine can reach.

    Raises
    ------
    UsageError
        If others could.
    """
    if not is_loopback(address[0]):
        raise UsageError(f"{address[0]}:{address[1]}: want an address of this machine alone, such as 127.0.0.1")
    return address
