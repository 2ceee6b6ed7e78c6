"""Backups under load, restored elsewhere: nothing is answered twice, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import pytest

from core.models import Job, JobState
from core.store.backups.restoring import SKIPPED
from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import Notes, make_note, read_number
from tests.chaos.running_program import RunningProgram, wait_for
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import open_store
from tests.support.hearsay_command import HEARSAY, Hearsay
from tests.support.paths import ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 120 if IS_LONG else 8
#: Pause between two notes, and how long one takes.
PACE_S, LATENCY_S = 0.15, 1.0
KILLS = 20


class Crowd:
    """People who send a note each, one after the other."""

    def __init__(self, telegram: TelegramServer) -> None:
        self.telegram = telegram
        self.notes: Notes = {}

    async def send(self, count: int) -> None:
        for _ in range(count):
            number = len(self.notes) + 1
            sound = await asyncio.to_thread(make_note, number)
            person = self.telegram.add_user(f"Person {number}")
            self.notes[person] = self.telegram.send_voice(person, person, sound, duration=2), number
            await asyncio.sleep(PACE_S)  # people are not all at once

    def count_replies(self) -> dict[int, int]:
        """Return how many replies each person has; each is the right one."""
        found = {}
        for person, (message, number) in self.notes.items():
            replies = self.telegram.replies_to(person, message)
            assert {read_number(one.text) for one in replies} <= {number}
            found[person] = len(replies)
        return found


async def back_up(hearsay: Hearsay) -> Path:
    done = await asyncio.to_thread(hearsay, "backup", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return Path(json.loads(done.stdout)["path"])


async def restore(backup: Path, bot: RunningProgram, folder: Path, *more: str) -> RunningProgram:
    """Restore a backup of a bot in another home; return the bot there, not started."""
    new = RunningProgram(folder / "home", bot.telegram, bot.mimo)
    shutil.copy(bot.home / "secret.key", new.home)
    done = await asyncio.to_thread(Hearsay(folder), "restore", str(backup), *more)
    assert (done.returncode, done.stderr) == (0, "")
    return new


async def read_jobs(bot: RunningProgram) -> dict[int, Job]:
    """Return the jobs of people, by their id."""
    store = open_store(bot.home)
    found = {
        int(job.message.chat.chat_id): job for job in await store.jobs.recent([*JobState], 999)
    }
    await store.close()
    return found


async def test_nothing_is_answered_twice_and_nothing_is_lost(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer, tmp_path: Path
) -> None:
    hearsay, crowd, taken = Hearsay(tmp_path), Crowd(telegram), list[Path]()
    mimo.rules.latency_s = LATENCY_S
    await bot.start()
    sending = asyncio.create_task(crowd.send(NOTES))
    while not sending.done():
        taken.append(await back_up(hearsay))
    await sending
    # The planned move: stop, back up, restore, start. Some are under way, others have not come in.
    mimo.rules.latency_s = 60.0
    await crowd.send(2)
    await wait_for(lambda: bot.states()["running"] >= 2, 60)
    taken.append(await back_up(hearsay))
    assert await bot.stop() == 0
    assert bot.states()["waiting"] + bot.states()["running"] >= 2
    mimo.rules.latency_s = 0.0
    await crowd.send(2)
    last = await back_up(hearsay)
    async with await restore(last, bot, tmp_path / "moved") as moved:
        await moved.start()
        await crowd.send(2)
        await moved.settle(NOTES + 6)
        assert await moved.stop() == 0
        assert moved.rows("pragma integrity_check") == [("ok",)]
    assert {*crowd.count_replies().values()} == {1}
    # The disaster: the bot was lost after it had answered what is open in the last backup.
    for backup in taken[:-1] if IS_LONG else ():
        await check_disaster(backup, bot, crowd, tmp_path / backup.stem)
    assert await check_disaster(taken[-1], bot, crowd, tmp_path / "last") >= 2


async def check_disaster(backup: Path, bot: RunningProgram, crowd: Crowd, folder: Path) -> int:
    """What was done at the backup is not answered again, and what was open is. Return how many."""
    before = crowd.count_replies()
    async with await restore(backup, bot, folder / "skipped", "--skip-open") as skipped:
        jobs = await read_jobs(skipped)
        dead = [one for one in jobs.values() if one.state is JobState.DEAD]
        assert {one.error for one in dead} <= {SKIPPED}
        assert {one.state for one in jobs.values()} <= {JobState.DEAD, JobState.DONE}
        if IS_LONG:
            await skipped.start()
            await skipped.settle(len(jobs))
            assert await skipped.stop() == 0
            assert crowd.count_replies() == before
    async with await restore(backup, bot, folder / "again") as again:
        jobs = await read_jobs(again)
        is_open = {person for person, job in jobs.items() if job.state is not JobState.DONE}
        assert len(is_open) == len(dead)
        await again.start()
        await again.settle(len(jobs))
        assert await again.stop() == 0
        assert again.states() == {"done": len(jobs)}
    for person, count in crowd.count_replies().items():
        assert count - before[person] <= (person in is_open)
    return len(dead)


@pytest.mark.long
async def test_a_backup_killed_at_any_moment_leaves_those_before_it(
    bot: RunningProgram, telegram: TelegramServer, mimo: MimoServer, tmp_path: Path
) -> None:
    hearsay, crowd = Hearsay(tmp_path), Crowd(telegram)
    mimo.rules.latency_s = LATENCY_S
    await bot.start()
    sending = asyncio.create_task(crowd.send(NOTES))
    good = [await back_up(hearsay)]
    for number in range(KILLS):
        await kill_backup(hearsay, random.Random(number).uniform(0.2, 1.5))
        good += [one for one in good[0].parent.glob("hearsay-*") if one not in good]
    good.append(await back_up(hearsay))
    await sending
    await bot.settle(NOTES)
    assert await bot.stop() == 0
    assert {*crowd.count_replies().values()} == {1}
    assert {*good[0].parent.iterdir()} == {*good}
    for path in good:
        done = await asyncio.to_thread(hearsay, "restore", str(path), "--check")
        assert done.returncode == 0, done.stderr
    assert not (bot.home / "backup.tmp").exists()


async def kill_backup(hearsay: Hearsay, after_s: float) -> None:
    environment = hearsay.environment({}) | {"PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HEARSAY), "backup", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    await asyncio.sleep(after_s)  # the moment is random
    if process.returncode is None:
        os.kill(process.pid, signal.SIGKILL)
    await process.wait()
