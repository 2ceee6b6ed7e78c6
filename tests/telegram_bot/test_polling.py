"""The polling loop alone: what it requests, what it confirms, how long it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from telegram.error import Conflict, EndPointNotFound, InvalidToken, NetworkError, RetryAfter
from telegram.error import TimedOut as TelegramTimedOut

from bots.telegram_bot.client import (
    ALLOWED_UPDATES,
    GIVE_UP_S,
    Backoff,
    TelegramClient,
)
from bots.telegram_bot.polling import Polling, find_chat_id
from core import metrics
from core.clock import Clock
from core.errors import PlatformLocked, StoreError

#: A poll that is never answered.
HANG = object()


class Script:
    """A client with scripted responses, and the callback that takes the updates."""

    def __init__(self, clock: Clock, *answers: object) -> None:
        self.bot, self.first_poll = self, None
        self.answers = list(answers)
        self.clock = clock
        self.started_s = clock.monotonic()
        #: (moment, offset, how long the poll may last) of each.
        self.asked: list[tuple[float, int | None, float]] = []
        self.renewed_at: list[float] = []
        self.taken: list[Any] = []
        self.failures: list[BaseException | None] = []
        self.ended = asyncio.Event()
        self.polling = Polling(cast(TelegramClient, self), self.take, clock)

    @property
    def now_s(self) -> float:
        return round(self.clock.monotonic() - self.started_s, 3)

    async def get_raw_updates(self, offset: int | None, poll_s: float, kinds: list[str]) -> object:
        assert kinds == ALLOWED_UPDATES
        self.asked.append((self.now_s, offset, poll_s))
        if not self.answers:
            self.ended.set()
        answer = self.answers.pop(0) if self.answers else HANG
        if answer is HANG:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def renew_polls(self) -> None:
        self.renewed_at.append(self.now_s)

    async def take(self, raw: dict[str, Any]) -> None:
        self.taken.append(raw)
        if self.failures and (error := self.failures.pop(0)):
            raise error

    async def run(self) -> None:
        """Poll until the script ends."""
        task = asyncio.create_task(self.polling.run())
        await asyncio.wait(
            [task, asyncio.create_task(self.ended.wait())], return_when="FIRST_COMPLETED"
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


NewScript = Callable[..., Script]


@pytest.fixture
def script(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> NewScript:
    """Return a factory of scripts; random waits are as long as possible."""

    def longest(low: float, high: float) -> float:
        assert (low, high) == (0.5, 1.0)
        return high

    monkeypatch.setattr("bots.telegram_bot.client.random.uniform", longest)
    return lambda *answers: Script(clock, *answers)


def updates(*ids: object) -> list[dict[str, object]]:
    return [{"update_id": update_id} for update_id in ids]


@asynccontextmanager
async def events() -> AsyncIterator[list[str]]:
    with capture_logs() as logs:
        names: list[str] = []
        yield names
    names += [log["event"] for log in logs]


async def test_polls_are_long_after_the_first_response(script: NewScript) -> None:
    one = script([], updates(5, 6), [])
    assert (one.polling.poll_age_s, one.polling.is_ready) == (float("inf"), False)
    await one.run()
    assert one.asked == [(0, None, 0), (0, None, 30), (0, 7, 30), (0, 7, 30)]
    assert one.taken == updates(5, 6)
    await one.clock.sleep(49)
    assert (one.polling.poll_age_s, one.polling.is_ready) == (49, True)
    assert [one.value for kind in metrics.POLL_AGE.collect() for one in kind.samples] == [49]
    await one.clock.sleep(1)
    assert not one.polling.is_ready


async def test_a_silent_connection_is_replaced_after_the_grace_period(script: NewScript) -> None:
    one = script([], HANG, HANG, TelegramTimedOut(), [])
    await one.run()
    # 30 + 20 s for the long poll; the pauses are 1, 2 and 4 s; after a failure polls are short.
    assert one.renewed_at == [50, 71, 73]
    assert one.asked == [
        (0, None, 0), (0, None, 30), (51, None, 0), (73, None, 0), (77, None, 0), (77, None, 30),
    ]  # fmt: skip


async def test_pauses_grow_to_fifteen_seconds_until_a_success(script: NewScript) -> None:
    trouble = NetworkError("x")
    one = script(*[trouble] * 6, RetryAfter(40), trouble, [], trouble, [])
    await one.run()
    expected = [0, 1, 3, 7, 15, 30, 45, 85, 100, 100, 101, 101]
    assert [at_s for at_s, *_ in one.asked] == expected
    assert one.renewed_at == [], "only a connection that timed out is left"


async def test_a_conflict_is_logged_as_one(script: NewScript) -> None:
    async with events() as names:
        await script(Conflict("x"), NetworkError("x")).run()
    assert names == ["telegram_conflict", "telegram_poll_failed"]


@pytest.mark.parametrize("error", [InvalidToken("x"), EndPointNotFound("x")])
@pytest.mark.parametrize(("after_s", "is_over"), [(GIVE_UP_S - 0.1, False), (GIVE_UP_S, True)])
async def test_a_token_that_is_rejected_for_five_minutes_ends_polling(
    error: Exception, clock: Clock, after_s: float, is_over: bool
) -> None:
    patience = Backoff(clock)
    await patience.wait(error)
    await clock.sleep(GIVE_UP_S)
    await patience.wait(NetworkError("that is something else"))
    await patience.wait(error)
    await clock.sleep(GIVE_UP_S)
    patience = Backoff(clock)
    started_s = clock.monotonic()
    await patience.wait(error)
    await clock.sleep(started_s + after_s - clock.monotonic())
    with pytest.raises(PlatformLocked) if is_over else nullcontext():
        await patience.wait(error)


@pytest.mark.finding(12)
async def test_a_token_that_is_rejected_for_half_a_minute_is_reported(
    script: NewScript, clock: Clock
) -> None:
    one = script([], *[InvalidToken()] * 7, [])
    running = asyncio.create_task(one.run())
    await clock.sleep(29)
    assert not one.polling.is_locked
    await clock.sleep(2)
    assert one.polling.is_locked
    await running
    assert not one.polling.is_locked


async def test_batch_is_confirmed_as_a_whole_or_fetched_again(script: NewScript) -> None:
    one = script([], updates(5, 6), updates(5, 6), updates(5, 6), [], updates(7))
    one.failures = [None, StoreError("locked"), OSError("full"), None, None, StoreError("locked")]
    async with events() as names:
        await one.run()
    assert one.taken == updates(5, 6, 5, 5, 6, 7)
    # Again after 1 and 2 s; then it succeeds, and the next failure starts with 1 s.
    expected = [(0, None), (0, None), (1, None), (3, None), (3, 7), (3, 7), (4, 7)]
    assert [asked[:2] for asked in one.asked] == expected
    assert names == ["telegram_not_committed"] * 3


async def test_an_update_that_our_code_fails_on_is_skipped_at_the_fifth_try(
    script: NewScript,
) -> None:
    one = script(*[updates(5)] * 14)
    bug = ValueError("bug")
    # The count restarts after a success.
    one.failures = [*[bug] * 5, *[bug] * 4, None, *[bug] * 4]
    async with events() as names:
        await one.run()
    assert [asked[:2] for asked in one.asked][4:6] == [(15, None), (15, 6)]
    failed = ["telegram_not_committed"] * 4
    assert names == [*failed, "telegram_update_skipped", *failed, *failed]


async def test_an_outside_failure_never_costs_an_update(script: NewScript) -> None:
    one = script(*[updates(5)] * 9)
    one.failures = [StoreError("locked"), OSError("full"), TimeoutError()] * 3
    await one.run()
    assert {offset for _, offset, _ in one.asked} == {None}


async def test_update_ids_may_restart_far_below(script: NewScript) -> None:
    one = script(updates(900), updates(7, 5, 6))
    await one.run()
    assert [offset for _, offset, _ in one.asked] == [None, 901, 8]


async def test_updates_without_an_id_are_skipped_and_confirm_nothing(script: NewScript) -> None:
    bad: list[Any] = [None, {}, *updates("5", True, None)]
    one = script([*bad, *updates(5)], bad, bad, updates(5), updates(6), bad)
    async with events() as names:
        await one.run()
    assert one.taken == updates(5, 5, 6)
    # What confirms nothing would be returned again at once: 1, 2 and 4 s; then 1 s.
    expected = [(0, None), (0, 6), (1, 6), (3, 6), (7, 6), (7, 7), (8, 7)]
    assert [asked[:2] for asked in one.asked] == expected
    assert names == ["telegram_update_without_id"] * 20


@pytest.mark.parametrize(("silence_s", "is_told"), [(24 * 3600 - 1, False), (24 * 3600 + 1, True)])
async def test_a_gap_of_a_day_is_logged(silence_s: float, is_told: bool, script: NewScript) -> None:
    one = script([], [])
    await one.clock.sleep(silence_s)
    with capture_logs() as logs:
        await one.run()
    assert [log["hours"] for log in logs] == ([24.0] if is_told else [])


def in_chats(**chats: int) -> list[dict[str, Any]]:
    """Return updates in this order: chats by the letter that a name begins with."""
    ids = {"a": 1, "b": -2}
    return [
        {"update_id": number, "message": {"chat": {"id": ids[name[0]]}}}
        for name, number in chats.items()
    ]


async def test_chats_wait_for_their_own_updates_only(script: NewScript) -> None:
    batch = in_chats(a=5, b=6, a2=7, b2=8)
    one = script(batch, batch)
    is_free = asyncio.Event()
    take = one.take

    async def take_late(raw: dict[str, Any]) -> None:
        if raw["update_id"] == 5:
            await is_free.wait()
        await take(raw)
        if raw["update_id"] == 8:
            is_free.set()

    one.polling._take = take_late
    one.failures = [None, None, StoreError("locked")]
    await one.run()
    # Of the first chat an update fails: the later one waits, and all come again.
    assert [raw["update_id"] for raw in one.taken] == [6, 8, 5, 5, 6, 7, 8]
    assert [offset for _, offset, _ in one.asked] == [None, None, 9]


@pytest.mark.parametrize(
    ("about", "chat_id"),
    [
        ({"message": {"chat": {"id": 5}}}, 5),
        ({"my_chat_member": {"chat": {"id": -5}}}, -5),
        ({"callback_query": {"from": {"id": 7}, "message": {"chat": {"id": 5}}}}, 5),
        ({"callback_query": {"from": {"id": 7}, "message": None}}, None),
        ({"callback_query": {"message": "x"}}, None),
        ({"message": {"chat": {"id": True}}}, None),
        ({"message": {"chat": 5}}, None),
        ({"message": "x"}, None),
    ],
)
def test_an_update_is_about_a_chat(about: dict[str, Any], chat_id: int | None) -> None:
    assert find_chat_id({"update_id": 1, **about}) == chat_id
