"""The system's watchdog: told by the payload's own loop that it goes on, as long as no piece of work hangs (sd_notify)."""

import contextlib
import os
import socket

STUCK_PERIODS = 20.0  # a set's search that takes so many periods has hung


def notify(text: str) -> bool:
    """Tell the service manager something, if there is one that listens (``NOTIFY_SOCKET``)."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one, contextlib.suppress(OSError):
        one.connect("\0" + path[1:] if path.startswith("@") else path)
        one.sendall(text.encode())
        return True
    return False


def every_s() -> float | None:
    """How often the watchdog wants to hear: twice in its time (``WATCHDOG_USEC``); None if nobody watches."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) * 0.5e-6 if microseconds.isdigit() and int(microseconds) > 0 else None
