"""Jobs that are open when the database moves are answered once, in order, by whoever runs next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.notes import make_notes, read_number
from tests.chaos.running_program import RunningProgram, wait_for
from tests.chaos.unconfirmed import count_duplicates, find_unconfirmed
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.hearsay_command import Hearsay
from tests.support.postgresql import PostgresServer

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

PEOPLE, NOTES = 3, 6
STATES = "SELECT state FROM jobs ORDER BY seq"
#: What a process leaves that was killed: half a minute later, it counts no more.
TRACES = ("DELETE FROM leases", "DELETE FROM procrastinate_workers")
#: The number of a note, by person and message.
Notes = dict[tuple[int, int], int]


async def send(telegram: TelegramServer) -> Notes:
    """Send notes of several people in turn."""
    people = [telegram.add_user(f"Person {number}") for number in range(PEOPLE)]
    sent = {}
    for number, sound in (await make_notes(range(1, NOTES + 1))).items():
        person = people[number % PEOPLE]
        sent[person, telegram.send_voice(person, person, sound, duration=2)] = number
    return sent


async def kill_at_work(bot: RunningProgram, postgresql: PostgresServer | None, name: str) -> None:
    """Start the program, and kill it while half of the jobs run and the others wait."""

    def is_at_work() -> bool:
        rows = postgresql.execute(STATES, name) if postgresql else bot.rows(STATES)
        return [state for (state,) in rows] == ["running"] * PEOPLE + ["waiting"] * PEOPLE

    await bot.start()
    await wait_for(is_at_work, 60, every_s=0.1)
    await bot.kill()


def check_answers(telegram: TelegramServer, notes: Notes) -> None:
    """Check that each note has one answer, and that those of a chat are in order."""
    unconfirmed = find_unconfirmed(telegram, within_s=60)
    for (person, message), number in notes.items():
        answers = telegram.replies_to(person, message)
        assert {read_number(answer.text) for answer in answers} == {number}
        assert count_duplicates(answers, unconfirmed) == 0
    for person in {person for person, _ in notes}:
        heard = [read_number(answer.text) for answer in telegram.replies(person)]
        found = [number for number in dict.fromkeys(heard) if number]
        assert found == [number for (one, _), number in notes.items() if one == person]


@pytest.mark.parametrize("is_moved_back", [False, True])
async def test_open_jobs_are_answered_once(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer, postgresql: PostgresServer,
    tmp_path: Path, is_moved_back: bool,
) -> None:  # fmt: skip
    notes = await send(telegram)
    mimo.rules.latency_s = 60.0
    await kill_at_work(bot, None, "")
    hearsay, url = Hearsay(tmp_path), postgresql.create_empty()
    name, file = url.rpartition("/")[2], f"sqlite:///{bot.home / 'hearsay.db'}"
    done = await asyncio.to_thread(hearsay, "move", file, url)
    assert done.returncode == 0, done.stderr
    bot.settings["DATABASE_URL"] = url
    if is_moved_back:
        await kill_at_work(bot, postgresql, name)
        for statement in TRACES:
            postgresql.execute(statement, name)
        for path in bot.home.glob("hearsay.db*"):
            path.unlink()
        done = await asyncio.to_thread(hearsay, "move", url, file)
        assert done.returncode == 0, done.stderr
        del bot.settings["DATABASE_URL"]
    mimo.rules.latency_s = 0.0
    await bot.start()

    def is_settled() -> bool:
        rows = bot.rows(STATES) if is_moved_back else postgresql.execute(STATES, name)
        return [state for (state,) in rows] == ["done"] * NOTES

    await wait_for(is_settled, 60, every_s=0.1)
    assert await bot.stop() == 0
    check_answers(telegram, notes)
