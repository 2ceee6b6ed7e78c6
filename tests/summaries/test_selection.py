"""Selection of a private chat's transcribed recordings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.models import Attachment, Job, JobState, Message, Reply, Segment, TalkRange, Transcript
from core.store import Store
from core.summaries.selection import select_recordings
from tests.conftest import NewMessage

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


async def add(store: Store, message: Message, key: str = "") -> Job:
    job = await store.intake.add(message, lambda m, s: m.command or "transcribe")
    assert job is not None
    await store.jobs.save_reply(job.job_id, Reply(quote="words", heard_key=key), JobState.DONE)
    await store.jobs.finish(job.job_id, JobState.DONE)
    return job


async def test_transcribed_recordings_are_selected(store: Store, new_message: NewMessage) -> None:
    file = Attachment("2", "audio", "call.mp3")
    await add(store, new_message(sent_at=NOW - timedelta(days=2), sender_name=""), "first")
    await add(store, new_message(sent_at=NOW, attachment=file, sender_name=""), "second")
    await add(store, new_message(sent_at=NOW), "never kept")
    await add(store, new_message(sent_at=NOW, attachment=None, command="ask"), "second")
    await add(store, new_message(sent_at=NOW))
    await add(store, new_message("101", sent_at=NOW), "second")
    for key in ("first", "second"):
        await store.results.save(key, Transcript(key, (Segment(0.0, 1.0, key),)))
    job = await add(store, new_message(attachment=None, command="summary"))

    async def select(span: TalkRange) -> list[tuple[str, str]]:
        found = await select_recordings(store, job, span)
        return [(one.sender_name, one.transcript.text if one.transcript else "") for one in found]

    both = [("", "first"), ("call.mp3", "second")]
    assert await select(TalkRange()) == both
    assert await select(TalkRange(count=1)) == both[1:]
    assert await select(TalkRange(since_at=NOW - timedelta(days=1))) == both[1:]
    assert await select(TalkRange(until_at=NOW - timedelta(days=1))) == both[:1]
