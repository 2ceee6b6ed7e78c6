"""A row in every table of the database: a person who has used everything, and another one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table

from core.commands import pick_command
from core.models import (
    Account,
    Amount,
    Answer,
    Audio,
    Button,
    Chat,
    ChatSettings,
    Job,
    JobState,
    Message,
    ProbeResult,
    Reply,
    SavedVoice,
    SpeechSettings,
    TalkSettings,
    Transcript,
    Usage,
    parse_budget,
)
from core.requester import requester_of, work_for
from core.store import Store
from core.store.database.process_tables import (
    budget_holds,
    engine_pauses,
    engine_slots,
    paid_calls,
    rate_uses,
)
from core.store.database.schema import leases, retired_keys
from tests.conftest import NewMessage
from tests.store.conftest import schedule
from tests.support.clean_start import URL_FILE, ask_database
from tests.support.remembered_talk import say, talk

COST = Usage("mimo", "m", 1.0)
SAMPLE = Audio(b"RIFF", "wav", 1.0)
PRIVATE = Chat("test", "1", "100")
GROUP = Chat("test", "1", "-100")


def list_tables(home: Path) -> set[str]:
    """Return every table of the real database, those of the engines below it left out."""
    if (home / URL_FILE).exists():
        query = (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT LIKE 'procrastinate%'"
        )
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return {name for (name,) in ask_database(home, query)}


def count_rows(home: Path) -> dict[str, int]:
    return {
        table: ask_database(home, f"SELECT count(*) FROM {table}")[0][0]
        for table in sorted(list_tables(home))
    }


async def fill_every_table(store: Store, new_message: NewMessage) -> None:
    """Save something of person 7 in each table, and an opt-out of person 9. All jobs end but one.

    That one waits for an operator.
    """
    now = store._database.now()
    for state in (JobState.DONE, JobState.DEAD):
        await add_ended(store, new_message(), state)
    [job] = await store.jobs.recent([JobState.DONE])
    await store.intake.open_form(new_message(command="ask"))
    await store.results.save("heard", Transcript("words", usage=COST))
    with work_for(requester_of(job.message, job.job_id)):
        await store.results.find("heard")
    await store.results.save_answer("answer", Answer("words", usage=COST))
    await store.results.save_audio("sound", b"sound", COST, SAMPLE)
    await store.chats.save_settings(PRIVATE, ChatSettings(language="de"))
    await store.chats.save_watermarks("test", "1", {"-100": "5"})
    await store.schedules.add(schedule(chat=GROUP))
    await store.voices.save_choice("test", "7", SpeechSettings(style="calm"))
    await store.voices.keep(PRIVATE, "7", SavedVoice("own", "Me", SAMPLE, is_clone=True))
    await store.voices.keep(GROUP, "7", SavedVoice("designed", "Anna", SAMPLE))
    await store.links.link("other", "70", await store.links.create_code("test", "7"), "job")
    await store.memory.opt_out("test", "9", True)
    await store.voices.save_choice("test", "9", SpeechSettings(style="calm"))
    longest = ChatSettings(talk=TalkSettings(remember_days=365))
    await store.chats.save_settings(GROUP, longest)
    await talk(store, say(1, "word", sent_at=now - timedelta(days=300)))
    await store.memory.note_read(GROUP, "7", now)
    await store.newcomers.add(GROUP, ["7"])
    former = {"key_id": "00000000", "retired_at": now}
    await store._database.write(lambda one: one.execute(retired_keys.insert(), former))
    await _fill_shared_tables(store)
    account, amount = Account("person", "test:7"), Amount(1000, 5)
    await store.budgets.reserve([account], amount, now.date())
    await store.budgets.set_budget(account, parse_budget("5 min/day"), "test:7", "who")
    await store.probes.begin("transcriber", now)
    await store.probes.end(ProbeResult("transcriber", "mimo", "m", now, ""))
    await store.probes.begin_incident("disk", now)
    held = await store.intake.add(new_message(is_held=True), pick_command)
    assert held
    for told in await store.jobs.history(PRIVATE, 2):
        if told.job_id != held.job_id:
            await store.jobs.finish(told.job_id, JobState.DONE)
    await store.controls.pause("test:7", is_on=True)


async def _fill_shared_tables(store: Store) -> None:
    """Save what several processes share, as they leave it when the last of them ends."""
    now = store._database.now()
    call = {"process": "1", "account": "mimo"}
    amount = dict.fromkeys(("audio_ms", "micro_usd", "requests"), 1)
    rows: list[tuple[Table, dict[str, Any]]] = [
        (leases, {"name": "telegram", "holder": "1", "until_at": now}),
        (rate_uses, {"key": "mimo|calls", "at": 1, "amount": 1}),
        (engine_slots, {**call, "person": "7", "calls": 1}),
        (engine_pauses, {"account": "mimo", "until_at": now, "probe_s": 2}),
        (paid_calls, {"key": "heard", "process": "1"}),
        (budget_holds, {**call, "day": now.date().isoformat(), **amount}),
    ]

    def fill(connection: Connection) -> None:
        for table, row in rows:
            connection.execute(table.insert(), row)

    await store._database.write(fill)


async def add_ended(store: Store, message: Message, state: JobState) -> Job:
    """Add a job with all that may hang on one; it ends in `state`."""
    job = await store.intake.add(message, pick_command, b"sound")
    assert job
    reply = Reply("answer", buttons=(Button("Ask", "ask_about", "heard"),), heard_key="heard")
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    # It is replaced, and its button is kept.
    await store.jobs.save_reply(job.job_id, Reply("failed"), JobState.REFUSED)
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    await store.deliveries.target(job).ledger.start(0)
    await store.deliveries.target(job).ledger.finish(0, f"sent-{job.job_id}")
    await store.jobs.finish(job.job_id, state)
    return job
