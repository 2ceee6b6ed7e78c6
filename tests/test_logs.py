from __future__ import annotations

import logging
from collections.abc import Iterator

import httpx
import pytest
import stamina
import structlog

from core.logs import set_up_logs

TOKEN = "123456789:AAE-canary_canary_canary_canary_cana"
KEY = "plain-canary-key"


@pytest.fixture(autouse=True)
def keep_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers, logging.root.level
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("secret", [TOKEN, KEY, "sk-abcdefghijklmnopqrstuvwxyz"])
def test_no_secret_reaches_a_log(
    secret: str, is_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("DEBUG", [KEY], is_json=is_json)
    structlog.get_logger().info(f"url https://api.example/bot{secret}/getMe", key=secret)
    logging.getLogger("foreign").warning("token %s", secret)
    try:
        raise httpx.ConnectError(f"https://api.example/bot{secret}/getMe")
    except httpx.ConnectError:
        structlog.get_logger().exception("failed")
    logged = capsys.readouterr().err
    assert logged.count("[secret]") >= 4
    assert secret not in logged


@pytest.mark.parametrize("is_json", [True, False])
def test_a_traceback_shows_no_local_variables(
    is_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("DEBUG", is_json=is_json)
    what_was_said = "can" + "ary"
    try:
        int(what_was_said and "x", 3)
    except ValueError:
        structlog.get_logger().exception("failed")
    logged = capsys.readouterr().err
    assert "ValueError" in logged and "canary" not in logged


async def test_a_retry_is_logged_without_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("DEBUG", is_json=True)

    @stamina.retry(on=ValueError, attempts=2, wait_initial=0, wait_max=0, wait_jitter=0)
    async def call(_text: str, tries: list[int]) -> None:
        tries.append(1)
        if len(tries) < 2:
            raise ValueError

    await call("canary", [])
    logged = capsys.readouterr().err
    assert "trying again" in logged and "canary" not in logged
