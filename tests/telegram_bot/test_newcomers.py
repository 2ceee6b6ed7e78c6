"""Who joins a Telegram group that keeps a history is told so, quietly, many at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.clock import Clock
from core.models import Chat, ChatSettings, TalkSettings
from tests.emulators.telegram import TelegramServer as Server
from tests.support.loopback import Loopback

MINUTE_S, HOUR_S = 60.0, 3600.0


@pytest.fixture
async def history(whole: Loopback, telegram: Server, group: int) -> AsyncIterator[int]:
    """A group that keeps a history."""
    chat = Chat("telegram", str(telegram.world.bot.user_id), str(group))
    settings = ChatSettings(talk=TalkSettings(remember_days=7))
    await whole.store.chats.save_settings(chat, settings)
    yield group


async def test_twenty_who_join_get_one_quiet_note(
    whole: Loopback, telegram: Server, history: int, clock: Clock
) -> None:
    people = [telegram.add_user(f"Person {number}") for number in range(20)]
    telegram.enter(history, *people[:10])
    for person in people[10:]:
        telegram.enter(history, person)
    await clock.sleep(3 * MINUTE_S)
    [note] = telegram.replies(history)
    for part in ("AI", "7 days", "/remember me off", "/privacy"):
        assert part in note.text
    assert len(note.text) < 250
    [sent] = telegram.requests_to("sendMessage", chat=history)
    assert sent.params.get("disable_notification")
    # The next ones are told an hour later, and nobody twice.
    telegram.enter(history, telegram.add_user("Late"))
    telegram.enter(history, people[0])
    await clock.sleep(HOUR_S / 2)
    assert len(telegram.replies(history)) == 1
    await clock.sleep(HOUR_S)
    assert len(telegram.replies(history)) == 2
    await clock.sleep(5 * HOUR_S)
    assert len(telegram.replies(history)) == 2


async def test_where_nothing_is_kept_nobody_is_told(
    whole: Loopback, telegram: Server, group: int, clock: Clock
) -> None:
    telegram.enter(group, telegram.add_user("Eve"))
    await clock.sleep(HOUR_S)
    assert telegram.replies(group) == []


async def test_bots_that_join_are_not_told(
    whole: Loopback, telegram: Server, history: int, clock: Clock
) -> None:
    telegram.enter(history, telegram.add_user("Robot", is_bot=True))
    telegram.enter(history, telegram.world.bot.user_id)
    await clock.sleep(HOUR_S)
    assert telegram.replies(history) == []
