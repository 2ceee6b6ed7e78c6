"""`hearsay doctor` says who may use the bot, and at whose cost."""

from __future__ import annotations

from bots.doctor.access_checks import check_access
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
