"""Nothing is kept for ever that is not named: every table is aged, in the code and on disk."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.commands import pick_command
from core.models import Chat, ChatSettings, JobState, SpeechSettings, Transcript
from core.privacy import periods
from core.privacy.periods import PERIODS, SETTINGS_KEPT, UNUSED_KEPT
from core.store import Store
from core.store.database.tables import metadata
from tests.conftest import NewMessage
from tests.store.conftest import schedule
from tests.support.clean_start import ask_database
from tests.support.every_table import (
    GROUP,
    PRIVATE,
    add_ended,
    count_rows,
    fill_every_table,
    list_tables,
)

DAY = timedelta(days=1)
LONGEST = max(one.kept_for for one in PERIODS if one.kept_for)


def test_every_table_has_a_period(store: Store, tmp_path: Path) -> None:
    named = {table for one in PERIODS for table in one.tables}
    assert named == {*metadata.tables, "alembic_version"} == list_tables(tmp_path)
    for one in PERIODS:
        assert one.kept_for or one.since, f"{one.what}: for how long, or why for ever?"
        assert not one.column or all(one.column in metadata.tables[t].c for t in one.tables)


async def test_every_table_is_emptied_by_age_or_named_with_the_reason(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill_every_table(store, new_message)
    now, full = store._database.now(), count_rows(tmp_path)
    empty = [table for table, count in full.items() if not count]
    # Empty while sound is in the database: `test_objects.py` is about the other case.
    assert empty == ["objects"], "fill_every_table: fill it"
    await store.retention.purge(now)
    await store.retention.purge(now + LONGEST + DAY)
    left = {table for table, count in count_rows(tmp_path).items() if count}
    # Named above with the reason: an opt-out outlives everything, and so do a pause and a budget.
    kept = {"alembic_version", "budgets", "index_key", "leases", "people", "retired_keys"}
    # Of processes on PostgreSQL, which clear it up themselves.
    kept |= {"budget_holds", "engine_pauses", "engine_slots", "paid_calls", "rate_uses"}
    kept |= {"switches"}
    assert left == kept
    rows = ask_database(tmp_path, "SELECT is_opted_out, speech, identity FROM people")
    assert rows == [(1, None, None)]
    assert await store.memory.is_opted_out("test", "9")


async def test_what_people_use_is_kept(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill_every_table(store, new_message)
    now = store._database.now()
    await store.retention.purge(now)
    await store.retention.purge(now + UNUSED_KEPT - DAY)
    kept = count_rows(tmp_path)
    for table in ("chats", "people", "voices", "schedules", "readers", "watermarks", "jobs"):
        assert kept[table], table
    await store.retention.purge(now + UNUSED_KEPT + DAY)
    kept = count_rows(tmp_path)
    assert kept["jobs"] == kept["messages"] == kept["deliveries"] == 0
    for table in ("chats", "people", "voices", "schedules", "readers", "watermarks"):
        assert kept[table], table


@pytest.mark.parametrize("days", [29, 31])
async def test_a_dead_letter_can_be_retried_for_thirty_days(
    store: Store, new_message: NewMessage, days: int
) -> None:
    job = await add_ended(store, new_message(), JobState.DEAD)
    await store.retention.purge(store._database.now() + days * DAY)
    found = await store.recordings.find(job.message.chat, job.message.message_id)
    assert (found is not None) == (days < 30)
    assert await store.jobs.retry(job.job_id) == (days < 30)


async def test_a_message_a_year_keeps_the_settings(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.chats.save_settings(PRIVATE, ChatSettings(language="de"))
    await store.voices.save_choice("test", "7", SpeechSettings(style="calm"))
    now = store._database.now()
    await store.retention.purge(now)
    for _ in range(3):
        now += SETTINGS_KEPT - DAY
        monkeypatch.setattr(store._database, "now", lambda moment=now: moment)
        await store.intake.add(new_message(), pick_command)
        await store.retention.purge(now)
    assert (await store.chats.settings(PRIVATE)).language == "de"
    assert (await store.voices.choice("test", "7")).style == "calm"
    # The job, which never ran, keeps the chat's row, but no longer what was set.
    await store.retention.purge(now + SETTINGS_KEPT + DAY)
    assert await store.chats.settings(PRIVATE) == ChatSettings()
    assert await store.voices.choice("test", "7") == SpeechSettings()


async def test_a_chat_that_is_gone_leaves_nothing_after_a_month(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill_every_table(store, new_message)
    now = store._database.now()
    await store.jobs.cancel_chat(GROUP)
    await store.retention.purge(now + UNUSED_KEPT - DAY)
    assert await store.schedules.find(GROUP) and await store.memory.count(GROUP)
    await store.retention.purge(now + UNUSED_KEPT + DAY)
    assert not await store.schedules.find(GROUP) and not await store.memory.count(GROUP)
    found = ask_database(tmp_path, "SELECT chat_id FROM chats")
    assert len(found) == 1
    voices = await store.voices.usable(GROUP, "7")
    assert [voice.voice_id for voice in voices] == ["own"]


async def test_chats_and_people_of_whom_nothing_is_left_are_deleted(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await store.intake.add(new_message(is_private=False, text="hi", attachment=None), pick_command)
    await store.memory.opt_out("test", "9", True)
    await store.memory.opt_out("test", "9", False)
    now = store._database.now()
    for days, count in ((0, 1), (29, 1), (31, 0)):
        await store.retention.purge(now + days * DAY)
        rows = count_rows(tmp_path)
        assert (rows["chats"], rows["people"]) == (count, count), days


async def test_a_chat_that_comes_back_meanwhile_stays(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.chats.save_settings(PRIVATE, ChatSettings(language="de"))
    await store.schedules.add(schedule(chat=PRIVATE))
    await store.retention.purge(store._database.now())
    later = store._database.now() + SETTINGS_KEPT + DAY
    monkeypatch.setattr(store._database, "now", lambda: later)
    do = store.retention._disuse._slices.do

    async def come_back(*args: object) -> int:
        await store.intake.add(new_message(), pick_command)
        return await do(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(store.retention._disuse._slices, "do", come_back)
    await store.retention.purge(later)
    assert (await store.chats.settings(PRIVATE)).language == "de"
    assert await store.schedules.find(PRIVATE)


async def test_a_quiet_channel_keeps_the_place_from_which_it_is_read_on(store: Store) -> None:
    channel = Chat("discord", "1", "500")
    await store.chats.save_watermarks("discord", "1", {channel.chat_id: "5"})
    now = store._database.now()
    for days, seen in ((0, {"500": "5"}), (364, {"500": "5"}), (366, {})):
        await store.retention.purge(now + days * DAY)
        assert await store.chats.watermarks("discord", "1") == seen


@pytest.mark.parametrize("one", [p for p in PERIODS if p.column], ids=lambda p: p.tables[0])
async def test_simple_tables_end_to_the_day(
    store: Store, new_message: NewMessage, tmp_path: Path, one: periods.Period
) -> None:
    await fill_every_table(store, new_message)
    now, kept_for = store._database.now(), one.kept_for
    assert kept_for
    if one.column == "hour_at":
        now = now.replace(minute=0, second=0, microsecond=0)
    step = 2 * DAY if one.column == "day" else timedelta(minutes=1)
    for moment, is_kept in (
        (now, True),
        (now + kept_for - timedelta(minutes=1), True),
        (now + kept_for + step, False),
    ):
        await store.retention.purge(moment)
        counts = count_rows(tmp_path)
        assert all(bool(counts[table]) == is_kept for table in one.tables), (moment, counts)


async def test_a_row_that_has_no_key_of_this_program_holds_nothing_up(
    store: Store, tmp_path: Path
) -> None:
    now = store._database.now()
    await store.results.save("0" * 64, Transcript("some words"))
    ask_database(tmp_path, "UPDATE transcripts SET key = 'short'")
    await store.retention.purge(now + LONGEST + DAY)
    assert ask_database(tmp_path, "SELECT key FROM transcripts") == [("short",)]
