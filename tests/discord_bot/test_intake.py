"""Raw Discord messages as ours, in every shape."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bots.discord_bot.client.gateway import POISON
from bots.discord_bot.incoming.messages import ChannelRef, read_messages
from core.commands import pick_command
from core.models import Attachment, Chat, ChatSettings, Message, QuotedMessage
from tests.support.discord_payloads import (
    ALONE,
    ANN,
    BOB,
    BOT,
    GUILD,
    HERE,
    MESSAGE,
    ROOM,
    THREAD,
    make_file,
    make_raw,
    make_user,
    make_voice,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(raw: dict[str, Any], channel: ChannelRef = HERE, **options: Any) -> Message:
    return read_messages(raw, channel, BOT, **options)[0]


def test_sender_and_chat_of_a_text() -> None:
    assert read(make_raw("Hello")) == Message(
        Chat("discord", BOT, ROOM),
        MESSAGE,
        NOON,
        ANN,
        "Ann",
        is_private=False,
        text="Hello",
        server_id=GUILD,
    )
    assert read(make_raw("Hello"), ALONE).is_private
    message = read(make_raw("Hello", channel_id=THREAD), ChannelRef(GUILD, ROOM, THREAD))
    assert (message.chat.chat_id, message.thread_id) == (ROOM, THREAD)
    assert read(make_raw("x", member={"nick": "Annie\n "})).sender_name == "Annie"
    nameless = make_user(global_name=None)
    assert read(make_raw("x", author=nameless, member={"nick": None})).sender_name == "ann"


def test_a_voice_message() -> None:
    file_id = f"{ROOM}/{MESSAGE}/500000000000000001"
    expected = Attachment(file_id, "voice", "voice-message.ogg", "audio/ogg", 4321, 2.5)
    assert read(make_voice()).attachment == expected
    # Links are signed anew each time: the recording is the same.
    first = make_voice()
    again = make_voice()
    again["attachments"][0]["url"] = "https://cdn.discordapp.com/attachments/1/2/x.ogg?ex=9"
    assert read(first).attachment == read(again).attachment


@pytest.mark.parametrize(
    ("name", "mime", "kind"),
    [
        ("song.mp3", "audio/mpeg", "audio"), ("clip.mp4", "video/mp4; codecs=avc1", "video"),
        ("talk.m4a", None, "document"), ("TALK.OGG .", "application/octet-stream", "document"),
        ("odd", "application/ogg", "document"),
    ],
)  # fmt: skip
def test_recordings_by_type_and_name(name: str, mime: str | None, kind: str) -> None:
    recording = read(
        make_raw("listen", attachments=[make_file(name, content_type=mime)])
    ).attachment
    assert recording and recording.kind == kind


@pytest.mark.parametrize("length", [float("inf"), float("nan"), -1, 10**400, True, "9", None])
def test_a_claimed_length_that_cannot_be_one_is_left_out(length: Any) -> None:
    recording = read(make_raw("", attachments=[make_file(duration_secs=length)])).attachment
    assert recording and recording.duration_s is None


def test_other_files_are_skipped() -> None:
    picture = make_file("cat.png", id="1", content_type="image/png")
    assert read(make_raw("see", attachments=[picture])).attachment is None
    file = make_file("..\\../etc/pass\r\nwd\u202etxt.ogg")
    recording = read(make_raw("", attachments=[picture, file])).attachment
    assert recording and recording.file_id.endswith("/500000000000000001")
    assert recording.name == "pass wdtxt.ogg"  # it leads nowhere


def test_each_recording_is_a_message() -> None:
    files = [make_file(f"{n}.ogg", id=str(n)) for n in range(3)]
    found = read_messages(make_raw("all of it", attachments=files), ALONE, BOT)
    assert [m.attachment and m.attachment.name for m in found] == ["0.ogg", "1.ogg", "2.ogg"]
    assert [m.edit_id for m in found] == ["", "0:1", "0:2"]
    assert {(m.message_id, m.text) for m in found} == {(MESSAGE, "all of it")}
    # Edits come later than all of these.
    assert found[-1].edit_id < read_edit_id("2026-11-21T12:00:05+00:00")
    files = [make_file(f"{n}.ogg", id=str(n)) for n in range(2)]
    assert len(read_messages(make_raw(f"<@{BOT}> what?", attachments=files), HERE, BOT)) == 1
    assert len(read_messages(make_raw(f"<@{BOT}>", attachments=files), HERE, BOT)) == 2


def read_edit_id(moment: str) -> str:
    return read(make_raw("x", edited_timestamp=moment), is_edit=True).edit_id


def test_a_forward_has_text_and_recording() -> None:
    snapshot = {"content": "listen", "flags": 1 << 13, "attachments": [make_file(duration_secs=2)]}
    reference = {"type": 1, "message_id": "1", "channel_id": "2"}
    raw = make_raw(message_reference=reference, message_snapshots=[{"message": snapshot}])
    message = read(raw, ALONE)
    assert (message.text, message.forwarded_from, message.reply_to) == ("listen", "?", None)
    assert message.attachment and message.attachment.kind == "voice"
    assert message.attachment.file_id.startswith(f"{ROOM}/{MESSAGE}/")
    # A mention in it asks for nothing.
    raw = make_raw(message_snapshots=[{"message": {"content": f"<@{BOT}> what is this?"}}])
    assert read(raw).command == ""


def test_a_reply_holds_the_quoted_message() -> None:
    quoted = make_voice(id="5", author=make_user(BOB, "bob"))
    reference = {"type": 0, "message_id": "5", "channel_id": ROOM}
    raw = make_raw("what?", type=19, message_reference=reference, referenced_message=quoted)
    found = read(raw).reply_to
    assert found and (found.message_id, found.sender_id) == ("5", BOB)
    assert found.attachment and found.attachment.file_id == f"{ROOM}/5/500000000000000001"
    reference = {"message_id": "5", "channel_id": ROOM}
    raw = make_raw("what?", type=19, message_reference=reference, referenced_message=None)
    assert read(raw).reply_to == QuotedMessage("5")


@pytest.mark.parametrize(
    "raw",
    [
        *(make_raw("x", author=make_user() | {name: True}) for name in ("bot", "system")),
        make_raw("x", author=make_user(BOT)), make_raw("x", author=None),
        *(make_raw("x", **{name: "1"}) for name in ("webhook_id", "application_id")),
        make_raw("x", type=7), make_raw("x", type=21), make_raw("\x00 \n"),
    ],
)  # fmt: skip
def test_messages_of_bots_and_empty_ones_are_skipped(raw: dict[str, Any]) -> None:
    assert read_messages(raw, HERE, BOT) == []


def test_mentions_become_names_and_the_bots_own_is_removed() -> None:
    raw = make_raw(
        f"<@{BOT}> tell <@!{BOB}> and <@123> about <a:dance:456>",
        mentions=[make_user(BOB, "bob"), make_user(BOT, "hearsay")],
    )
    assert read(raw).text == "tell @Bob and <@123> about :dance:"


@pytest.mark.parametrize(
    ("content", "quoted", "command"),
    [
        (f"<@{BOT}> what is this?", None, "ask"),
        (f"<@!{BOT}> what does she say?", make_voice(id="5"), "ask"),
        (f"<@{BOT}>", make_voice(id="5"), "transcribe"),
        (f"<@{BOT}>", None, "start"),
        ("what does she say?", make_voice(id="5"), ""),
        (f"<@{BOT}> and then?", make_raw("It is…", id="5", author=make_user(BOT)), ""),
    ],
)
def test_a_mention_of_the_bot_is_a_command(
    content: str, quoted: dict[str, Any] | None, command: str
) -> None:
    raw = make_raw(content)
    if quoted:
        raw |= {"message_reference": {"message_id": "5"}, "referenced_message": quoted, "type": 19}
    assert read(raw).command == command


@pytest.mark.finding(20)
@pytest.mark.parametrize(
    ("content", "command", "text"),
    [
        ("/summry 200 messages", "summry", "200 messages"), ("/Help", "help", ""),
        ("/etc/passwd", "", "/etc/passwd"), ("/ hello", "", "/ hello"),
        ("see /help", "", "see /help"),
    ],
)  # fmt: skip
def test_a_command_typed_as_text_is_one_in_private(content: str, command: str, text: str) -> None:
    [message] = read_messages(make_raw(content), ChannelRef("", "77"), BOT)
    assert (message.command, message.text) == (command, text)
    assert read(make_raw(content)).command == ""


def test_voice_messages_in_servers_need_auto_or_a_mention() -> None:
    note = read(make_voice())
    assert pick_command(note, ChatSettings()) is None
    assert pick_command(note, ChatSettings(is_auto=True)) == "transcribe"
    mention = read(make_voice() | {"content": f"<@{BOT}>"})
    assert pick_command(mention, ChatSettings()) == "transcribe"


def test_edits_have_ids_link_previews_do_not_count_and_erasing_does() -> None:
    edited = make_raw("new", edited_timestamp="2026-11-21T12:00:05.250000+00:00")
    assert read(edited, is_edit=True).edit_id == "1795262405250"
    # Read from the history it is the message itself: whoever asks has not seen it before.
    assert read(edited).edit_id == ""
    assert read_messages(make_raw("see https://…"), HERE, BOT, is_edit=True) == []
    edited = make_raw("", edited_timestamp="2026-11-21T12:00:05+00:00")
    assert read(edited, is_edit=True).text == ""
    assert read_messages(edited, ALONE, BOT, is_edit=True) == []


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
_FIELDS = [*make_voice(), "message_reference", "referenced_message", "message_snapshots", "member"]


@settings(max_examples=50)
@example({"id": 1 << 88})  # its time is none that the system knows
@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON, min_size=1, max_size=4))
def test_unexpected_shapes_raise_poison_only(fields: dict[str, Any]) -> None:
    """Unreadable messages raise errors that skip only the event."""
    try:
        found = read_messages(make_voice() | fields, HERE, BOT)
    except POISON:
        return
    assert all(isinstance(message, Message) for message in found)
