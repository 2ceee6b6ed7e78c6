"""Who opted out is not transcribed for others, nor stored, whoever forwards it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.models import (
    FORM_TOKEN,
    Attachment,
    Chat,
    ChatSettings,
    NoteMode,
    QuotedMessage,
    TalkSettings,
)
from tests.support.group_talk import ADA, BEN, NAMES, Group, quote
from tests.support.stored_rows import mentions, read_rows

WITHHELD = "Whoever said or wrote this has opted out: it is neither transcribed nor stored."
FORWARD = {"forwarded_from": NAMES[ADA], "origin_id": ADA}


@pytest.fixture
async def private(group: Group) -> Group:
    """Ben's private chat with the bot; Ada has opted out in the group."""
    await group.ask("remember on")
    await group.ask("auto on")
    await group.ask("remember me off", ADA)
    return Group(group.loopback, Chat("test", "1", BEN), is_private=True)


async def test_a_forwarded_recording_is_not_transcribed(group: Group, private: Group) -> None:
    note = await private.speak(BEN, **FORWARD)
    assert [reply.text for reply in private.answers(note)] == [WITHHELD]
    assert group.loopback.engine.calls == [] and await private.kept() == []


@pytest.mark.parametrize("command", ["transcribe", "ask what was it?", "translate"])
async def test_nor_is_one_that_is_replied_to(group: Group, private: Group, command: str) -> None:
    note = await group.speak(BEN, **FORWARD)
    assert group.answers(note) == [], "auto leaves it alone"
    quoted = replace(quote(note), origin_id=ADA)
    for place in (group, private):
        reply = await place.ask(command, BEN, reply_to=quoted)
        assert reply.text == "The speaker has opted out of transcription."
    assert not (group.loopback.engine.calls or group.loopback.answerer.questions)


async def test_what_others_forward_is_not_stored(group: Group, private: Group) -> None:
    for place in (group, private):
        await place.say("canary", BEN, **FORWARD)
        await place.speak(BEN, **FORWARD)
        assert await place.kept() == []
    text = private.write(BEN, text="more", **FORWARD)
    await private.send(text)
    assert [reply.text for reply in private.answers(text)] == [WITHHELD]
    stored = await group.loopback.store.jobs.history(private.chat)
    assert {(job.message.text, job.message.attachment) for job in stored} == {("", None)}


async def test_what_was_forwarded_before_is_left_out_of_summaries(group: Group) -> None:
    await group.ask("remember on")
    await group.say("canary", BEN, **FORWARD)
    await group.say("Lunch at noon.", BEN)
    await group.loopback.store.memory.opt_out("test", ADA, True)
    await group.ask("summary", BEN)
    asked = str(group.loopback.answerer.questions)
    assert "Lunch at noon." in asked and "canary" not in asked


async def test_the_last_recording_is_not_asked_about(group: Group) -> None:
    await group.ask("remember on")
    await group.speak(BEN, **FORWARD)
    group.loopback.engine.calls.clear()
    await group.loopback.store.memory.opt_out("test", ADA, True)
    reply = await group.ask("ask what was it?", BEN)
    assert reply.text == "The speaker has opted out of transcription."


async def test_who_opted_out_may_have_their_own_transcribed(group: Group, private: Group) -> None:
    own = Group(group.loopback, Chat("test", "1", ADA), is_private=True)
    note = await own.speak(ADA, **FORWARD)
    assert [reply.quote for reply in own.answers(note)] == ["call 1"]
    assert await own.kept() == []
    other = Attachment("file-2", duration_s=3.0)
    by_ben = await private.speak(BEN, attachment=other, forwarded_from="Eve", origin_id="9")
    assert [reply.quote for reply in private.answers(by_ben)] == ["call 2"]


COMMANDS = ("ask what is it?", "translate de", "say")


@pytest.mark.parametrize("command", [*COMMANDS, "summary", "fix", "find x", "style", "glossary"])
async def test_a_text_that_others_reply_to_is_not_stored(
    group: Group, private: Group, command: str
) -> None:
    said = group.write(ADA, text="canary text")
    await group.send(said)
    spoken = await group.say("canary caption", BEN, **FORWARD)
    for quoted in (quote(said), replace(quote(spoken), origin_id=ADA)):
        for place in (group, private):
            asked = await place.ask(command, BEN, reply_to=quoted)
            assert command not in COMMANDS or asked.text == WITHHELD
    assert not (group.loopback.answerer.questions or group.loopback.synthesizer.utterances)
    assert [*mentions(await read_rows(group.loopback.store), "canary")] == []


async def test_nor_is_one_that_a_spoken_question_is_about(group: Group, private: Group) -> None:
    await private.loopback.store.chats.save_settings(
        private.chat, ChatSettings(talk=TalkSettings(notes=NoteMode.ASK))
    )
    asked = await private.speak(BEN, reply_to=QuotedMessage("1", "canary text", None, ADA))
    assert [reply.text for reply in private.answers(asked)] == [WITHHELD]
    assert [*mentions(await read_rows(group.loopback.store), "canary")] == []


async def test_nor_is_what_a_form_is_about(group: Group, private: Group) -> None:
    quoted = QuotedMessage("1", "canary text", None, ADA)
    opener = group.write(BEN, command="ask", reply_to=quoted)
    await group.loopback.inbox.open_form(opener)
    assert [*mentions(await read_rows(group.loopback.store), "canary")] == []
    asked = group.write(BEN, text="what?", button=f"{FORM_TOKEN}{opener.message_id}")
    await group.send(asked)
    assert [reply.text for reply in group.answers(asked)] == [WITHHELD]


async def test_who_opts_out_is_told_what_is_kept_all_the_same(group: Group) -> None:
    told = await group.ask("remember me off", ADA)
    assert "What you ask me yourself is kept as /privacy says." in told.text
    own = group.write(ADA, text="canary text")
    translated = await group.ask("translate de", ADA, reply_to=quote(own))
    assert translated.text == "answer 1", "to her own words she may reply"
    assert "What you ask me yourself is kept" in (await group.ask("remember", ADA)).text
