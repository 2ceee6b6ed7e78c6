"""Whose request it is, and what follows from it for logins: with forged headers."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient, Response
from pydantic import SecretStr, ValidationError
from starlette.requests import Request

from bots.common.client_address import TrustedProxies, name_client
from bots.web_chat.login_throttle import FREE_ATTEMPTS, FREE_FAILURES, MAX_SLOWNESS_S
from core.clock import Clock
from core.config import Settings
from tests.support.web_client import open_client
from tests.support.web_inbox import FakeInbox, open_web

PASSWORD = "correct horse battery"
PROXIES = TrustedProxies([ip_network(text) for text in ("127.0.0.1", "10.0.0.0/8", "fd00::/8")])


def make_request(peer: str, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return Request({"type": "http", "headers": headers, "client": (peer, 1), "path": "/"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody else is believed, not even on this machine.
        *(("5.6.7.8", ["1.2.3.4"], "5.6.7.8"), ("::1", ["1.2.3.4"], "::/48")),
        *(("127.0.0.2", ["1.2.3.4"], "127.0.0.2"), ("127.0.0.1", [], "127.0.0.1")),
        # The last hop that is no proxy; what stands before may be forged.
        *(("127.0.0.1", ["1.2.3.4"], "1.2.3.4"), ("127.0.0.1", ["9.9.9.9, 1.2.3.4"], "1.2.3.4")),
        ("127.0.0.1", ["9.9.9.9", "1.2.3.4, 10.7.7.7"], "1.2.3.4"),
        ("::ffff:127.0.0.1", ["9.9.9.9, 1.2.3.4, ::ffff:10.1.1.1"], "1.2.3.4"),
        ("127.0.0.1", ["10.0.0.5, 10.0.0.6"], "10.0.0.5"),
        ("fd12::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1::/48"),
        # A hop that cannot be read: the proxy that passed it on.
        *(("127.0.0.1", ["nonsense"], "127.0.0.1"), ("127.0.0.1", ["1.2.3.4, x"], "127.0.0.1")),
        *(("127.0.0.1", [""], "127.0.0.1"), ("127.0.0.1", ["\xe9"], "127.0.0.1")),
        ("127.0.0.1", ["1.2.3.4:999"], "1.2.3.4"),
        ("10.0.0.1", ["[2001:db8::1]:80"], "2001:db8::/48"),
        # Mapped addresses are the same client.
        *(("::ffff:5.6.7.8", [], "5.6.7.8"), ("127.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4")),
        *(("fe80::1%eth0", [], "fe80::/48"), ("socket", [], "unknown")),
    ],
)  # fmt: skip
def test_the_client_cannot_be_forged(peer: str, forwarded: list[str], client: str) -> None:
    assert PROXIES.find_client(make_request(peer, *forwarded)) == client
    nobody = Request({"type": "http", "headers": [], "client": None, "path": "/"})
    assert PROXIES.find_client(nobody) == "unknown"


def test_a_customer_of_a_provider_is_one_client() -> None:
    addresses = ("2001:db8:1::1", "2001:db8:1:ffff::1", "2001:DB8:1:0:ffff::")
    assert {name_client(address) for address in addresses} == {"2001:db8:1::/48"}
    assert name_client("2001:db8:2::1") == "2001:db8:2::/48"


def test_proxies_are_addresses_or_networks() -> None:
    given = "127.0.0.1, 10.1.2.3/8 ,::1"
    networks = Settings(trusted_proxies=given).trusted_proxies  # type: ignore[arg-type]
    assert [str(network) for network in networks] == ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
    for wrong in ("proxy.example", "127.0.0.1:80", "10.0.0.0/33", "*"):
        with pytest.raises(ValidationError, match="each must be an address or a network, such as"):
            Settings(trusted_proxies=wrong)  # type: ignore[arg-type]


def make_settings(home: Path, **more: Any) -> Settings:
    return Settings(hearsay_home=home, web_port=0, web_password=SecretStr(PASSWORD), **more)


async def log_in(browser: AsyncClient, password: str, address: str = "") -> Response:
    headers = {"X-Forwarded-For": address} if address else {}
    return await browser.post("/login", json={"password": password}, headers=headers)


async def test_a_forged_header_does_not_reset_the_delay(tmp_path: Path) -> None:
    async with open_web(make_settings(tmp_path), FakeInbox()) as web, open_client(web) as browser:
        for number in range(FREE_ATTEMPTS + 1):
            assert (await log_in(browser, "wrong", f"8.8.8.{number}")).status_code == 403
        for address in ("8.8.9.9", "127.0.0.1", "::ffff:8.8.8.8", ""):
            assert (await log_in(browser, PASSWORD, address)).status_code == 429
        right = {"Authorization": f"Bearer {PASSWORD}", "X-Forwarded-For": "8.8.9.10"}
        assert (await browser.get("/metrics", headers=right)).status_code == 401


async def test_a_botnet_is_slowed_and_the_owner_gets_in(tmp_path: Path, clock: Clock) -> None:
    """Through the login and the metrics: each bot has an address of its own."""
    settings = make_settings(tmp_path, trusted_proxies="127.0.0.1")
    async with open_web(settings, FakeInbox()) as web, open_client(web) as browser:
        for number in range(FREE_FAILURES * 5):
            address = f"8.8.{number}.1"
            if number % 2:
                assert (await log_in(browser, "wrong", address)).status_code == 403
            else:
                wrong = {"Authorization": "Bearer wrong", "X-Forwarded-For": address}
                assert (await browser.get("/metrics", headers=wrong)).status_code == 401
        started_s = clock.monotonic()
        assert (await log_in(browser, "wrong", "9.9.9.9")).status_code == 403
        assert clock.monotonic() - started_s > 1
        started_s = clock.monotonic()
        assert (await log_in(browser, PASSWORD, "7.7.7.7")).status_code == 200
        assert 1 < clock.monotonic() - started_s <= MAX_SLOWNESS_S + 1


async def test_of_a_botnet_one_guess_is_made_at_a_time(tmp_path: Path, clock: Clock) -> None:
    settings = make_settings(tmp_path, trusted_proxies="127.0.0.1")
    async with open_web(settings, FakeInbox()) as web, open_client(web) as browser:
        assert (await log_in(browser, PASSWORD, "7.7.7.7")).status_code == 200
        answers: list[Response] = []
        for first in (0, 100):
            guesses = (log_in(browser, "wrong", f"8.8.{n}.1") for n in range(first, first + 100))
            answers += await asyncio.gather(*guesses, log_in(browser, PASSWORD, "7.7.7.7"))
            assert answers.pop().status_code == 200, "its address is known"
        statuses = [answer.status_code for answer in answers]
        assert statuses.count(403) <= 2 * FREE_FAILURES and set(statuses) == {403, 429}
        assert all(("retry-after" in one.headers) == (one.status_code == 429) for one in answers)
        assert (await browser.get("/api/commands")).status_code == 200, "still logged in"
        await clock.sleep(60)
        assert (await log_in(browser, PASSWORD, "9.9.9.9")).status_code == 200


async def test_guesses_at_the_same_time_are_no_more(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    async with open_web(settings, FakeInbox()) as web, open_client(web) as browser:
        answers = await asyncio.gather(*(log_in(browser, f"guess {n}") for n in range(40)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(403) == FREE_ATTEMPTS + 1
    assert set(statuses) == {403, 429}
