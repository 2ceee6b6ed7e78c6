"""One kill at each of several steps, each with a Telegram, a MiMo and a home of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bot import Bot
from tests.chaos.points import is_in_window
from tests.chaos.report import add_table
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import Message, TelegramServer

#: The name of a step, and at which pass of it the process is killed.
Step = tuple[str, int]
HEAD = ("step", "lost", "doubled", "in the window", "billed calls")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one kill, as people and the service's bill see it."""

    #: The answers, of which there should be one.
    answers: list[Message]
    billed: int
    #: What else is not as promised: its name, and whether it is so.
    faults: dict[str, bool]


@asynccontextmanager
async def open_bot(folder: Path) -> AsyncIterator[Bot]:
    """Yield a bot that is not yet started."""
    async with (
        TelegramServer() as telegram,
        MimoServer() as mimo,
        Bot(folder, telegram, mimo) as bot,
    ):
        yield bot


async def check_steps(
    title: str, steps: Iterable[Step], act: Callable[[Bot, Step], Awaitable[Outcome]], folder: Path
) -> None:
    """Let each step be acted, a few at a time; show what came of them, and see it was right."""
    gate = asyncio.Semaphore(4)

    async def run(number: int, step: Step) -> tuple[Sequence[object], list[str]]:
        async with gate, open_bot(folder / str(number)) as bot:
            return judge(bot, step, await act(bot, step))

    judged = await asyncio.gather(*(run(*numbered) for numbered in enumerate(steps)))
    add_table(f"killed at each step of {title}", HEAD, [row for row, _ in judged])
    found = [fault for _, faults in judged for fault in faults]
    assert not found, found


def judge(bot: Bot, step: Step, outcome: Outcome) -> tuple[Sequence[object], list[str]]:
    """Return the row of the table, and what is not as promised."""
    doubled = count_duplicates(outcome.answers, find_excused(bot, step, outcome.answers))
    is_lost = not outcome.answers
    faults = {
        "lost": is_lost,
        "doubled": doubled > 0,
        "a job is open": set(bot.states()) != {"done"},
        **outcome.faults,
    }
    name = " ".join(map(str, step))
    row = (name, int(is_lost), doubled, max(0, len(outcome.answers) - 1 - doubled), outcome.billed)
    return row, [f"{name}: {fault}" for fault, is_so in faults.items() if is_so]


def find_excused(bot: Bot, step: Step, answers: list[Message]) -> set[tuple[int, int]]:
    """Return the messages that may stand beside the last one: chat and id of each.

    Only a kill between Telegram's answer and its being kept excuses one. At a step where an answer
    is not on its way that can be a text so far, which goes out beside the work.
    """
    lost = find_unconfirmed(bot.telegram)
    if is_in_window(step[0]):
        return lost
    return lost & {(one.chat_id, one.message_id) for one in answers if one.text != answers[-1].text}
