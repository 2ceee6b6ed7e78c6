"""What /forget removes from the tables, and what stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core.clock import Clock
from core.models import (
    OPEN_STATES,
    Button,
    Chat,
    Job,
    JobState,
    QuotedMessage,
    RecordingReference,
    Reply,
    TalkRange,
    Transcript,
)
from core.store import Store
from core.store.talk import forgetting
from tests.conftest import NewMessage
from tests.store.conftest import Add, claim_job
from tests.support.clean_start import ask_database
from tests.support.remembered_talk import CHAT, VOICE, say, talk

ADA, BEN = "7", "8"
GROUP, OTHER = Chat("test", "1", "100"), Chat("test", "1", "200")
#: What hangs on an answered message: none of it may be left.
ALL = {"content": 1, "reply": 1, "buttons": 1, "blobs": 1, "transcripts": 2}
NONE = dict.fromkeys(ALL, 0)


class Kept:
    """Answers in the tables."""

    def __init__(self, store: Store, add: Add, folder: Path) -> None:
        self._store, self._add, self._folder = store, add, folder

    async def answer(self, state: JobState = JobState.DONE, **changes: object) -> Job:
        """Take in a voice note and answer it; its transcript has a piece."""
        job = await self._add(data=b"sound", **changes)
        key = f"whole-{job.job_id}"
        await self._store.results.save(f"piece-{job.job_id}", Transcript("x"), whole=key)
        await self._store.results.save(key, Transcript("x"))
        offer = Reply("answer", buttons=(Button("More", "text_file"),), heard_key=key)
        # The first one is replaced, and its button is kept.
        for outcome in (JobState.DONE, JobState.REFUSED, JobState.DONE):
            reply = Reply("failed") if outcome is JobState.REFUSED else offer
            await self._store.jobs.save_reply(job.job_id, reply, outcome)
        if state is JobState.RUNNING:
            await claim_job(self._store)
        elif state not in OPEN_STATES:
            await self._store.jobs.finish(job.job_id, state)
        return job

    async def ask(self, about: RecordingReference | None = None, **changes: object) -> Job:
        """Ask in words; the answer is about a recording of somebody else."""
        job = await self._add(command="ask", text="What?", attachment=None, **changes)
        reply = Reply("answer", about=(about,) if about else ())
        await self._store.jobs.save_reply(job.job_id, reply, JobState.DONE)
        await self._store.jobs.finish(job.job_id, JobState.DONE)
        return job

    def ask_table(self, query: str, value: object) -> tuple[Any, ...]:
        return ask_database(self._folder, f"SELECT {query}", value)[0]

    def left(self, job: Job) -> dict[str, int]:
        """Count what hangs on a job."""
        [key] = self.ask_table("message_pk FROM jobs WHERE job_id = ?", job.job_id)
        queries = {
            "content": ("messages WHERE content IS NOT NULL AND message_pk = ?", key),
            "reply": ("jobs WHERE reply IS NOT NULL AND message_pk = ?", key),
            "buttons": ("buttons WHERE job_id = ?", job.job_id),
            "blobs": ("blobs WHERE message_pk = ?", key),
            "transcripts": ("transcripts WHERE ? IN (key, whole)", self._digest(job)),
        }
        return {name: self.ask_table(f"count(*) FROM {query}", value)[0]
                for name, (query, value) in queries.items()}  # fmt: skip

    def _digest(self, job: Job) -> str:
        """Return the key of a job's transcript as it is stored."""
        return self._store._database.cipher.digest(b"result", f"whole-{job.job_id}")

    def ended(self, job: Job) -> tuple[str, str]:
        state, error = self.ask_table("state, error FROM jobs WHERE job_id = ?", job.job_id)
        return state, error


