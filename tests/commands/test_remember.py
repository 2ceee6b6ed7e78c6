"""/remember, and what is stored because of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from core.commands import pick_command
from core.models import Attachment, Chat, ChatSettings, ExpectedRecording, QuotedMessage
from core.store.database.tables import blobs, jobs, messages, people, readers, remembered
from tests.conftest import NewMessage
from tests.support.group_talk import ADA, BEN, Group, quote
from tests.support.remembered_talk import REMEMBERS


async def test_nothing_is_on_disk_without_history(group: Group) -> None:
    await group.say("canary-77", attachment=Attachment("canary-file"))
    await group.say("canary-88", edit_id="5")
    assert await group.kept() == []
    for table in (messages, jobs, remembered, people, blobs, readers):
        query = select(func.count()).select_from(table)
        assert await group.loopback.store._database.scalar(query) == 0, table.name


async def test_admin_turns_history_on_and_off(group: Group) -> None:
    await group.say("before")
    reply = await group.ask("remember on")
    assert "7 days" in reply.text and "/remember off" in reply.text and "me off" in reply.text
    await group.say("between")
    reply = await group.ask("remember")
    assert "7 days" in reply.text and "1 message is stored." in reply.text
    found = await group.ask("find between")
    reply = await group.ask("remember off")
    assert "1 message was deleted." in reply.text
    # What was made from it is kept as long as all requests are, and that is said.
    assert "/find, are kept for 30 days" in reply.text
    assert found in [job.reply for job in await group.loopback.store.jobs.history(group.chat)]
    await group.say("after")
    assert await group.kept() == []
    assert "is off" in (await group.ask("remember")).text


@pytest.mark.finding(30)
async def test_nothing_deleted_is_not_counted(group: Group) -> None:
    assert (await group.ask("remember off")).text == "Chat history is off now."
    assert "deleted" not in (await group.ask("remember me off", BEN)).text


async def test_members_cannot_change_history(group: Group) -> None:
    group.loopback.platform.can_administer = False
    for words in ("on", "off", "30d"):
        assert "admins" in (await group.ask(f"remember {words}", BEN)).text
    assert (await group.loopback.store.chats.settings(group.chat)).talk.remember_days is None


async def test_days_of_history(group: Group) -> None:
    for word in ("0d", "366d", "9999", "-1d", "soon", "me", "me maybe", "30x"):
        await group.ask(f"remember {word}")
        settings = await group.loopback.store.chats.settings(group.chat)
        assert settings.talk.remember_days is None, word
    good = {"on": 7, "30d": 30, "30": 30, "1d": 1, "365 days": 365, "3天": 3}
    for word, days in good.items():
        told = "1 day," if days == 1 else f"{days} days"
        assert told in (await group.ask(f"remember {word}")).text
        settings = await group.loopback.store.chats.settings(group.chat)
        assert settings.talk.remember_days == days, word


async def test_fewer_days_delete_older_messages_at_once(group: Group) -> None:
    await group.ask("remember 30d")
    message = group.write(text="old")
    await group.send(replace(message, sent_at=message.sent_at - timedelta(days=9)))
    await group.say("new")
    assert await group.texts() == ["old", "new"]
    await group.ask("remember on")
    assert await group.texts() == ["new"]


async def test_commands_are_not_stored_and_edits_may_become_commands(group: Group) -> None:
    await group.ask("remember on")
    message = await group.say("words")
    await group.ask("help")
    assert await group.texts() == ["words"]
    await group.send(replace(message, edit_id="5", command="help", text=""))
    assert await group.kept() == []


@pytest.mark.parametrize("how", ["silent", "auto", "asked"])
async def test_transcripts_are_stored_in_the_history(group: Group, how: str) -> None:
    await group.ask("remember on")
    if how == "auto":
        await group.ask("auto on")
    film = Attachment("file-2", "video" if how == "asked" else "voice", duration_s=3.0)
    message = await group.send(group.write(BEN, attachment=film))
    if how == "asked":
        assert (await group.kept())[0].transcript is None
        await group.ask("transcribe", reply_to=quote(message))
    kept = (await group.kept())[0]
    assert kept.transcript and kept.transcript.text == "call 1"
    assert [r.quote for r in group.answers(message)] == (["call 1"] if how == "auto" else [])


async def test_spoken_follow_up_question_is_stored_too(group: Group) -> None:
    await group.ask("remember on")
    note = await group.speak(BEN)
    await group.ask("transcribe", reply_to=quote(note))
    job = (await group.loopback.store.jobs.history(group.chat))[0]
    sent = (await group.loopback.store.deliveries.parts(job.job_id))[0].platform_id
    asked = await group.speak(BEN, reply_to=QuotedMessage(sent))
    assert len(group.answers(asked)) == 1
    kept = await group.loopback.store.memory.message(group.chat, asked.message_id)
    assert kept and kept.transcript


async def test_voice_message_deleted_before_transcription_costs_nothing(group: Group) -> None:
    await group.ask("remember on")
    message = group.write(attachment=Attachment("file-1", duration_s=3.0))
    await group.loopback.inbox.forget(group.chat, message.message_id)
    await group.send(message)
    assert group.loopback.engine.calls == [] and await group.kept() == []


async def test_opting_out_deletes_everything_and_can_be_undone(group: Group) -> None:
    other = Group(group.loopback, Chat("test", "1", "-200"))
    for place in (group, other):
        await place.ask("remember on")
        await place.say("mine", ADA)
        await place.say("of Ben", BEN)
    reply = await group.ask("remember me off", ADA)
    # Two messages, and what she has asked: both times /remember on.
    assert "Deleted: 4 messages, 2 replies." in reply.text
    await other.say("mine again", ADA)
    await other.speak(ADA)
    for place in (group, other):
        assert await place.texts() == ["of Ben"]
    assert "You have opted out" in (await other.ask("remember", ADA)).text
    assert group.loopback.engine.calls == []
    await group.ask("remember me on", ADA)
    await group.say("back", ADA)
    assert await group.texts() == ["of Ben", "back"]


async def test_recordings_of_people_who_opted_out_are_not_transcribed(group: Group) -> None:
    await group.ask("auto on")
    await group.ask("remember me off", ADA)
    message = await group.speak(ADA)
    assert group.answers(message) == [], "auto leaves it alone"
    reply = await group.ask("transcribe", BEN, reply_to=quote(message))
    assert "opted out" in reply.text
    assert group.loopback.engine.calls == []
    reply = await group.ask("transcribe", ADA, reply_to=quote(message))
    assert reply.quote == "call 1", "their own is theirs"


async def test_private_chat_stores_forwarded_messages_only(group: Group) -> None:
    private = Group(group.loopback, Chat("test", "1", "7"), is_private=True)
    assert "forward" in (await private.ask("remember on")).text
    assert (await group.loopback.store.chats.settings(private.chat)).talk.remember_days is None
    await private.say("not kept")
    first = await private.say("one", forwarded_from="Eve")
    second = await private.say("two", forwarded_from="Eve")
    assert "/summary" in private.answers(first)[0].text
    assert private.answers(second) == []
    note = await private.speak(forwarded_from="Eve")
    assert private.answers(note)[0].quote == "call 1"
    kept = await private.kept()
    assert [(m.text, m.sender_name) for m in kept] == [("one", "Eve"), ("two", "Eve"), ("", "Eve")]
    assert kept[2].transcript and kept[2].transcript.text == "call 1"


SONG = Attachment("f", kind="audio")
VOICE = Attachment("f")
FIX = "no, it is Kowalski"


@pytest.mark.parametrize(
    ("changes", "settings", "command"),
    [
        ({"text": "hi"}, REMEMBERS, None),
        ({"attachment": VOICE}, REMEMBERS, "note"),
        ({"attachment": SONG}, REMEMBERS, None),
        ({"attachment": VOICE}, replace(REMEMBERS, is_auto=True), "transcribe"),
        ({"attachment": VOICE}, ChatSettings(), None),
        ({"command": "text_file", "text": "txt key"}, ChatSettings(), None),
        ({"command": "note", "attachment": VOICE}, ChatSettings(), None),
        (
            {"command": "text_file", "text": "txt key", "button": "token"},
            ChatSettings(),
            "text_file",
        ),
        ({"command": "digest_due", "text": "2020-01-01T00:00+00:00"}, ChatSettings(), None),
        ({"command": "help"}, ChatSettings(), "help"),
        ({"command": "other_bots"}, ChatSettings(), None),
        ({"text": "why?", "reply_to": QuotedMessage("5")}, ChatSettings(), None),
        ({"text": "why?", "reply_to": QuotedMessage("5", command="ask")}, ChatSettings(), "ask"),
        (
            {"attachment": VOICE, "reply_to": QuotedMessage("5", command="ask")},
            ChatSettings(),
            "ask",
        ),
        ({"attachment": SONG, "reply_to": QuotedMessage("5", command="ask")}, ChatSettings(), None),
        # A sticker, for example.
        ({"reply_to": QuotedMessage("5", command="ask")}, ChatSettings(), None),
        (
            {"text": "why?", "reply_to": QuotedMessage("5", command="transcribe")},
            ChatSettings(),
            "ask",
        ),
        ({"text": "why?", "reply_to": QuotedMessage("5", command="voice")}, ChatSettings(), None),
        (
            {"text": FIX, "reply_to": QuotedMessage("5", command="transcribe")},
            ChatSettings(),
            "fix",
        ),
        (
            {"command": "help", "reply_to": QuotedMessage("5", command="ask")},
            ChatSettings(),
            "help",
        ),
    ],
)
def test_command_for_a_groups_message(
    new_message: NewMessage, changes: dict[str, object], settings: ChatSettings, command: str | None
) -> None:
    message = new_message(**{"is_private": False, "attachment": None, **changes})
    assert pick_command(message, settings) == command


@pytest.mark.parametrize(
    ("since_s", "until_s", "person_id", "command"),
    [
        (0, 1, "7", "consent"), (0, 0, "7", "transcribe"), (1, 2, "7", "transcribe"),
        (0, 1, "8", "transcribe"), (None, 1, "7", "transcribe"),
    ],
)  # fmt: skip
def test_the_expected_recording_has_to_come_in_time(
    new_message: NewMessage, since_s: int | None, until_s: int, person_id: str, command: str
) -> None:
    song = new_message(attachment=SONG)
    since_at = None if since_s is None else song.sent_at + timedelta(seconds=since_s)
    until_at = song.sent_at + timedelta(seconds=until_s)
    expects = ExpectedRecording("consent", "sentence", "code", until_at, since_at, person_id)
    assert pick_command(song, ChatSettings(expects=expects)) == command
