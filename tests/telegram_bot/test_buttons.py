"""Rows of buttons, and buttons that open the private chat."""

from __future__ import annotations

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.outgoing.requests import build_keyboard
from core.errors import PlatformBusy
from core.models import Button, Reply
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import make_target


def rows(*labels: str) -> list[list[str]]:
    keyboard = build_keyboard(
        [Button(label, "text_file" if label[0] == "." else "c", token="t") for label in labels]
    )
    assert keyboard
    return [[key.text for key in row] for row in keyboard.inline_keyboard]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            ["Summary", "Translate", "Ask", "Fix", "Listen", ".txt", ".srt", ".vtt"],
            [["Summary", "Translate", "Ask"], ["Fix", "Listen"], [".txt", ".srt", ".vtt"]],
        ),
        (
            ["总结", "翻译", "提问", "更正", "朗读", ".txt", ".srt", ".vtt"],
            [["总结", "翻译", "提问"], ["更正", "朗读"], [".txt", ".srt", ".vtt"]],
        ),
        (["Listen", ".txt", ".srt"], [["Listen"], [".txt", ".srt"]]),
        (["Retry"], [["Retry"]]),
        (["a", "b", "c", "d"], [["a", "b"], ["c", "d"]]),
        (["Warm and slow", "Quick and low", "x"], [["Warm and slow", "Quick and low"], ["x"]]),
        (["Read in private with me", "2:14", "3:05"],
         [["Read in private with me"], ["2:14", "3:05"]]),
        (["六个汉字标签"], [["六个汉字标签"]]),
    ],
)  # fmt: skip
def test_short_buttons_share_a_row(labels: list[str], expected: list[list[str]]) -> None:
    assert rows(*labels) == expected


async def test_a_private_button_opens_the_chat_with_the_bot(
    telegram: Server, bot: Bot, group: int
) -> None:
    token = "Ab_-" * 5 + "xy"
    buttons = (
        Button("Read in private", "private_summary", "x", token, is_private=True),
        Button("2:14", "replay", token="t2"),
    )
    # A username that could not be fetched is requested again, then cached.
    telegram.fault("getMe", "status", status=500)
    with pytest.raises(PlatformBusy):
        await bot.deliver(make_target(group, job_id="0")[0], Reply("x", buttons=buttons))
    for number in range(2):
        target, _ = make_target(group, job_id=str(number))
        await bot.deliver(target, Reply("I have it ready.", buttons=buttons))
    [private], [replay] = telegram.replies(group)[0].buttons
    assert private["url"] == f"https://t.me/hearsay_test_bot?start={token}"
    assert "callback_data" not in private
    assert replay["callback_data"] == "t2"
    assert len(telegram.requests_to("getMe")) == 2
