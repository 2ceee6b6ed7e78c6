"""One kill at each of several steps, each with its own Telegram, MiMo and data folder."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.chaos.points import is_in_window
from tests.chaos.report import add_table
from tests.chaos.running_program import RunningProgram
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import Message, TelegramServer

#: The name of a step, and the pass at which the process is killed.
Step = tuple[str, int]
HEAD = ("step", "lost", "duplicates", "allowed repeats", "billed calls")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one kill: what people see and what the engine bills."""

    #: The final replies; there should be one.
    answers: list[Message]
    billed: int
    #: Further faults: description -> whether it occurred.
    faults: dict[str, bool]


@asynccontextmanager
async def open_bot(folder: Path) -> AsyncIterator[RunningProgram]:
    """Yield a bot that has not been started."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        RunningProgram(folder, telegram, mimo) as bot,
    ):
        yield bot


class Killable(Protocol):
    """What may be killed: one process, or several on one database."""

    telegram: TelegramServer

    def states(self) -> Counter[str]:
        """Return the number of jobs in each state."""


Bot = TypeVar("Bot", bound=Killable)


async def check_steps(
    title: str,
    steps: Iterable[Step],
    act: Callable[[Bot, Step], Awaitable[Outcome]],
    folder: Path,
    open_one: Callable[[Path], AbstractAsyncContextManager[Any]] = open_bot,
) -> None:
    """Run `act` for each step, a few at a time; report a table and fail on any fault.

    open_one: yields what is killed.
    """
    gate = asyncio.Semaphore(4)

    async def run(number: int, step: Step) -> tuple[Sequence[object], list[str]]:
        async with gate, open_one(folder / str(number)) as bot:
            return evaluate(bot, step, await act(bot, step))

    evaluated = await asyncio.gather(*(run(*numbered) for numbered in enumerate(steps)))
    add_table(f"killed at each step of {title}", HEAD, [row for row, _ in evaluated])
    found = [fault for _, faults in evaluated for fault in faults]
    assert not found, found


def evaluate(bot: Killable, step: Step, outcome: Outcome) -> tuple[Sequence[object], list[str]]:
    """Return the row of the table and the faults."""
    duplicates = count_duplicates(outcome.answers, find_allowed(bot, step, outcome.answers))
    is_lost = not outcome.answers
    faults = {
        "lost": is_lost,
        "duplicates": duplicates > 0,
        "a job is open": set(bot.states()) != {"done"},
        **outcome.faults,
    }
    name = " ".join(map(str, step))
    row = (
        name,
        int(is_lost),
        duplicates,
        max(0, len(outcome.answers) - 1 - duplicates),
        outcome.billed,
    )
    return row, [f"{name}: {fault}" for fault, is_so in faults.items() if is_so]


def find_allowed(bot: Killable, step: Step, answers: list[Message]) -> set[tuple[int, int]]:
    """Return chat and id of the messages that may precede the last one.

    Only a kill between Telegram's response and its commit allows one. At a step that sends no reply
    it can only be a partial text, which is sent in parallel.
    """
    unconfirmed = find_unconfirmed(bot.telegram)
    if is_in_window(step[0]):
        return unconfirmed
    return unconfirmed & {
        (one.chat_id, one.message_id) for one in answers if one.text != answers[-1].text
    }
