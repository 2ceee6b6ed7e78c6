"""The data export: complete, one's own only, in the documented format, and without a long pause."""

from __future__ import annotations

import asyncio
import io
import json
import time
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from core.commands import pick_command
from core.models import (
    Attachment,
    Audio,
    Button,
    Chat,
    ChatSettings,
    Correction,
    File,
    Job,
    JobState,
    Message,
    QuotedMessage,
    Reply,
    SavedVoice,
    SpeechSettings,
    TalkSettings,
    Transcript,
    Usage,
)
from core.privacy.archive import ExportSound, pack
from core.privacy.export import JSON_NAME, TABLES, Export, build_schema, build_table, dump
from core.store import Store
from core.store.database.tables import metadata
from tests.conftest import NewMessage
from tests.store.conftest import schedule
from tests.support.every_table import GROUP, PRIVATE, SAMPLE, fill_every_table
from tests.support.paths import ROOT
from tests.support.remembered_talk import say, talk

SCHEMA = ROOT / "docs" / "export.schema.json"
MB = 1_000_000
EVE = "8"


def make_sound(room_bytes: int = 20 * MB, max_bytes: int = 10 * MB) -> ExportSound:
    return ExportSound(room_bytes, max_bytes)


@pytest.fixture(params=["rows", "outside"])
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return f"file://{tmp_path}/objects" if request.param == "outside" else None


async def collect(
    store: Store, person_id: str = "7", sound: ExportSound | None = None, chat: Chat = PRIVATE
) -> tuple[Export, dict[str, Any]]:
    """Return an export and its JSON, which fits the schema."""
    found, _ = await store.exports.collect(chat, person_id, sound or make_sound())
    parsed = json.loads(b"".join(dump(found)))
    jsonschema_rs.validate(json.loads(SCHEMA.read_text()), parsed)
    return found, parsed


async def add(store: Store, message: Message, reply: Reply, data: bytes | None = None) -> Job:
    job = await store.intake.add(message, lambda message, _: message.command or "transcribe", data)
    assert job
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    await store.deliveries.target(job).ledger.start(0)
    await store.deliveries.target(job).ledger.finish(0, f"sent-{job.job_id}")
    await store.jobs.finish(job.job_id, JobState.DONE)
    return job


def test_the_documents_are_made_from_the_code() -> None:
    assert SCHEMA.read_text() == build_schema(), "core.privacy.export.build_schema"
    assert build_table() in (ROOT / "docs" / "export.md").read_text()
    text = (ROOT / "docs" / "export.md").read_text()
    for name in Export.__dataclass_fields__:
        assert f"`{name}`" in text or name in ("format", "version")


def test_every_table_is_exported_or_named_with_the_reason() -> None:
    assert set(TABLES) == set(metadata.tables)


