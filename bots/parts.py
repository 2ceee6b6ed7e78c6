"""The parts of the program: together in one process, or each in processes of its own."""

from __future__ import annotations

from enum import StrEnum


class Part(StrEnum):
    """What a process does."""

    #: Receives messages from Telegram and Discord.
    INTAKE = "intake"
    #: Runs jobs and sends the replies.
    WORKER = "worker"
    #: Serves the page and the API.
    WEB = "web"


EVERYTHING = frozenset(Part)

#: Ports after WEB_PORT on which parts without a page answer health checks, so that processes with
#: the same settings may share a machine.
HEALTH_PORTS = {Part.WORKER: 1, Part.INTAKE: 2}
