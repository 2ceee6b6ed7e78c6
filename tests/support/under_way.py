"""A group in which a command is under way while something of Ada's is deleted."""

from __future__ import annotations

from collections.abc import Iterator

from core.clock import Clock
from core.models import Message
from tests.support.group_talk import ADA, BEN, EVE, Group
from tests.support.loopback import ScriptedAnswerer
from tests.support.stored_rows import mentions, read_rows

OF_ADA = "- canary words were said [1]"


class Secretive(ScriptedAnswerer):
    """Repeats what only Ada has said as long as it is given that."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = {"canary": OF_ADA, "": "- Ben was there [1]"}


async def fill(group: Group) -> Group:
    """Return the group: its summaries take half a minute; Ada and Ben have written something."""
    await group.ask("remember on", EVE)
    await group.say("canary words", ADA)
    await group.say("of Ben", BEN)
    answerer = Secretive()
    answerer.latency_s = 30.0
    group.loopback.answering.answerer = group.loopback.answerer = answerer
    return group


async def begin(group: Group, clock: Clock, command: str, **changes: object) -> Message:
    """Let Ben send a command, and return it when its work is under way."""
    name, _, text = command.partition(" ")
    message = group.write(BEN, command=name, text=text, **changes)
    await group.loopback.inbox.accept(message)
    await clock.sleep(5)
    return message


async def left(group: Group) -> list[str]:
    """Return the places at which something of Ada's is stored."""
    return [*mentions(await read_rows(group.loopback.store), "canary")]


def texts(group: Group, message: Message) -> Iterator[str]:
    return (f"{reply.quote}{reply.text}" for reply in group.answers(message))