async def test_an_export_has_all_that_is_kept_of_a_person(
    store: Store, new_message: NewMessage
) -> None:
    words = TalkSettings(remember_days=30, glossary=(Correction("hersay", "Hearsay"),))
    await store.chats.save_settings(PRIVATE, ChatSettings(language="de", talk=words))
    await store.voices.save_choice("test", "7", SpeechSettings(voice="Mia", style="calm"))
    own = SavedVoice("own", "Me", Audio(b"RIFFme", "audio/wav", 1.0), is_clone=True)
    await store.voices.keep(PRIVATE, "7", own)
    await store.voices.keep(PRIVATE, "7", SavedVoice("made", "Anna", SAMPLE))
    await store.schedules.add(schedule(chat=PRIVATE))
    await store.results.save("heard", Transcript("what I said", usage=Usage("mimo", "m", 1.0)))
    files = (File("spoken.ogg", "audio/ogg", b"OggS"),)
    reply = Reply(
        "the answer", "what I said", files, (Button("Ask", "ask_about"),), heard_key="heard"
    )
    upload = Attachment("", name="../../etc/note.ogg")
    job = await add(store, new_message(text="a question", attachment=upload), reply, b"my sound")
    await talk(store, say(1, "in the group"))
    await store.memory.note_read(GROUP, "7", store._database.now())
    code = await store.links.create_code("test", "7")
    await store.links.link("other", "70", code, "job")
    sound = make_sound()
    found, parsed = await collect(store, sound=sound)

    [request] = found.requests
    assert (request.text, request.job_id, request.state) == ("a question", job.job_id, "done")
    assert request.reply and request.reply.text == "the answer"
    assert request.reply.message_ids == (f"sent-{job.job_id}",)
    assert request.transcript and request.transcript.text == "what I said"
    assert sound.files[request.recording] == b"my sound" and ".." not in request.recording.split(
        "/"
    )
    assert [sound.files[path] for path in request.reply.files] == [b"OggS"]
    assert [one.message.text for one in found.history] == ["in the group"]
    assert {(v.name, sound.files[v.sample]) for v in found.voices} == {
        ("Me", b"RIFFme"),
        ("Anna", b"RIFF"),
    }
    [chat] = found.chats
    assert chat.settings.language == "de" and chat.settings.talk.glossary[0].meant == "Hearsay"
    assert [one.at for one in chat.digests] == ["09:00"]
    assert found.settings == SpeechSettings(voice="Mia", style="calm")
    assert [one.chat_id for one in found.read_marks] == [GROUP.chat_id]
    assert found.linked_platforms == ("other",) and len(found.link_moments) == 1
    assert (parsed["format"], parsed["version"], parsed["person_id"]) == ("hearsay-export", 1, "7")
    assert code not in json.dumps(parsed)


async def test_nothing_of_anybody_else_is_in_it(store: Store, new_message: NewMessage) -> None:
    eves = Chat("test", "1", "800")
    await store.chats.save_settings(eves, ChatSettings(language="fr"))
    await store.voices.save_choice("test", EVE, SpeechSettings(style="secret style"))
    await store.voices.keep(eves, EVE, SavedVoice("hers", "Eve", SAMPLE, is_clone=True))
    await store.results.save("hers", Transcript("secret words", usage=Usage("mimo", "m", 1.0)))
    hers = new_message("800", sender_id=EVE, sender_name="Eve", text="secret question")
    await add(store, hers, Reply("secret answer", heard_key="hers"), b"secret sound")
    await talk(store, say(1, "secret talk", sender_id=EVE), say(2, "my talk"))
    quoted = QuotedMessage("1", "secret quote", sender_id=EVE)
    mine = new_message("-100", is_private=False, command="ask", text="mine", reply_to=quoted)
    await add(store, mine, Reply("answer to me"))
    # The same id on another platform is another person.
    other = new_message(sender_id="7", text="secret of another seven")
    await add(store, replace(other, chat=Chat("other", "1", "7")), Reply("secret"))
    sound = make_sound()
    found, parsed = await collect(store, sound=sound)
    assert "secret" not in json.dumps(parsed) and not sound.files
    assert [one.text for one in found.requests] == ["mine"]
    assert found.requests[0].reply_to == "1"
    assert [one.message.text for one in found.history] == ["my talk"]
    assert {one.chat_id for one in found.chats} <= {PRIVATE.chat_id}
    found, _ = await collect(store, EVE, sound, eves)
    assert [one.text for one in found.requests] == ["secret question"]


async def test_what_one_has_made_in_a_group_is_in_it(store: Store) -> None:
    words = (Correction("hersay", "Hearsay", by="7"), Correction("secret", "secret", by=EVE))
    settings = ChatSettings(talk=TalkSettings(remember_days=7, glossary=words))
    settings = replace(settings, speech=SpeechSettings(style="warm", style_by="7"))
    await store.chats.save_settings(GROUP, settings)
    elsewhere = ChatSettings(speech=SpeechSettings(style="secret", style_by=EVE))
    await store.chats.save_settings(replace(GROUP, chat_id="-999"), elsewhere)
    for number, by in enumerate(("7", EVE)):
        voice = SavedVoice(f"v{number}", f"made by {by}", SAMPLE, by=by)
        await store.voices.keep(GROUP, by, voice)
        plan = schedule(f"s{number}", chat=GROUP, by=by, is_topic=True, thread_id=by)
        await store.schedules.add(plan)
    found, parsed = await collect(store)
    [one] = found.contributions
    assert one.chat_id == GROUP.chat_id
    assert [word.meant for word in one.corrections] == ["Hearsay"] and one.style == "warm"
    assert [digest.thread_id for digest in one.digests] == ["7"]
    assert [voice.name for voice in found.voices] == ["made by 7"]
    assert "secret" not in json.dumps(parsed)


