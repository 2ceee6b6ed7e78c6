"""The first minute on Telegram: a greeting, a mistyped command, and each button under them."""

from __future__ import annotations

import pytest

from tests.emulators.telegram import TelegramServer as Server
from tests.emulators.telegram.records import Message

pytestmark = pytest.mark.finding(20)


async def last_of(telegram: Server, chat: int, count: int) -> Message:
    """Return the last reply once there are so many."""
    await telegram.wait_for(lambda: len(telegram.replies(chat)) == count)
    return telegram.replies(chat)[-1]


@pytest.mark.usefixtures("whole")
async def test_a_greeting_gets_a_short_answer_whose_buttons_work(
    telegram: Server, ann: int
) -> None:
    for count, text in enumerate(("hello", "/start"), 1):
        telegram.send_text(ann, ann, text)
        greeting = await last_of(telegram, ann, count)
        assert "Send me a voice message now" in greeting.text and len(greeting.text) < 250
        keys = [key["text"] for row in greeting.buttons for key in row]
        assert keys == ["Hear my voice", "Voices", "Language", "Help"]
    telegram.press_button(ann, ann, greeting.message_id, "Help")
    assert "/transcribe" in (await last_of(telegram, ann, 3)).text
    telegram.press_button(ann, ann, greeting.message_id, "Hear my voice")
    spoken = await last_of(telegram, ann, 4)
    assert spoken.file and spoken.file.kind == "voice"


@pytest.mark.usefixtures("whole")
async def test_a_mistyped_command_leads_to_the_right_one(telegram: Server, ann: int) -> None:
    telegram.send_command(ann, ann, "/langage German")
    named = await last_of(telegram, ann, 1)
    assert named.text.startswith("I don't know /langage.")
    telegram.press_button(ann, ann, named.message_id, "/language")
    assert (await last_of(telegram, ann, 2)).text.startswith("Language: German")


@pytest.mark.usefixtures("whole")
async def test_in_groups_only_what_is_meant_for_us_is_named(
    telegram: Server, group: int, ann: int
) -> None:
    for text in ("/langage", "/langage@another_bot", "/unheard@hearsay_test_bot of"):
        telegram.send_command(group, ann, text)
    assert (await last_of(telegram, group, 1)).text.startswith("I don't know /unheard.")
    telegram.send_command(group, ann, "/summry@hearsay_test_bot 20 messages")
    named = await last_of(telegram, group, 2)
    telegram.press_button(group, ann, named.message_id, "/summary")
    assert "/remember on" in (await last_of(telegram, group, 3)).text
