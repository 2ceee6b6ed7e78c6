from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import httpx
import pytest
import stamina
import structlog

from core.clock import Clock
from core.logs import ThinnedLog, recent_problems, set_up_logs
from tests.support.kept_logging import keep_logging

TOKEN = "123456789:AAE-canary_canary_canary_canary_cana"
KEY = "plain-canary-key"


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    with keep_logging():
        yield


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("secret", [TOKEN, KEY, "sk-abcdefghijklmnopqrstuvwxyz"])
def test_no_secret_reaches_a_log(
    secret: str, is_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("DEBUG", [KEY], format="json" if is_json else "text")
    structlog.get_logger().info(f"url https://api.example/bot{secret}/getMe", key=secret)
    logging.getLogger("foreign").warning("token %s", secret)
    what_was_said = "quarter" + " to nine"  # a traceback shows no local variables
    try:
        raise httpx.ConnectError(f"https://api.example/bot{secret}/getMe")
    except httpx.ConnectError:
        structlog.get_logger().exception("failed")
    logged = capsys.readouterr().err
    assert logged.count("[secret]") >= 4 and "ConnectError" in logged
    assert secret not in logged and what_was_said not in logged


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("marks", ['"', "'", "\\", "\"'\\", "/ +&%", "é", "😀", "\t", '\\"', "'\""])
def test_no_secret_reaches_a_log_in_quotation_marks(
    marks: str, is_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """However Python, JSON and URLs escape its characters, one in the other too."""
    secret = f"canary{marks}canary{marks}"
    set_up_logs("DEBUG", [secret], format="json" if is_json else "text")
    log = structlog.get_logger()
    for around in ("", '"', "'", "\"'", "é"):
        text = around + secret
        quoted = (repr(text), repr(text.encode()), json.dumps({"text": text}), repr([{text: text}]))
        sent = (quote(text), quote(text, safe=""), quote_plus(text))
        log.info("said", raw=text, inside={text: [text]}, quoted=quoted, sent=sent)
        for told in (text, *quoted, *sent):
            log.info(told, detail=told)
            logging.getLogger("foreign").warning("of %r and %s", told, told)
        try:
            raise KeyError(text)
        except KeyError as error:
            log.exception("failed", error=repr(error))
    logged = capsys.readouterr().err
    assert logged.count("[secret]") >= 100 and "canary" not in logged, logged


def test_short_secrets_are_not_covered(capsys: pytest.CaptureFixture[str]) -> None:
    """What is covered of a text without secrets would tell what they are."""
    set_up_logs("DEBUG", ["x", "7", "", "hunter2", "hunter2!"], format="json")
    structlog.get_logger().info("an example of 77 letters, hunter2 and hunter2!")
    logged = capsys.readouterr().err
    assert "an example of 77 letters, hunter2 and [secret]" in logged


async def test_what_strangers_cause_is_logged_once_a_minute(clock: Clock) -> None:
    thinned = ThinnedLog("warning", "knocked")
    with structlog.testing.capture_logs() as logged:
        for number in range(1000):
            thinned.add(number=number)
        assert [(one["event"], one["number"]) for one in logged] == [("knocked", 0)]
        await clock.sleep(61)
        assert [one.get("more") for one in logged] == [None, 999]
        await clock.sleep(3600)
        assert len(logged) == 2, "nothing happened meanwhile"
        thinned.add(number=1)
        assert logged[2:] == [{"event": "knocked", "number": 1, "log_level": "warning"}]


async def test_a_retry_is_logged_without_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("DEBUG", format="json")

    @stamina.retry(on=ValueError, attempts=2, wait_initial=0, wait_max=0, wait_jitter=0)
    async def call(_text: str, tries: list[int]) -> None:
        tries.append(1)
        if len(tries) < 2:
            raise ValueError

    await call("canary", [])
    logged = capsys.readouterr().err
    assert "retrying" in logged and "canary" not in logged


def test_warnings_and_errors_are_remembered_without_what_they_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("DEBUG", [KEY], format="json")
    log = structlog.get_logger()
    log.info("accepted", text="canary")
    log.warning("failed", error="EngineBusy: canary", job="0123456789", text="canary")
    logging.getLogger("foreign").error("a person said %s", "canary")
    try:
        raise ValueError("canary")
    except ValueError:
        log.exception("broke")
        logging.getLogger("foreign").exception("canary")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    found = recent_problems()[:4]
    assert [p.problem_id for p in reversed(found)] == [line["id"] for line in lines[1:]]
    assert "id" not in lines[0]
    assert [(p.level, p.event, p.error, p.job_id) for p in reversed(found)] == [
        ("warning", "failed", "EngineBusy", "0123456789"),
        ("error", "foreign", "", ""),
        ("error", "broke", "ValueError", ""),
        ("error", "foreign", "ValueError", ""),
    ]
    assert "canary" not in repr(found)


def test_only_the_last_problems_are_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("ERROR")
    for number in range(300):
        structlog.get_logger().warning(f"number {number}")
    found = recent_problems()
    assert len(found) == 200
    assert found[0].event == "number 299"
    assert found[-1].event == "number 100"
