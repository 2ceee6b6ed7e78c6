"""Buttons: kept in the reply that shows them, however it is replaced and wherever it goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from core.models import Button, Chat, Job, JobState, Message, Reply
from core.store import Store, migrate
from tests.conftest import NewMessage
from tests.store.conftest import Add
from tests.support.clean_start import ask_database
from tests.support.virtual_time import current_clock

STALE = ("stale_button", "")
OFFER = Button(".txt", "text_file", "txt key")
#: What earlier versions stored: every field, and a token that names no job.
OLD_TOKEN = "q0b7Fq3GJ1eWcZ-oA_Tx9w"
OLD_REPLY = (
    b'{"text":"","quote":"Hello","files":[],"buttons":[{"label":".txt","command":"export",'
    b'"text":"txt key","token":"q0b7Fq3GJ1eWcZ-oA_Tx9w","is_private":false}],"aloud":"Hello",'
    b'"is_quote_first":false,"links":[],"spans":[],"is_markdown":false,"heard_key":"key","about":[]}'
)
OLD_MESSAGE = (
    b'{"chat":{"platform":"test","bot_id":"1","chat_id":"100"},"message_id":"5","sent_at":'
    b'"2026-11-01T09:00:00Z","sender_id":"7","sender_name":"Ada","thread_id":null,"edit_id":"",'
    b'"is_private":true,"language":"","text":"","command":"","button":"","attachment":null,'
    b'"has_other_file":false,"reply_to":null,"forwarded_from":"","reply_token":""}'
)


async def press(store: Store, message: Message, token: str) -> tuple[str, str]:
    """Return what a press asks for, without a job for it."""
    seen: list[Message] = []
    pressed = replace(message, button=token, attachment=None)
    await store.intake.add(pressed, lambda message, _: seen.append(message))
    return seen[0].command, seen[0].text


async def offer(store: Store, job: Job, *offers: Button, ends: JobState = JobState.DONE) -> str:
    """Save a reply with a button, and return its token."""
    reply = await store.jobs.save_reply(job.job_id, Reply("x", buttons=offers or (OFFER,)), ends)
    return reply.buttons[0].token


async def test_buttons_are_saved_with_their_reply(store: Store, add: Add, tmp_path: Path) -> None:
    job = await add()
    statements: list[str] = []
    engine = store._database._writer.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    token = await offer(store, job, *(Button(str(n), "text_file", str(n)) for n in range(7)))
    assert [line.split()[0] for line in statements if line != "BEGIN IMMEDIATE"] == ["UPDATE"]
    assert ask_database(tmp_path, "SELECT count(*) FROM buttons") == [(0,)]
    # Telegram passes on no more than 64 characters, and only these.
    assert token.startswith(job.job_id) and len(token) == 22


async def test_an_edited_answer_keeps_the_buttons_that_are_shown(
    store: Store, add: Add, new_message: NewMessage
) -> None:
    job = await add()
    token = await offer(store, job)
    await store.jobs.finish(job.job_id, JobState.DONE)
    found = await store.jobs.find(job.job_id)
    assert found and found.reply
    changed = (replace(found.reply.buttons[0], text="txt edited"), Button("Ask", "ask_about"))
    assert await store.jobs.redo(job.job_id, replace(found.reply, buttons=changed))
    assert await press(store, new_message(), token) == ("text_file", "txt edited")


async def test_buttons_of_a_reply_that_was_replaced_work_until_it_is_forgotten(
    store: Store, add: Add, new_message: NewMessage, tmp_path: Path
) -> None:
    job = await add()
    mine = Button("For me", "private_summary", "all", is_private=True)
    tokens = [await offer(store, job)]
    tokens.append(await offer(store, job, mine, ends=JobState.DEAD))
    await store.jobs.finish(job.job_id, JobState.DEAD)
    assert await store.jobs.retry(job.job_id)
    tokens.append(await offer(store, job, Button("Ask", "ask_about", "key")))
    await store.cancellation.cancel(job.message.chat, lambda job: Reply("Cancelled."))
    asked = [await press(store, new_message(sender_id="7"), token) for token in tokens]
    assert asked == [
        ("text_file", "txt key"),
        ("private_summary", "all"),
        ("ask_about", "key"),
    ]
    stranger = new_message("200", sender_id="8")
    assert [await press(store, stranger, token) for token in tokens] == [STALE] * 3
    await store.jobs.finish(job.job_id, JobState.CANCELLED)
    await store.forgetting.forget_message(job.message.chat, job.message.message_id)
    assert ask_database(tmp_path, "SELECT count(*) FROM buttons") == [(0,)]
    asked = [await press(store, new_message(sender_id="7"), token) for token in tokens]
    assert asked == [STALE] * 3


async def test_a_token_of_another_reply_or_none_is_stale(
    store: Store, add: Add, new_message: NewMessage
) -> None:
    job, other = await add(), await add()
    token = await offer(store, job)
    unknown = (token[:-1], token[:10], job.job_id, other.job_id + token[10:], "0" * 22)
    for forged in unknown:
        assert await press(store, new_message(), forged) == STALE


@pytest.fixture
async def old(store: Store, tmp_path: Path) -> tuple[str, Path]:
    """A database of an earlier version, which has answered a voice note."""
    home = tmp_path / "old"
    home.mkdir()
    url = f"sqlite:///{home / 'hearsay.db'}"
    await migrate(url, None, "0009")
    seal = store._database.cipher.encrypt
    message, reply = seal(OLD_MESSAGE, b"messages.content"), seal(OLD_REPLY, b"jobs.reply")
    at = current_clock().now().strftime("%Y-%m-%d %H:%M:%S.000000")
    ended = f"'transcribe', 'done', 1, 0, '{at}', '{at}', '{at}', ''"
    for statement, *values in (
        ("INSERT INTO chats (platform, bot_id, chat_id) VALUES ('test', '1', '100')",),
        (f"INSERT INTO messages VALUES (1, 1, '5', '', '{at}', ?)", message),
        (
            "INSERT INTO jobs (job_id, message_pk, chat_pk, command, state, attempts, crashes,"
            " created_at, run_at, finished_at, error, reply, outcome)"
            f" VALUES ('0123456789', 1, 1, {ended}, ?, 'done')",
            reply,
        ),
        (
            "INSERT INTO buttons (token, chat_pk, job_id, command, content)"
            " VALUES (?, 1, '0123456789', 'export', ?)",
            *(OLD_TOKEN, seal(b'"txt key"', b"buttons.content")),
        ),
    ):
        ask_database(home, statement, *values)
    await migrate(url, store._database.cipher)
    return url, home


async def test_a_button_of_an_earlier_version_works_on(
    store: Store, old: tuple[str, Path], new_message: NewMessage
) -> None:
    grown = Store(old[0], store._database.cipher)
    job = await grown.jobs.find("0123456789")
    assert job and job.reply and job.reply.quote == "Hello" and job.message.sender_name == "Ada"
    assert await press(grown, new_message(), OLD_TOKEN) == ("text_file", "txt key")
    assert await press(grown, new_message("200"), OLD_TOKEN) == STALE
    # Its answer may be edited yet: then it has a new token, and the old one is still known.
    assert await grown.jobs.redo(job.job_id, job.reply)
    edited = await grown.jobs.find(job.job_id)
    assert edited and edited.reply
    for token in (OLD_TOKEN, edited.reply.buttons[0].token):
        assert await press(grown, new_message(), token) == ("text_file", "txt key")
    await grown.jobs.finish(job.job_id, JobState.DONE)
    await grown.forgetting.forget_message(Chat("test", "1", "100"), "5")
    assert ask_database(old[1], "SELECT count(*) FROM buttons") == [(0,)]
    await grown.close()
