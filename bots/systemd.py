"""Telling systemd that the program runs, lives and stops: units of Type=notify with a watchdog.

Anywhere else, where NOTIFY_SOCKET is not set, nothing is sent. Source: sd_notify(3).
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from core.clock import Clock

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


def notify(state: str) -> None:
    """Send one state to systemd, if it has started this process. Never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        # A leading @ stands for an abstract socket, which has no file.
        connection.connect("\0" + address[1:] if address.startswith("@") else address)
        connection.send(state.encode())


async def keep_alive(clock: Clock) -> None:
    """Tell systemd that the event loop runs, at half of WatchdogSec, until cancelled."""
    limit_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    is_asked = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not (limit_s and is_asked):
        await asyncio.Event().wait()
    while True:
        notify(ALIVE)
        await clock.sleep(limit_s / 2)
