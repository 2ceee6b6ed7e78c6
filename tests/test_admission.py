"""Whose messages are taken in, by lists and decisions."""

from __future__ import annotations

import pytest

from core.admission import Admission, Decision, Verdict
from core.config import Settings
from core.models import Chat, Message
from tests.support.virtual_time import BEGAN_AT

PERSON, GROUP, SERVER = "7", "-5", "800"
OPEN, HELD, CLOSED = Verdict.OPEN, Verdict.HELD, Verdict.CLOSED


def write(chat_id: str = PERSON, platform: str = "telegram", server_id: str = "") -> Message:
    """Return a message of the person."""
    is_private = chat_id == PERSON
    chat = Chat(platform, "1", chat_id)
    return Message(
        chat, "1", BEGAN_AT, sender_id=PERSON, is_private=is_private, server_id=server_id
    )


def rules(allowed: str = "", denied: str = "", **decided: Decision) -> Admission:
    """Return the rules. decided: about "person", "group" and "server"."""
    ids = {"person": PERSON, "group": GROUP, "server": SERVER}
    decisions = {
        (platform, ids[who]): decision
        for who, decision in decided.items()
        for platform in ("telegram", "discord")
    }
    token = {"telegram_bot_token": "token", "discord_bot_token": "token"}
    lists = {"allowed_chats": allowed, "denied_chats": denied, "admin_ids": "telegram:99"}
    settings = Settings(_env_file=None, **token, **lists)  # type: ignore[call-arg, arg-type]
    return Admission.read(settings, decisions)


@pytest.mark.parametrize("platform", ["telegram", "discord"])
@pytest.mark.parametrize("chat_id", [PERSON, GROUP])
def test_an_id_in_a_list_counts_on_every_platform_or_on_the_one_it_names(
    chat_id: str, platform: str
) -> None:
    message = write(chat_id, platform)
    for listed in (PERSON, f"telegram:{PERSON}"):
        is_meant = platform == "telegram" or listed == PERSON
        assert rules(denied=listed).judge(message) is (CLOSED if is_meant else OPEN)
        assert rules(allowed=listed).judge(message) is (OPEN if is_meant else CLOSED)
        assert rules(allowed=f"{listed},Ask").judge(message) is (OPEN if is_meant else HELD)
        assert rules(allowed=listed, denied=listed).judge(message) is CLOSED
