"""Ports for programs that are told theirs before they start."""

from __future__ import annotations

import random
import socket

#: Below those that a system gives to whoever asks for any, so that nobody gets one meanwhile.
#: Source: /proc/sys/net/ipv4/ip_local_port_range, 32768 to 60999 unless changed.
_RANGE = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody uses."""
    draw = random.SystemRandom()
    while True:
        port = draw.choice(_RANGE)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:  # taken
                continue
        return port
