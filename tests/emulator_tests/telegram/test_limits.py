"""Flood limits and getUpdates of the local Telegram."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest
from telegram import Bot
from telegram.error import Conflict

from tests.emulator_tests.telegram.conftest import PostMethod
from tests.emulators.telegram import TelegramServer
from tests.support.virtual_time import current_clock


async def send_many(post: PostMethod, chat: int, count: int) -> list[int]:
    """Send messages one after another; return each retry_after, 0 for none."""
    bodies = [await post("sendMessage", chat_id=chat, text=str(number)) for number in range(count)]
    return [body.get("parameters", {}).get("retry_after", 0) for body in bodies]


async def test_private_chat_allows_three_at_once_and_then_one_per_second(
    telegram: TelegramServer, post: PostMethod
) -> None:
    ann = telegram.add_user()
    telegram.set_limits(is_strict=True)
    assert await send_many(post, ann, 5) == [0, 0, 0, 1, 1]
    assert telegram.violations() == {ann: 2}
    await asyncio.sleep(1)
    assert await send_many(post, ann, 2) == [0, 1]
    assert len(telegram.replies(ann)) == 4


async def test_uploads_of_one_size_are_spaced(telegram: TelegramServer, post: PostMethod) -> None:
    ann = telegram.add_user()
    telegram.set_limits(is_strict=True)
    limits = telegram.api.limits
    assert [limits.space(size) for size in (100_000, 100_000, 100_001)] == [0, 0, 0]
    waits_s = [limits.space(100_001) for _ in range(12)]
    assert waits_s == pytest.approx([*(0.5 * n for n in range(1, 11)), math.inf, math.inf], abs=0.1)
    telegram.set_limits(is_strict=False)
    assert limits.space(100_001) == 0
    assert await send_many(post, ann, 1) == [0]


async def test_group_allows_twenty_per_minute_including_edits(
    telegram: TelegramServer, post: PostMethod
) -> None:
    group = telegram.add_chat()
    telegram.set_limits(is_strict=True)
    assert await send_many(post, group, 10) == [0] * 10
    edits = [
        await post("editMessageText", chat_id=group, message_id=1, text=f"edit {number}")
        for number in range(11)
    ]
    assert [edit["ok"] for edit in edits] == [True] * 10 + [False]
    assert edits[-1]["parameters"]["retry_after"] == 60
    await asyncio.sleep(60)
    assert await send_many(post, group, 1) == [0]


async def test_overall_limit_is_thirty_per_second_and_only_counted_unless_strict(
    telegram: TelegramServer, post: PostMethod
) -> None:
    people = [telegram.add_user() for _ in range(35)]

    async def everybody() -> int:
        sends = (post("sendMessage", chat_id=one, text="x") for one in people)
        return sum(body.get("error_code") == 429 for body in await asyncio.gather(*sends))

    assert await everybody() == 0
    assert sum(telegram.violations().values()) == 5
    await asyncio.sleep(5)
    telegram.set_limits(is_strict=True)
    assert await everybody() == 5


async def test_an_update_stays_until_a_higher_offset_confirms_it(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    for number in range(120):
        telegram.send_text(ann, ann, str(number))
    ids = telegram.pending()
    assert [u.update_id for u in await bot.get_updates()] == ids[:100]
    assert [u.update_id for u in await bot.get_updates(offset=ids[30], limit=2)] == ids[30:32]
    assert telegram.pending() == ids[30:]
    # An offset far beyond the queue is invalid: the head again, nothing confirmed.
    assert [u.update_id for u in await bot.get_updates(ids[-1] + 500, limit=1)] == ids[30:31]
    assert telegram.pending() == ids[30:]


async def test_repeated_offset_is_delayed_and_gets_one_update(
    telegram: TelegramServer, post: PostMethod
) -> None:
    ann = telegram.add_user()
    assert (await post("getUpdates"))["result"] == []
    started = current_clock().monotonic()
    assert (await post("getUpdates", limit=50))["result"] == []
    assert current_clock().monotonic() - started == pytest.approx(3)
    telegram.send_text(ann, ann, "1")
    telegram.send_text(ann, ann, "2")
    await post("getUpdates", offset=1)
    assert len((await post("getUpdates", offset=1))["result"]) == 1


async def test_older_of_two_pollers_gets_a_conflict(
    telegram: TelegramServer, bot: Bot, new_bot: Callable[[], Bot]
) -> None:
    ann = telegram.add_user()
    async with new_bot() as other:
        first = asyncio.create_task(bot.get_updates(timeout=6))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(other.get_updates(timeout=6))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        telegram.send_text(ann, ann, "hi")
        assert len(await second) == 1


async def test_migration_is_announced_in_both_groups_and_updates_are_shuffled(
    telegram: TelegramServer, bot: Bot
) -> None:
    group = telegram.add_chat("group")
    moved = telegram.migrate(group)
    old, new = [update.message for update in await bot.get_updates()]
    assert old and new
    assert (old.migrate_to_chat_id, new.migrate_from_chat_id) == (moved, group)
    for number in range(30):
        telegram.send_text(moved, telegram.world.bot.user_id, str(number))
    telegram.shuffle()
    ids = [update.update_id for update in await bot.get_updates(offset=telegram.pending()[2])]
    assert ids != sorted(ids) == telegram.pending()
