"""The data export has the words of the person alone, wherever they stand."""

from __future__ import annotations

import json

import pytest

from core.models import Attachment, Button, QuotedMessage, Reply, Transcript, Usage
from core.store import Store
from tests.conftest import NewMessage
from tests.store.test_exports import EVE, add, collect
from tests.support.every_table import GROUP
from tests.support.remembered_talk import say, talk


async def test_recordings_that_others_asked_about_are_in_it(
    store: Store, new_message: NewMessage
) -> None:
    await store.results.save("key", Transcript("my words", usage=Usage("mimo", "m", 1.0)))
    spoken = QuotedMessage("5", "", Attachment("voice-1"), sender_id="7")
    asked = new_message(
        "-100", sender_id=EVE, text="secret", attachment=None, is_private=False, reply_to=spoken
    )
    await add(store, asked, Reply("secret", "my words", heard_key="key"))
    found, parsed = await collect(store)
    [one] = found.quotations
    assert (one.chat_id, one.message_id) == ("-100", "5")
    assert one.transcript and one.transcript.text == "my words"
    assert "secret" not in json.dumps(parsed)


async def test_a_note_in_reply_to_ones_own_is_not_taken_for_it(
    store: Store, new_message: NewMessage
) -> None:
    await store.results.save("hers", Transcript("secret", usage=Usage("mimo", "m", 1.0)))
    mine = QuotedMessage("5", "my caption", Attachment("voice-1"), sender_id="7")
    hers = new_message("-100", sender_id=EVE, is_private=False, reply_to=mine)
    await add(store, hers, Reply("", "secret", heard_key="hers"))
    found, parsed = await collect(store)
    assert [(one.text, one.transcript) for one in found.quotations] == [("my caption", None)]
    assert "secret" not in json.dumps(parsed)


async def test_forwarded_words_are_their_authors(store: Store, new_message: NewMessage) -> None:
    """And nobody learns who forwarded them, or where."""
    ours = {"is_private": False, "attachment": None, "forwarded_from": "Eve", "origin_id": EVE}
    await add(store, new_message("-100", text="secret of Eve", **ours), Reply("secret"))
    unknown = ours | {"origin_id": ""}
    await add(store, new_message("-100", text="secret of somebody", **unknown), Reply("secret"))
    private = ours | {"is_private": True}
    await add(store, new_message(text="sent on in private", **private), Reply("about it"))
    theirs = {"sender_id": EVE, "forwarded_from": "Ada", "origin_id": "7", "text": "my words"}
    await add(store, new_message("800", **theirs), Reply("secret"), b"secret")
    await talk(store, say(1, "my talk", sender_id=EVE, origin_id="7"))
    found, parsed = await collect(store)
    assert {(one.chat_id, one.message_id, one.text) for one in found.quotations} == {
        ("", "", "my words"),
        ("", "", "my talk"),
    }
    assert [one.text for one in found.requests] == ["", "", "sent on in private"]
    assert [one.reply.text for one in found.requests if one.reply] == ["", "", "about it"]
    shown = json.dumps(parsed)
    assert "secret" not in shown and '"800"' not in shown


@pytest.mark.parametrize("is_mine", [True, False])
async def test_what_is_asked_about_a_reply_is_whose_the_reply_is(
    store: Store, new_message: NewMessage, is_mine: bool
) -> None:
    group = {"is_private": False, "attachment": None}
    button = Button("Listen", "listen", "words of the button")
    first = new_message("-100", sender_id="7" if is_mine else EVE, text="first", **group)
    job = await add(store, first, Reply("answer", buttons=(button,)))
    for number in range(3):
        asked = QuotedMessage(f"sent-{job.job_id}")
        one = new_message("-100", text=f"more {number}", reply_to=asked, **group)
        job = await add(store, one, Reply(f"follow-up {number}"))
    saved = await store.jobs.find((await store.jobs.history(GROUP, 9))[-1].job_id)
    assert saved and saved.reply
    press = new_message("-100", button=saved.reply.buttons[0].token, **group)
    await add(store, press, Reply("heard"))
    found, parsed = await collect(store)
    replies = {one.reply.text for one in found.requests if one.reply}
    whole = {"answer", "follow-up 0", "follow-up 1", "follow-up 2", "heard"}
    assert replies == (whole if is_mine else {""})
    assert {one.reply.is_own for one in found.requests if one.reply} == {is_mine}
    assert "words of the button" not in json.dumps(parsed)


async def test_lists_of_a_group_and_words_to_operators_are_not_own(
    store: Store, new_message: NewMessage
) -> None:
    group = {"is_private": False, "attachment": None}
    for command in ("glossary", "voice", "digest"):
        await add(store, new_message("-100", command=command, **group), Reply("secret"))
        own = new_message("-100", command=command, text="mine", **group)
        await add(store, own, Reply(f"{command} is done"))
        await add(store, new_message(command=command, attachment=None), Reply("my list"))
    await add(store, new_message(command="admin", text="jobs", attachment=None), Reply("secret"))
    found, parsed = await collect(store)
    assert "secret" not in json.dumps(parsed)
    shown = {one.reply.text for one in found.requests if one.reply} - {""}
    assert shown == {"glossary is done", "voice is done", "digest is done", "my list"}
