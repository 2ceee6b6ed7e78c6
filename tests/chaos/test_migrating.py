"""Kills during a migration: the next start completes it, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command

from core.models import Chat, JobState, Message, Reply
from core.store import make_cipher
from core.store.database.migrate import list_revisions, make_config, open_plain
from core.store.upgrade import FOLDER
from tests.chaos.conftest import IS_LONG
from tests.chaos.kills import Outcome, Step, check_steps
from tests.chaos.notes import make_note, read_number
from tests.chaos.running_program import RunningProgram
from tests.support.clean_start import make_database, open_store

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

FIRST, LAST = list_revisions()[0], list_revisions()[-1]
#: Statements from the first schema version to the last.
STATEMENTS = 41
STEPS = [("S11 migrating", count) for count in range(1, STATEMENTS + 1)] + [("S11 migrated", 1)]
SHORT = [STEPS[STATEMENTS // 2], STEPS[-1]]


async def test_a_killed_migration_is_completed_by_the_next_start(tmp_path: Path) -> None:
    await check_steps("a migration", STEPS if IS_LONG else SHORT, kill_during_migration, tmp_path)


async def kill_during_migration(bot: RunningProgram, step: Step) -> Outcome:
    """Kill the program while it migrates an old database, and restart it."""
    ann = bot.telegram.add_user("Ann")
    await make_old_database(bot, ann)
    asked = bot.telegram.send_voice(ann, ann, make_note(7), duration=2)
    before = count_rows(bot)
    await bot.start(kill_at=step[0], kill_count=step[1], is_awaited=False)
    await bot.wait_for_exit()
    between = bot.rows("select version_num from alembic_version"), count_rows(bot)
    kept = [path.suffix for path in (bot.home / FOLDER).iterdir()]
    await bot.restart(2)
    answers = bot.telegram.replies_to(ann, asked)
    store = open_store(bot.home)
    jobs = await store.jobs.recent([JobState.DONE])
    await store.close()
    faults = {
        "half migrated": between != ([(FIRST,)], before),
        "not migrated": bot.rows("select version_num from alembic_version") != [(LAST,)],
        "no backup": not {".backup"} <= {*kept} <= {".backup", ".part"},
        "damaged": bot.rows("pragma integrity_check") != [("ok",)],
        "saved data is gone": [job.reply and job.reply.text for job in jobs][1:] != ["old reply"],
        "wrong reply": any(read_number(answer.text) != 7 for answer in answers),
    }
    return Outcome(answers, len(bot.mimo.billed), faults)


async def make_old_database(bot: RunningProgram, ann: int) -> None:
    """Create a database of the first version with one answered message."""
    store = open_store(bot.home)
    chat = Chat("telegram", bot.telegram.token.partition(":")[0], str(ann))
    message = Message(chat=chat, message_id="old", sent_at=datetime.now(UTC), command="help")
    job = await store.intake.add(message, lambda *_: "help")
    assert job
    await store.jobs.save_reply(job.job_id, Reply("old reply"), JobState.DONE)
    await store.jobs.finish(job.job_id, JobState.DONE)
    await store.close()
    downgrade(bot.home)  # not in another thread: Alembic's context is global


def downgrade(home: Path) -> None:
    engine = open_plain(make_database(home))
    with engine.begin() as connection:
        config = make_config()
        cipher = make_cipher(None, home)
        config.attributes.update(connection=connection, cipher=cipher)
        command.downgrade(config, FIRST)
    engine.dispose()


def count_rows(bot: RunningProgram) -> list[tuple[object, ...]]:
    return bot.rows("select (select count(*) from messages), (select count(*) from jobs)")
