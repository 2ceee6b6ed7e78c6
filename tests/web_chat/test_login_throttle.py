"""Login throttling and expiry, without a server."""

from __future__ import annotations

import asyncio
import math
from http.cookies import SimpleCookie
from typing import Any

import pytest
import structlog
from starlette.requests import Request

from bots.web_chat.login import MAX_LOGINS, OPERATOR, Login
from bots.web_chat.login_throttle import (
    FREE_ATTEMPTS,
    FREE_FAILURES,
    MAX_CLIENTS,
    MAX_SLOWNESS_S,
    MAX_WAIT_S,
    LoginThrottle,
)
from core.clock import Clock

ADMIN = "staple 密码 canary"


async def test_delay_grows_and_is_bounded(clock: Clock) -> None:
    throttle = LoginThrottle(clock)
    waits = []
    for _ in range(2000):
        throttle.add_failure("a")
        waits.append(throttle.wait_s("a"))
    assert waits[: FREE_ATTEMPTS + 3] == [0.0] * FREE_ATTEMPTS + [1.0, 2.0, 4.0]
    assert waits[-1] == MAX_WAIT_S
    await clock.sleep(MAX_WAIT_S - 0.1)
    assert throttle.wait_s("a") == pytest.approx(0.1)
    await clock.sleep(0.1)
    assert throttle.wait_s("a") == 0
    throttle.reset("a")
    assert throttle.add_failure("a") == 1


async def test_failures_take_bounded_memory() -> None:
    throttle = LoginThrottle()
    for number in range(MAX_CLIENTS * 2):
        throttle.add_failure(str(number))
    assert len(throttle._attempts) == MAX_CLIENTS


async def test_failures_of_everybody_slow_down_everybody_a_little(clock: Clock) -> None:
    throttle = LoginThrottle(clock)
    for number in range(FREE_FAILURES):
        throttle.add_failure(str(number))
    assert throttle.slowness_s() == 0, "people mistype"
    for number in range(10_000):
        throttle.add_failure(f"bot {number}")
    assert throttle.slowness_s() == MAX_SLOWNESS_S <= 5, "who knows the password gets in"
    assert throttle.wait_s("owner") == 0
    await clock.sleep(59)
    assert throttle.slowness_s() == MAX_SLOWNESS_S
    await clock.sleep(1)
    assert throttle.slowness_s() == 0


async def test_guesses_per_minute_are_bounded_whatever_the_addresses(clock: Clock) -> None:
    """Each of 400 addresses tries as soon as it may; who has logged in before has a turn."""
    throttle, guesses, minutes = LoginThrottle(clock), [0, 0, 0, 0, 0], 5
    throttle.reset("owner")
    ends_s = clock.monotonic() + 60 * minutes

    async def guess(client: str) -> None:
        while (left_s := ends_s - clock.monotonic()) > 0:
            async with throttle.turn(client) as wait_s:
                if not wait_s:
                    throttle.add_failure(client)
                    guesses[-math.ceil(left_s / 60)] += 1
            await clock.sleep(max(1.0, wait_s))

    bots = [asyncio.create_task(guess(f"bot {number}")) for number in range(400)]
    for _ in range(minutes):
        await clock.sleep(30)
        started_s = clock.monotonic()
        async with throttle.turn("owner") as wait_s:
            assert wait_s == 0 and clock.monotonic() - started_s <= MAX_SLOWNESS_S
    await asyncio.gather(*bots)
    assert guesses[0] < 80 and max(guesses[1:]) < 60, guesses


async def test_a_second_slow_attempt_is_refused(clock: Clock) -> None:
    throttle = LoginThrottle(clock)
    for number in range(FREE_FAILURES + 20):
        throttle.add_failure(str(number))
    async with throttle.turn("a") as first, throttle.turn("b") as second:
        assert (first, second) == (0, throttle.slowness_s()) and second > 0
    async with throttle.turn("b") as third:
        assert third == 0
    clients = [f"known {number}" for number in range(MAX_CLIENTS + 1)]
    for client in clients:
        throttle.reset(client)
    assert [*throttle._known] == clients[1:]


async def test_least_recent_address_is_dropped_first() -> None:
    throttle = LoginThrottle()
    for number in range(MAX_CLIENTS):
        throttle.add_failure(str(number))
    assert throttle.add_failure("0") == 2
    throttle.add_failure("new")
    assert (throttle.add_failure("0"), throttle.add_failure("1")) == (3, 1)


async def test_right_password_resets_the_delay(clock: Clock) -> None:
    login = Login(OPERATOR, ADMIN, clock)
    for _ in range(2):
        for _ in range(FREE_ATTEMPTS):
            assert not login._check_password("wrong", "a")
        assert login._check_password(ADMIN, "a")
    with structlog.testing.capture_logs() as logged:
        for _ in range(FREE_ATTEMPTS + 2):
            login._check_password("wrong", "a")
    assert login._throttle.wait_s("a") == 2
    # One line for all of them, without what was typed.
    told = {"area": "operator", "address": "a", "log_level": "warning"}
    assert logged == [{"event": "many wrong passwords", **told}]


async def test_new_login_replaces_the_browsers_previous_one(clock: Clock) -> None:
    login = Login(OPERATOR, ADMIN, clock)
    first = make_request({"cookie": log_in(login, make_request({}))})
    second = make_request({"cookie": log_in(login, first)})
    assert (login.is_logged_in(first), login.is_logged_in(second)) == (False, True)
    others = [make_request({"cookie": log_in(login, make_request({}))}) for _ in range(MAX_LOGINS)]
    assert not login.is_logged_in(second), "the oldest ends first"
    assert all(map(login.is_logged_in, others))


def log_in(login: Login, request: Any) -> str:
    """Return the cookie of a new login."""
    cookie = SimpleCookie(login._start_login(request).headers["set-cookie"])[OPERATOR.cookie]
    return f"{OPERATOR.cookie}={cookie.value}"


async def test_login_expires(clock: Clock) -> None:
    login = Login(OPERATOR, ADMIN, clock)
    request = make_request({"cookie": log_in(login, make_request({}))})
    assert login.is_logged_in(request)
    await clock.sleep(OPERATOR.life_s - 1)
    assert login.is_logged_in(request)
    await clock.sleep(1)
    assert not login.is_logged_in(request)


def make_request(headers: dict[str, str], peer: str = "127.0.0.1") -> Any:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (peer, 1), "path": "/"})
