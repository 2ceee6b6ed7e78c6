"""`hearsay doctor` on the web chat and the API: who can reach them."""

from __future__ import annotations

import pytest

from bots.doctor.results import Status
from tests.cli.conftest import check

LONG = "correct horse battery"


@pytest.mark.parametrize(
    ("values", "status", "text"),
    [
        ({}, Status.OK, "this machine only, asks for no password; the operator's view is off"),
        ({"admin_password": LONG}, Status.OK, "the operator's view is on"),
        ({"web_password": LONG}, Status.OK, "this machine only, asks for a password"),
        (
            {"web_hosts": ("a.example",), "web_password": LONG, "trusted_proxies": "127.0.0.1"},
            Status.OK,
            "for other machines too, asks for a password",
        ),
        (
            {"web_hosts": ("a.example",), "web_password": LONG},
            Status.WARN,
            "all visitors count as one",
        ),
        ({"web_hosts": ("x/y",), "web_password": LONG}, Status.FAIL, "is not a host name"),
        ({"web_host": "0.0.0.0", "web_password": LONG}, Status.WARN, "own names"),
        (
            {"web_host": "0.0.0.0", "web_hosts": ("a.example",), "web_password": LONG},
            Status.WARN,
            "unencrypted",
        ),
        ({"web_password": "canary"}, Status.FAIL, "WEB_PASSWORD is shorter than 12 characters"),
        ({"admin_password": "canary"}, Status.FAIL, "ADMIN_PASSWORD is shorter than"),
        (
            {"admin_password": LONG, "web_password": LONG},
            Status.WARN,
            "also opens",
        ),
    ],
)
async def test_access_to_the_page(values: dict[str, object], status: Status, text: str) -> None:
    found = await check("page", **values)
    assert found.status is status
    assert text in found.text
    assert (found.code, bool(found.cure)) == (
        78 if status is Status.FAIL else 0,
        status is not Status.OK,
    )
    assert LONG not in f"{found}" and "canary" not in f"{found}"


@pytest.mark.parametrize(
    ("keys", "status", "text"),
    [
        (None, Status.OK, "no access: API_KEYS is empty"),
        ("me=canary-0123456789,ci=canary-9876543210", Status.OK, "/v1 is open to me, ci"),
        ("canary-0123456789", Status.FAIL, "API_KEYS: entry 1 is not name=key"),
    ],
)
async def test_access_to_the_api(keys: str | None, status: Status, text: str) -> None:
    found = await check("api", api_keys=keys)
    assert (found.status, found.code) == (status, 78 if status is Status.FAIL else 0)
    assert text in found.text and "canary" not in f"{found}"
