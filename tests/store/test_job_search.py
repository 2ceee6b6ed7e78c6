"""The search box of the page: words in messages, transcripts and replies of one person."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from core.commands import pick_command
from core.models import Chat, JobState, Reply
from core.store import Store
from core.store.database.cipher import Cipher
from tests.conftest import NewMessage

PERSON = Chat("web", "1", "a" * 32)
OTHER_CHAT = replace(PERSON, chat_id=f"{PERSON.chat_id}-x1")
STRANGER = replace(PERSON, chat_id="b" * 32)


async def fill(store: Store, new_message: NewMessage) -> dict[str, str]:
    """Save a job for each place where a word can stand; return their ids by place."""
    saved = {}
    for place, chat, text, reply in (
        ("message", PERSON, "The zeppelin of Müller", Reply("yes")),
        ("transcript", OTHER_CHAT, "", Reply(quote="A zeppelin leaves at noon.")),
        ("reply", PERSON, "", Reply("Take the zeppelin.")),
        ("button only", PERSON, "", replace(Reply("no"), aloud="zeppelin")),
        ("nowhere", PERSON, "zeppelins", Reply("airship")),
        ("stranger", STRANGER, "", Reply("zeppelin")),
    ):
        new = replace(new_message("1", text=text), chat=chat, message_id=place)
        job = await store.intake.add(new, pick_command)
        assert job
        await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
        await store.jobs.finish(job.job_id, JobState.DONE)
        saved[job.job_id] = place
    return saved


@pytest.mark.finding(21)
async def test_words_are_found_in_all_of_a_persons_chats(
    store: Store, new_message: NewMessage
) -> None:
    places = await fill(store, new_message)

    async def find(words: str, limit: int = 10) -> list[str]:
        return [places[job.job_id] for job in await store.job_search.find(PERSON, words, limit)]

    assert await find("ZEPPELIN") == ["nowhere", "reply", "transcript", "message"]
    assert await find("zeppelin", 2) == ["nowhere", "reply"]
    assert await find("noon zepp") == ["transcript"]
    assert await find("müller") == ["message"]
    assert await find("eppelin") == await find("quote") == await find("  ?! ") == []
    [job] = await store.job_search.find(PERSON, "noon", 10)
    assert job == await store.jobs.find(job.job_id)


@pytest.mark.finding(21)
async def test_long_texts_are_decrypted_beside_the_event_loop(
    store: Store, new_message: NewMessage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, new_message)
    here: list[bytes] = []
    decrypt = Cipher.decrypt

    def watch(cipher: Cipher, encrypted: bytes, column: bytes = b"") -> Any:
        if threading.current_thread() is threading.main_thread():
            here.append(column)
        return decrypt(cipher, encrypted, column)

    monkeypatch.setattr(Cipher, "decrypt", watch)
    assert len(await store.job_search.find(PERSON, "zeppelin", 10)) == 4
    assert not {b"jobs.reply", b"messages.content"} & {*here}
