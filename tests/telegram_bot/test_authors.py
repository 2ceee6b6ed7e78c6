"""Senders of messages, quoted messages and forwards; deep links; edits."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from bots.telegram_bot.incoming.updates import read_update
from core.models import Message, QuotedMessage
from tests.support.telegram_updates import (
    CHANNEL,
    FOUND,
    GROUP,
    ME,
    NOW,
    VOICE,
    command,
    make,
    read_message,
)

BEN = {"id": 8, "is_bot": False, "first_name": "Ben", "last_name": "Ito"}
TOKEN = secrets.token_urlsafe(16)


@pytest.mark.parametrize(
    ("origin", "name", "person_id"),
    [
        ({"type": "user", "sender_user": BEN}, "Ben Ito", "8"),
        (
            {"type": "user", "sender_user": BEN | {"first_name": "\u202e\n", "last_name": None}},
            "?",
            "8",
        ),
        ({"type": "hidden_user", "sender_user_name": "Cleo \x00 M."}, "Cleo M.", ""),
        ({"type": "chat", "sender_chat": GROUP}, "Group", "-1001"),
        ({"type": "channel", "chat": CHANNEL, "message_id": 3}, "News", str(CHANNEL["id"])),
        ({"type": "of_bot_api_12", "somebody": {"id": 1}}, "?", ""),
    ],
)
def test_a_forward_names_its_first_sender(
    origin: dict[str, Any], name: str, person_id: str
) -> None:
    message = read_message(text="said", forward_origin=origin | {"date": 1})
    assert (message.forwarded_from, message.sender_name) == (name, "Ann Lee")
    assert message.author_ids == {message.sender_id, person_id} - {""}
    quoted = make(text="said", forward_origin=origin | {"date": 1})
    replying = read_message(text="and?", reply_to_message=quoted)
    assert replying.reply_to and replying.reply_to.origin_id == person_id


@pytest.mark.parametrize("text", ["/remember off", "/help@other_bot"])
def test_a_forwarded_command_is_text(text: str) -> None:
    origin = {"type": "user", "sender_user": BEN, "date": 1}
    message = read_message(forward_origin=origin, **command(text))
    assert (message.command, message.text) == ("", text)


@pytest.mark.parametrize(
    ("quoted", "sender_id"),
    [
        ({"from": BEN}, "8"),
        ({"from": {"id": 1087968824, "is_bot": True, "first_name": "G"}, "sender_chat": GROUP},
         "-1001"),
        ({"from": None}, ""),
    ],
)  # fmt: skip
def test_quoted_message_names_its_sender(quoted: dict[str, Any], sender_id: str) -> None:
    under = make(message_id=3, chat=GROUP, voice=VOICE, **quoted)
    message = read_message(chat=GROUP, text="who?", reply_to_message=under)
    assert message.reply_to == QuotedMessage("3", "", FOUND, sender_id)


@pytest.mark.parametrize(
    ("external", "quoted"),
    [
        ({"origin": {"type": "user", "sender_user": BEN}, "message_id": 44,
          "chat": {"id": -1009, "type": "supergroup"}}, QuotedMessage("", "", FOUND, "8")),
        ({"origin": {"type": "user", "sender_user": BEN}, "message_id": 44, "chat": GROUP},
         QuotedMessage("44", "", FOUND, "8")),
        ({"origin": {"type": "hidden_user", "sender_user_name": "H"}},
         QuotedMessage("", "", FOUND)),
    ],
)  # fmt: skip
def test_a_message_of_another_chat_has_no_id_here(external: Any, quoted: QuotedMessage) -> None:
    external["origin"]["date"] = 1
    message = read_message(chat=GROUP, external_reply=external | {"voice": VOICE}, text="x")
    assert message.reply_to == quoted


def test_start_with_a_token_is_a_button_press() -> None:
    message = read_message(**command(f"/start {TOKEN}", 6))
    assert (message.button, message.command, message.text) == (TOKEN, "", "")
    assert (message.message_id, message.sender_id, message.is_private) == ("5", "7", True)


@pytest.mark.parametrize(
    "content",
    [
        command("/start"), command("/start ref_2026"), command(f"/start {TOKEN}x", 6),
        command(f"/start {TOKEN[:-1]}!", 6), command(f"/start {TOKEN} x", 6),
        command(f"/start {TOKEN}", 6, chat=GROUP), command(f"/help {TOKEN}", 5),
    ],
)  # fmt: skip
def test_other_text_stays_with_the_start_command(content: dict[str, Any]) -> None:
    message = read_message(**content)
    assert message.button == ""
    assert message.command in ("start", "help")


@pytest.mark.parametrize(("chat", "is_news"), [(GROUP, True), (None, False)])
def test_an_emptied_message_is_handed_in_for_groups(
    chat: dict[str, Any] | None, is_news: bool
) -> None:
    raw = make(edit_date=1700000009) | ({"chat": chat} if chat else {})
    message = read_update({"update_id": 1, "edited_message": raw}, ME, NOW)
    assert isinstance(message, Message) is is_news
    if isinstance(message, Message):
        assert (message.text, message.command, message.attachment) == ("", "", None)
    assert read_update({"update_id": 1, "message": raw}, ME, NOW) is None
