"""The local Telegram server breaks on purpose: files, limits, faults, and life as a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from telegram import Bot
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter, TimedOut

from tests.emulators.telegram import TelegramServer
from tests.emulators.telegram.client import build_bot, call
from tests.support.virtual_time import current_clock

OPUS = b"OggS" + bytes(24) + b"OpusHead" + bytes(900)
MIB = 1 << 20


@pytest.fixture
async def bot(telegram: TelegramServer) -> AsyncIterator[Bot]:
    async with build_bot(telegram, timeout_s=1.5) as client:
        yield client


# --- files


def file_id(server: TelegramServer, chat: int, message_id: int) -> str:
    file = server.message(chat, message_id).file
    assert file
    return file.file_id


async def test_a_file_is_downloaded_by_its_link_until_the_link_expires(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    note = file_id(telegram, ann, telegram.send_voice(ann, ann, OPUS))
    file = await bot.get_file(note)
    assert bytes(await file.download_as_bytearray()) == OPUS
    assert (await bot.get_file(note)).file_path == file.file_path
    telegram.expire_links()
    with pytest.raises(InvalidToken):  # what the client makes of a 404
        await file.download_as_bytearray()
    assert bytes(await (await bot.get_file(note)).download_as_bytearray()) == OPUS
    with pytest.raises(BadRequest, match="Invalid file_id"):
        await bot.get_file("nonsense")


@pytest.mark.parametrize(
    ("size", "claim", "is_refused"),
    [(20 * MIB, None, False), (20 * MIB + 1, 5, True), (5, 20 * MIB + 1, True)],
)
async def test_files_above_20_mib_are_refused_whatever_they_claim(
    telegram: TelegramServer, bot: Bot, size: int, claim: int | None, is_refused: bool
) -> None:
    ann = telegram.add_user()
    claims = {"claimed_bytes": claim}
    sent = telegram.send_document(ann, ann, bytes(size), claims=claims)
    if is_refused:
        with pytest.raises(BadRequest, match="File is too big"):
            await bot.get_file(file_id(telegram, ann, sent))
    else:
        file = await bot.get_file(file_id(telegram, ann, sent))
        assert file.file_size is None
        assert len(await file.download_as_bytearray()) == size


async def test_a_local_server_hands_out_paths_and_knows_no_limit() -> None:
    async with TelegramServer(is_local=True) as server, build_bot(server) as bot:
        ann = server.add_user()
        sent = server.send_document(ann, ann, bytes(21 * MIB))
        file = await bot.get_file(file_id(server, ann, sent))
        assert file.file_path and Path(file.file_path).stat().st_size == 21 * MIB
    assert not Path(file.file_path).exists()


async def test_downloads_are_cut_slow_or_gone(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    data = OPUS * 10
    file = await bot.get_file(file_id(telegram, ann, telegram.send_voice(ann, ann, data)))
    telegram.fault("download", "cut")
    with pytest.raises(NetworkError):
        await file.download_as_bytearray()
    telegram.fault("download", "slow", bytes_per_s=len(data) / 2)
    started = current_clock().monotonic()
    assert bytes(await file.download_as_bytearray()) == data
    assert current_clock().monotonic() - started == pytest.approx(1)
    telegram.fault("download", "status", status=404)
    with pytest.raises(InvalidToken):
        await file.download_as_bytearray()
    assert [one.status for one in telegram.calls_of("download")] == [200, 200, 404]


# --- limits


async def send_many(server: TelegramServer, chat: int, count: int) -> list[int]:
    """Send texts one after another; return the waits that were asked for, 0 for none."""
    waits = []
    for number in range(count):
        body = await call(server, "sendMessage", chat_id=chat, text=str(number))
        waits.append(body.get("parameters", {}).get("retry_after", 0))
    return waits


async def test_a_private_chat_takes_three_at_once_and_then_one_per_second(
    telegram: TelegramServer,
) -> None:
    ann = telegram.add_user()
    telegram.set_limits(is_strict=True)
    assert await send_many(telegram, ann, 5) == [0, 0, 0, 1, 1]
    assert telegram.violations() == {ann: 2}
    await asyncio.sleep(1)
    assert await send_many(telegram, ann, 2) == [0, 1]
    assert len(telegram.answers(ann)) == 4


async def test_a_group_takes_twenty_per_minute_edits_included(
    telegram: TelegramServer, bot: Bot
) -> None:
    group = telegram.add_chat()
    telegram.set_limits(is_strict=True)
    assert await send_many(telegram, group, 10) == [0] * 10
    for number in range(10):
        await bot.edit_message_text(f"edit {number}", group, 1)
    with pytest.raises(RetryAfter) as caught:
        await bot.edit_message_text("one too many", group, 1)
    assert caught.value.retry_after.total_seconds() == 60  # type: ignore[union-attr]
    await asyncio.sleep(60)
    assert await send_many(telegram, group, 1) == [0]


async def test_thirty_per_second_in_all_and_only_counted_unless_strict(
    telegram: TelegramServer,
) -> None:
    people = [telegram.add_user() for _ in range(35)]

    async def everybody() -> int:
        async with httpx.AsyncClient() as client:
            url = f"{telegram.api_base_url}{telegram.token}/sendMessage"
            posts = [client.post(url, data={"chat_id": one, "text": "x"}) for one in people]
            return sum(answer.status_code == 429 for answer in await asyncio.gather(*posts))

    assert await everybody() == 0
    assert sum(telegram.violations().values()) == 5
    assert sum(one.is_over_limit for one in telegram.calls) == 5
    telegram.forget_calls()
    await asyncio.sleep(5)
    telegram.set_limits(is_strict=True)
    assert await everybody() == 5


async def test_uploads_of_the_same_size_are_spaced_out(telegram: TelegramServer, bot: Bot) -> None:
    telegram.set_limits(is_strict=True)
    started = current_clock().monotonic()
    for _ in range(10):
        await bot.send_document(telegram.add_user(), bytes(300_000))
    # Six pass at once, the others 0.2 s apart.
    assert current_clock().monotonic() - started == pytest.approx(0.8)
    hold = telegram.api.limits.upload_wait_s
    assert not any(hold(200_000 + number) for number in range(40))
    waits = [hold(400_000) for _ in range(35)]
    assert waits[5] == pytest.approx(0, abs=1e-6)
    assert waits[30] and waits[33] is None  # more than 5 s behind


# --- faults


async def test_errors_on_demand_meet_the_calls_they_name(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann, bob = telegram.add_user(), telegram.add_user()
    telegram.fault("send*", "status", status=429, retry_after=5, count=2, chat_id=ann)
    for _ in range(2):
        with pytest.raises(RetryAfter):
            await bot.send_message(ann, "x")
        await bot.send_message(bob, "x")
    await bot.send_message(ann, "x")
    telegram.fault("sendMessage", "html", status=502)
    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.send_message(ann, "x")
    telegram.fault("editMessageText", "status", status=400, description="message can't be edited")
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("y", ann, 1)
    statuses = [one.status for one in telegram.calls_of("sendMessage", chat=ann)]
    assert statuses == [429, 429, 200, 502]


@pytest.mark.parametrize(
    ("status", "error"), [(401, InvalidToken), (404, InvalidToken), (409, Conflict)]
)
async def test_polls_fail_once_and_go_on(
    telegram: TelegramServer, bot: Bot, status: int, error: type[Exception]
) -> None:
    telegram.fault("getUpdates", "status", status=status)
    with pytest.raises(error):
        await bot.get_updates()
    assert await bot.get_updates(limit=5) == ()


async def test_a_connection_hangs_closes_or_loses_the_reply(
    telegram: TelegramServer, bot: Bot
) -> None:
    ann = telegram.add_user()
    telegram.fault("sendMessage", "hang")
    with pytest.raises(TimedOut):
        await bot.send_message(ann, "never answered")
    telegram.fault("sendMessage", "close")
    with pytest.raises(NetworkError):
        await bot.send_message(ann, "not taken")
    assert telegram.answers(ann) == []
    telegram.fault("sendMessage", "lose_reply")
    with pytest.raises(NetworkError):
        await bot.send_message(ann, "taken")
    assert [message.text for message in telegram.answers(ann)] == ["taken"]
    telegram.fault("sendMessage", "delay", delay_s=0.3)
    started = current_clock().monotonic()
    await bot.send_message(ann, "late")
    assert current_clock().monotonic() - started == pytest.approx(0.3)
    assert [one.fault for one in telegram.calls_of("sendMessage")] == [
        "hang",
        "close",
        "lose_reply",
        "delay",
    ]
    assert [one.status for one in telegram.calls_of("sendMessage")] == [0, 0, 0, 200]


async def test_a_long_poll_that_never_answers(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    telegram.send_text(ann, ann, "x")
    telegram.fault("getUpdates", "hang")
    with pytest.raises(TimedOut):
        await bot.get_updates(timeout=0)
    assert len(await bot.get_updates(timeout=1)) == 1


async def test_faults_with_a_chance_and_without_end(telegram: TelegramServer, bot: Bot) -> None:
    ann = telegram.add_user()
    telegram.fault("sendChatAction", "status", count=None, probability=0.5)
    failed = 0
    for _ in range(60):
        try:
            await bot.send_chat_action(ann, "typing")
        except NetworkError:
            failed += 1
    assert 15 < failed < 45
    telegram.clear_faults()
    await bot.send_chat_action(ann, "typing")


@pytest.mark.real_time
async def test_the_server_answers_while_the_test_is_busy(telegram: TelegramServer) -> None:
    """Its loop is another one: the loop of the test stands still in every call."""
    url = f"{telegram.api_base_url}{telegram.token}/getMe"
    with httpx.Client(timeout=20) as client:
        for _ in range(50):
            assert client.get(url).status_code == 200


async def test_telegram_goes_down_and_comes_back_as_it_was() -> None:
    server = TelegramServer()
    await asyncio.to_thread(server.start)
    ann = server.add_user()
    async with build_bot(server) as bot:
        poll = asyncio.create_task(bot.get_updates(timeout=5))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.stop)
        with pytest.raises(NetworkError):
            await poll
        with pytest.raises(NetworkError):
            await bot.send_message(ann, "nobody there")
        server.send_text(ann, ann, "said meanwhile")
        await asyncio.to_thread(server.start)
        assert len(await bot.get_updates()) == 1
        await asyncio.to_thread(server.stop)