@pytest.fixture(params=["rows", "outside"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return f"file://{tmp_path}/objects" if request.param == "outside" else None


@pytest.fixture
def kept(store: Store, add: Add, tmp_path: Path) -> Kept:
    return Kept(store, add, tmp_path)


async def test_nothing_that_hangs_on_a_persons_message_is_left(store: Store, kept: Kept) -> None:
    hers, his = await kept.answer(sender_id=ADA), await kept.answer(sender_id=BEN)
    elsewhere = await kept.answer(chat=OTHER, sender_id=ADA)
    assert kept.left(hers) == ALL
    receipt = await store.forgetting.forget_person(GROUP, ADA)
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (1, 1, 1)
    assert {name for _, name in receipt.message_ids} == {hers.message.message_id}
    assert (kept.left(hers), kept.left(his), kept.left(elsewhere)) == (NONE, ALL, ALL)
    assert kept.ended(hers) == ("cancelled", "forgotten")
    assert await store.jobs.find(hers.job_id) is None
    assert [job.job_id for job in await store.jobs.history(GROUP)] == [his.job_id]
    assert kept.ended(his) == kept.ended(elsewhere) == ("done", "")
    receipt = await store.forgetting.forget_person(GROUP, ADA)
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (0, 0, 0)


@pytest.mark.parametrize("state", [JobState.WAITING, JobState.RUNNING])
async def test_what_is_under_way_is_not_touched(store: Store, kept: Kept, state: JobState) -> None:
    job = await kept.answer(state)
    assert (await store.forgetting.forget_person(GROUP, ADA)).messages == 0
    assert (await store.forgetting.forget_message(GROUP, job.message.message_id)).messages == 0
    assert (kept.left(job), kept.ended(job)) == (ALL, (state, ""))


@pytest.mark.parametrize("state", [JobState.DEAD, JobState.REFUSED])
async def test_what_failed_is_forgotten_too(store: Store, kept: Kept, state: JobState) -> None:
    job = await kept.answer(state)
    receipt = await store.forgetting.forget_message(GROUP, job.message.message_id)
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (1, 1, 1)
    assert (kept.left(job), kept.ended(job)) == (NONE, ("cancelled", "forgotten"))


async def test_what_others_asked_about_a_recording_goes_with_it(store: Store, kept: Kept) -> None:
    await store.results.save("key", Transcript("x"))
    about = RecordingReference("55", VOICE, sender_id=ADA, heard="key")
    quoting = [
        await kept.ask(
            sender_id=BEN, reply_to=QuotedMessage("55", attachment=VOICE, sender_id=ADA)
        ),
        await kept.ask(about, sender_id=BEN),
        await kept.ask(sender_id=BEN, reply_to=QuotedMessage("55", "words alone", sender_id=ADA)),
    ]
    others = [
        await kept.ask(
            sender_id=BEN, reply_to=QuotedMessage("56", attachment=VOICE, sender_id=BEN)
        ),
        await kept.ask(RecordingReference("56", VOICE, sender_id=BEN), sender_id=BEN),
        await kept.ask(sender_id=BEN),
    ]
    contents = [kept.left(job)["content"] for job in (*quoting, *others)]
    assert contents == [1] * 6
    receipt = await store.forgetting.forget_person(GROUP, ADA)
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (3, 3, 1)
    contents = [kept.left(job)["content"] for job in (*quoting, *others)]
    assert contents == [0, 0, 0, 1, 1, 1]


async def test_one_message_goes_with_what_was_asked_of_it(store: Store, kept: Kept) -> None:
    jobs = [
        await kept.answer(message_id="55", sender_id=ADA),
        await kept.ask(reply_to=QuotedMessage("55", attachment=VOICE)),
        await kept.ask(RecordingReference("55", VOICE, heard="")),
        await kept.ask(reply_to=QuotedMessage("55", "words")),
        await kept.ask(RecordingReference("56", VOICE)),
        await kept.answer(message_id="56"),
        await kept.answer(message_id="55", chat=OTHER),
    ]
    receipt = await store.forgetting.forget_message(GROUP, "55")
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (4, 4, 1)
    assert [kept.left(job)["content"] for job in jobs] == [0, 0, 0, 0, 1, 1, 1]


async def test_after_a_chat_moved_its_ids_mean_other_messages(store: Store, kept: Kept) -> None:
    new = Chat("test", "1", "-100100")
    old = await kept.answer(message_id="50", sender_id=ADA)
    quoting = await kept.ask(
        sender_id=BEN, reply_to=QuotedMessage("50", attachment=VOICE, sender_id=BEN)
    )
    await store.chats.move(GROUP, new)
    now = await kept.answer(message_id="50", chat=new, sender_id=ADA)
    receipt = await store.forgetting.forget_message(new, "50")
    assert receipt.messages == 1
    assert (kept.left(old), kept.left(now)) == (ALL, NONE)
    assert kept.left(quoting)["content"] == 1
    receipt = await store.forgetting.forget_person(new, ADA)
    assert (receipt.messages, kept.left(old)) == (1, NONE), "what she said before is hers as well"
    assert kept.left(quoting)["content"] == 1


async def test_long_histories_go(store: Store, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_BATCH", 2)
    jobs = [await kept.answer(sender_id=who) for who in (ADA, ADA, BEN, BEN, ADA)]
    receipt = await store.forgetting.forget_person(GROUP, ADA)
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (3, 3, 3)
    assert [kept.left(job) for job in jobs] == [NONE, NONE, ALL, ALL, NONE]


async def test_a_forgotten_message_loses_its_transcript(store: Store) -> None:
    notes = [("1", ADA, CHAT), ("2", BEN, CHAT), ("3", ADA, CHAT), ("1", ADA, OTHER)]
    for number, (message_id, sender_id, chat) in enumerate(notes):
        await talk(store, say(int(message_id), sender_id=sender_id, chat=chat, attachment=VOICE))
        await store.results.save(f"key-{number}", Transcript("x"))
        heard = Transcript("x")
        await store.memory.save_transcript(chat, message_id, heard, f"key-{number}")
    await talk(store, say(4, "never heard"))
    receipt = await store.forgetting.forget_message(CHAT, "1")
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (1, 0, 1)
    receipt = await store.forgetting.forget_person(CHAT, ADA)
    assert (receipt.messages, receipt.replies, receipt.transcripts) == (2, 0, 1)
    kept = [await store.results.find(f"key-{number}") for number in range(4)]
    assert kept == [None, heard, None, heard]
    assert [m.message_id for m in await store.memory.select(CHAT, TalkRange())] == ["2"]
    assert await store.memory.count(OTHER) == 1


async def test_what_open_forms_are_about_is_deleted_with_its_message_or_person(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    async def open_forms() -> None:
        for number, (sender, quoted) in enumerate([(ADA, BEN), (BEN, ADA), (BEN, BEN)]):
            reply_to = QuotedMessage(f"quoted-{number}", "text", sender_id=quoted)
            await store.intake.open_form(new_message(sender_id=sender, reply_to=reply_to))

    def count() -> int:
        found = ask_database(tmp_path, "SELECT count(*) FROM messages")
        return int(found[0][0])

    await open_forms()
    await store.forgetting.forget_person(GROUP, ADA)
    assert count() == 1
    await store.forgetting.forget_message(OTHER, "quoted-2")
    assert count() == 1
    await store.forgetting.forget_message(GROUP, "quoted-2")
    assert count() == 0


@pytest.mark.sqlite_only
async def test_what_somebody_reads_meanwhile_goes_from_the_files_with_the_next_purge(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    await talk(store, say(1, "canary " * 20, sender_id=ADA))
    [(content,)] = ask_database(tmp_path, "SELECT content FROM remembered")

    def is_on_disk() -> bool:
        return any(content in file.read_bytes() for file in tmp_path.glob("hearsay.db*"))

    with closing(sqlite3.connect(tmp_path / "hearsay.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM remembered").fetchall()
        assert (await store.forgetting.forget_person(CHAT, ADA)).messages == 1
        assert is_on_disk()
    await store.retention.purge(clock.now())
    assert not is_on_disk()
