"""Ids of people and chats, and the keys of results, in the files; and what was deleted."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from bots.home import make_home
from core.commands import pick_command
from core.models import Button, Chat, JobState, Reply, SpeechSettings, Transcript
from core.store import Store, make_cipher, migrate
from tests.conftest import NewMessage
from tests.support.clean_start import ask_database, make_database, read_stored
from tests.support.remembered_talk import say, talk, texts

PERSON, GROUP = "5000000000001", "-1009000000000002"
SOUND = "a recording that somebody may have, too"


async def test_no_id_of_a_person_or_chat_stands_in_the_files(
    store: Store, new_message: NewMessage, tmp_path: Path
) -> None:
    group = Chat("test", "1", GROUP)
    await talk(store, say(1, "Hello", chat=group, sender_id=PERSON))
    await store.memory.note_read(group, PERSON, store._database.now())
    await store.voices.save_choice("test", PERSON, SpeechSettings(voice="Mia"))
    await store.memory.opt_out("test", PERSON, True)
    key = hashlib.sha256(SOUND.encode()).hexdigest()
    await store.results.save(key, Transcript("words"))
    job = await store.intake.add(new_message(PERSON, sender_id=PERSON), pick_command)
    assert job
    private = Reply("answer", buttons=(Button("More", "export", is_private=True),), heard_key=key)
    for reply in (private, Reply("again")):  # the button is kept
        await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    held = read_stored(tmp_path)
    assert job.job_id.encode() in held
    assert not [one for one in (PERSON, GROUP, key) if one.encode() in held]
    # All of it is found by the ids.
    assert (await store.voices.choice("test", PERSON)).voice == "Mia"
    assert await store.memory.opted_out("test", [PERSON, "8"]) == {PERSON}
    assert await store.memory.read_at(group, PERSON)
    assert await store.results.find(key) == Transcript("words")
    assert [one.message.chat.chat_id for one in await store.jobs.recent([], 9)] == []
    found = await store.jobs.find(job.job_id)
    assert found and found.message.chat.chat_id == PERSON


async def test_a_digest_is_one_of_its_kind_and_of_its_database(tmp_path: Path) -> None:
    one, other = make_cipher(None, tmp_path / "a"), make_cipher(None, tmp_path / "b")
    digest = one.digest(b"person", "7")
    assert digest == make_cipher(None, tmp_path / "a").digest(b"person", "7") and len(digest) == 25
    assert digest not in (one.digest(b"chat", "7"), one.digest(b"person", "8"), "7")
    assert digest != other.digest(b"person", "7")
    assert one.digest(b"person", digest) is not None and one.digest(b"person", digest) == digest
    assert one.digest(b"person", "") == ""


async def test_chats_of_a_person_are_found_by_the_person(
    store: Store, new_message: NewMessage
) -> None:
    for chat_id in ("ada", "ada-one", "ada-two-b", "adam", "ad"):
        job = await store.intake.add(new_message(chat_id), pick_command)
        assert job
    found = await store.chats.conversations(Chat("test", "1", "ada"), 9)
    assert {one.chat.chat_id for one in found} == {"ada", "ada-one", "ada-two-b"}


@pytest.mark.sqlite_only
async def test_what_is_deleted_is_overwritten(store: Store, tmp_path: Path) -> None:
    await talk(store, say(1, "x" * 150, sender_id="7"))
    content = ask_database(tmp_path, "SELECT content FROM remembered")[0][0]
    await store.close()
    assert content in (tmp_path / "hearsay.db").read_bytes()
    again = Store(make_database(tmp_path), make_cipher(None, tmp_path))
    await again.memory.forget_chat(say(1).chat)
    await again.close()
    assert content not in read_stored(tmp_path)


async def test_only_the_owner_reads_the_database(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    url = f"sqlite:///{home / 'hearsay.db'}"
    (home / "hearsay.db").touch(0o644)
    before = os.umask(0o022)
    try:
        make_home(home)
        await migrate(url)
        store = Store(url, make_cipher(None, home))
        await store.results.save("key", Transcript("x"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in (home, *home.iterdir())}
        await store.close()
    finally:
        os.umask(before)
    files = ("hearsay.db", "hearsay.db-wal", "hearsay.db-shm", "secret.key")
    assert modes == {"home": 0o700, **dict.fromkeys(files, 0o600)}


def test_a_folder_for_everybody_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    make_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize("separator", ["live/", "100/"])
async def test_a_database_of_before_is_converted(
    store: Store, new_message: NewMessage, tmp_path: Path, separator: str
) -> None:
    home = tmp_path / "old"
    home.mkdir()
    url = f"sqlite:///{home / 'hearsay.db'}"
    await migrate(url, None, "0013")
    cipher = store._database.cipher
    person = f"'test', '{PERSON}'"
    chat = '{"platform":"test","bot_id":"1","chat_id":"ada-two"}'
    sent = f'{{"chat":{chat},"message_id":"5","sent_at":"2026-11-02T09:00:00Z"}}'
    message = cipher.encrypt(sent.encode(), b"messages.content")
    at = "2026-11-02 09:00:00.000000"
    for statement, *values in (
        ("INSERT INTO chats (platform, bot_id, chat_id) VALUES ('test', '1', 'ada-two')",),
        (f"INSERT INTO people (platform, person_id, is_opted_out) VALUES ({person}, 1)",),
        (f"INSERT INTO readers VALUES (1, '{PERSON}', '{at}')",),
        (
            f"INSERT INTO messages VALUES (1, 1, '5', '', '{at}', ?)",
            message,
        ),
        (
            "INSERT INTO jobs (job_id, message_pk, chat_pk, command, state, attempts, crashes,"
            " created_at, run_at, finished_at, error, outcome) VALUES ('0123456789', 1, 1,"
            f" 'transcribe', 'done', 1, 0, '{at}', '{at}', '{at}', '', 'done')",
        ),
        (f"INSERT INTO deliveries VALUES ('0123456789', -1, 'sent', '{separator}9')",),
        (
            "INSERT INTO transcripts (key, created_at, content) VALUES ('key', ?, ?)",
            *(at, cipher.encrypt(b'{"text":"words"}', b"transcripts.content")),
        ),
    ):
        ask_database(home, statement, *values)
    await migrate(url, cipher)
    held = read_stored(home)
    assert PERSON.encode() not in held and b"ada-two" not in held
    old = Store(url, cipher)
    here = Chat("test", "1", "ada-two")
    assert await old.memory.is_opted_out("test", PERSON) and await old.memory.read_at(here, PERSON)
    assert await old.results.find("key") == Transcript("words")
    [conversation] = await old.chats.conversations(Chat("test", "1", "ada"), 9)
    assert conversation.chat == here
    assert ask_database(home, "SELECT platform_id FROM deliveries") == [("live/9",)]
    assert await texts(old, here) == []
    await old.close()
