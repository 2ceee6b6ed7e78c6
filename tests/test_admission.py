"""Whose messages are taken in, by lists and decisions."""

from __future__ import annotations

from dataclasses import replace

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


APPROVED, DENIED, BANNED = Decision.APPROVED, Decision.DENIED, Decision.BANNED


@pytest.mark.parametrize("allowed", ["", "ask", f"{PERSON},{GROUP},{SERVER},ask", "telegram:7"])
@pytest.mark.parametrize("refused", [DENIED, BANNED])
def test_a_refusal_counts_everywhere_and_before_every_list(allowed: str, refused: Decision) -> None:
    assert rules(allowed, person=refused).judge(write()) is CLOSED
    for others in ({}, {"group": APPROVED}):
        assert rules(allowed, person=refused, **others).judge(write(GROUP)) is CLOSED
    of_group = rules(allowed, group=refused, person=APPROVED)
    assert of_group.judge(write(GROUP)) is CLOSED
    assert of_group.judge(write()) is OPEN, "elsewhere it does not count"
    of_server = rules(allowed, server=refused, person=APPROVED)
    assert of_server.judge(write(GROUP, "discord", SERVER)) is CLOSED


def test_an_approval_lets_people_in_in_private_and_groups_as_a_whole() -> None:
    person, group = rules("ask", person=APPROVED), rules("ask", group=APPROVED)
    assert (person.judge(write()), person.judge(write(GROUP))) == (OPEN, HELD)
    assert (group.judge(write()), group.judge(write(GROUP))) == (HELD, OPEN)
    server = rules("ask", server=APPROVED)
    assert server.judge(write(GROUP, "discord", SERVER)) is OPEN
    # One channel of a server can be let in by itself.
    assert group.judge(write(GROUP, "discord", SERVER)) is OPEN
    assert rules("1", person=APPROVED).judge(write()) is CLOSED, "nobody is asked"


def test_only_the_settings_keep_an_operator_out() -> None:
    def judge(allowed: str, denied: str = "") -> list[Verdict]:
        found = rules(allowed, denied)
        decided = {("telegram", "99"): BANNED}
        mine = [write("99"), write("99", "discord"), write(GROUP)]
        mine = [replace(one, sender_id="99", is_private=one.chat.chat_id == "99") for one in mine]
        return [replace(found, decisions=decided).judge(one) for one in mine]

    # That is an operator on Telegram alone, and in private alone.
    assert judge("1") == [OPEN, CLOSED, CLOSED]
    assert judge("") == [OPEN, OPEN, CLOSED]
    assert judge("", denied="99") == [CLOSED] * 3