async def test_every_table_of_a_person_leaves_a_trace(
    store: Store, new_message: NewMessage
) -> None:
    await fill_every_table(store, new_message)
    found, _ = await collect(store)
    for name in ("requests", "history", "voices", "chats", "read_marks", "link_moments"):
        assert getattr(found, name), name


async def test_an_unknown_person_gets_an_empty_export(
    store: Store, new_message: NewMessage
) -> None:
    await fill_every_table(store, new_message)
    found, _ = await collect(store, "404", chat=Chat("test", "1", "404"))
    assert not (found.requests or found.history or found.voices or found.chats or found.read_marks)


async def test_earlier_exports_are_no_part_of_a_new_one(
    store: Store, new_message: NewMessage
) -> None:
    archive = File("hearsay-export.zip", "application/zip", b"x" * 1000)
    job = await add(
        store, new_message(command="export", attachment=None), Reply("", files=(archive,))
    )
    sound = make_sound()
    found, _ = await collect(store, sound=sound)
    assert [one.command for one in found.requests] == ["export"] and not sound.files
    now = store._database.now()
    for hours, count in ((23, 1), (25, 0), (48, 0)):
        await store.retention.purge(now + timedelta(hours=hours))
        kept = await store.jobs.find(job.job_id)
        assert kept and kept.reply and len(kept.reply.files) == count


async def test_what_there_is_no_room_for_is_named_the_oldest_first(
    store: Store, new_message: NewMessage
) -> None:
    for number in range(4):
        await add(store, new_message(), Reply("x"), bytes([number]) * 100)
    await add(store, new_message(), Reply("x"), b"z" * 301)
    sound = make_sound(room_bytes=250, max_bytes=300)
    found, parsed = await collect(store, sound=sound)
    assert sorted(sound.files.values()) == [bytes([2]) * 100, bytes([3]) * 100]
    assert len(found.left_out) == 3 == len(parsed["left_out"])
    assert {one.recording for one in found.requests} == {*sound.files, *found.left_out}


@pytest.mark.parametrize("max_bytes", [30_000, 100_000])
def test_archives_are_within_the_limit_and_complete(store: Store, max_bytes: int) -> None:
    sound = {f"recordings/{n}.ogg": bytes([n]) * 9_000 for n in range(20)}
    text = {JSON_NAME: b'{"a": 1}'}
    archives = list(pack(text, sound.items(), max_bytes, store._database.now()))
    assert len(archives) > 1 and max(map(len, archives)) <= max_bytes
    found: dict[str, bytes] = {}
    for data in archives:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            found |= {name: archive.read(name) for name in archive.namelist()}
    assert found == text | sound


@pytest.mark.real_time
async def test_much_data_keeps_nobody_waiting(store: Store, new_message: NewMessage) -> None:
    """Other work goes on meanwhile: no single step takes a tenth of all."""
    for number in range(100):
        message = new_message(text=f"{number} " + "word " * 2_500)
        assert await store.intake.add(message, pick_command)
    steps = list[float]()

    async def tick() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            steps.append(time.thread_time() - before)

    ticking, began = asyncio.create_task(tick()), time.process_time()
    found, _ = await store.exports.collect(PRIVATE, "7", make_sound())
    size = await asyncio.to_thread(lambda: sum(map(len, dump(found))))
    took = time.process_time() - began
    ticking.cancel()
    assert len(found.requests) == 100 and size > MB
    # Of the processor, in shares of the whole: how long it took is the machine's business.
    assert max(steps) < took / 10 and len(steps) > 100


async def test_deleted_content_is_not_exported(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    await fill_every_table(store, new_message)
    await store.forgetting.forget_person(PRIVATE, "7")
    found, _ = await collect(store)
    assert {one.state for one in found.requests} <= {"held"}
