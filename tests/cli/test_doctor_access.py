"""`hearsay doctor` says who may use the bot, and at whose cost."""

from __future__ import annotations

import pytest

from bots.doctor.access_checks import can_be_guessed, check_access
from bots.doctor.results import CheckRun
from tests.support.fake_inbox import make_settings
from tests.support.hearsay_command import TOKEN


async def test_who_may_use_the_bot_is_said() -> None:
    token = {"telegram_bot_token": TOKEN}
    expected = {
        "": ("warn", "anybody who finds the bot can use it and spend the budget"),
        "ask": ("ok", "those that an operator approves"),
        "7,ask": ("ok", "1 listed in ALLOWED_CHATS, and those that an operator approves"),
        "7,8": ("ok", "2 listed in ALLOWED_CHATS"),
    }
    for allowed, (status, text) in expected.items():
        settings = make_settings(allowed_chats=allowed, admin_ids="telegram:1", **token)
        found = await check_access(CheckRun(settings))
        assert (found.status, found.text, found.code) == (status, text, 0)
    assert "no chat platform" in (await check_access(CheckRun(make_settings()))).text


@pytest.mark.parametrize(
    ("secret", "is_weak"),
    [
        ("Password-1234", True),
        ("hearsayadmin!", True),
        ("change-this-secret", True),
        ("aaaaaaaaaaaaaaaa", True),
        ("200012312359", True),
        ("qwertyqwerty", True),
        ("correct horse battery", False),
        ("9f0c1e7ab2d84f6635c09e1b7d2a4c80", False),
        ("STy2ezuZM1djxzPAk9TvGMQp", False),
    ],
)
def test_what_can_be_guessed(secret: str, is_weak: bool) -> None:
    assert can_be_guessed(secret) is is_weak
