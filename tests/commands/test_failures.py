"""A failure names who failed, in words that fit what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.cli.progress import explain
from bots.openai_api.errors import read_error
from core.clock import Clock
from core.engines.wire.errors import ErrorBody, make_error
from core.errors import (
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    PlatformBusy,
)
from core.locale import translate
from core.models import JobState, Message
from tests.conftest import NewMessage
from tests.support.loopback import Loopback

pytestmark = pytest.mark.finding(13)


@pytest.mark.parametrize("takes_s", [0.0, 25.0])
async def test_a_file_that_the_platform_does_not_give_is_its_fault_within_a_minute(
    loopback: Loopback, new_message: NewMessage, clock: Clock, monkeypatch: pytest.MonkeyPatch,
    takes_s: float,
) -> None:  # fmt: skip
    async def fetch(message: Message) -> bytes:
        await clock.sleep(takes_s)
        raise PlatformBusy("download: status 502")

    monkeypatch.setattr(loopback.platform, "fetch", fetch)
    began_s = clock.monotonic()
    async with loopback.running():
        await loopback.inbox.accept(new_message(language="en"))
        assert await loopback.settle() == {JobState.REFUSED: 1}
    assert clock.monotonic() - began_s <= 65
    [(_, reply)] = loopback.platform.sent
    assert reply.text == "Test does not give me this file. Please send it again."
    assert all("service" not in text for _, text, _ in loopback.platform.shown)


def test_a_refusal_by_moderation_is_a_sentence_in_both_languages() -> None:
    error = make_error(421, ErrorBody(code="421", message="Moderation Block"), None)
    english = translate(error.user_text, "en", failure="", **error.values)
    chinese = translate(error.user_text, "zh", failure="", **error.values)
    assert english.endswith("refused the request: its content filter considers it high risk.")
    assert "内容过滤器" in chinese and "Moderation" not in chinese


#: What is sent, what English and Chinese texts call it when it fails, and when it has to wait.
ASKED = {
    "transcribe": ("I could not transcribe this. ", "未能转写", "I cannot transcribe this yet. "),
    "say": ("I could not read this aloud. ", "未能朗读", "I cannot read this aloud yet. "),
    "ask": ("I could not answer this. ", "未能回答", "I cannot answer this yet. "),
    "translate": ("I could not translate this. ", "翻译", "I cannot translate this yet. "),
    "summary": ("I could not summarize this. ", "总结", "I cannot summarize this yet. "),
}
TEXTS = {"say": "Good morning", "ask": "What is a lighthouse?", "translate": "German: Good day"}


async def send(loopback: Loopback, new_message: NewMessage, command: str, language: str) -> None:
    """Send a request of a kind; recordings for those that take one."""
    message = new_message(language=language)
    if command == "summary":
        text = replace(message, attachment=None, text="A long talk", forwarded_from="Ann")
        await loopback.inbox.accept(replace(text, message_id="forwarded"))
    if command != "transcribe":
        attachment = None
        message = replace(
            message, command=command, text=TEXTS.get(command, ""), attachment=attachment
        )
    await loopback.inbox.accept(message)


def let_fail(loopback: Loopback, error: EngineError, times: int = 30) -> None:
    """Let the next calls of all engines fail."""
    for engine in (loopback.engine, loopback.synthesizer, loopback.answerer):
        engine.failures = [error] * times


@pytest.mark.parametrize("command", ASKED)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("error", [EngineBusy(), EngineRefused("no"), EngineBadReply()], ids=str)
async def test_a_failure_says_what_could_not_be_done(
    loopback: Loopback, new_message: NewMessage, command: str, language: str, error: EngineError
) -> None:
    let_fail(loopback, error)
    async with loopback.running():
        await send(loopback, new_message, command, language)
        await loopback.settle()
    english, chinese, _ = ASKED[command]
    told = loopback.platform.sent[-1][1].text
    assert told.startswith(english) if language == "en" else chinese in told.split("。")[0]
    assert "{" not in told and "speech service" not in told and told.count("  ") == 0


@pytest.mark.parametrize("command", ASKED)
async def test_a_wait_says_what_is_not_done_yet(
    loopback: Loopback, new_message: NewMessage, command: str
) -> None:
    let_fail(loopback, EngineLocked("402"), times=2)
    async with loopback.running():
        await send(loopback, new_message, command, "en")
        await loopback.settle()
    [told] = {text for _, text, is_lasting in loopback.platform.shown if is_lasting}
    assert told.startswith(ASKED[command][2]) and "Your message is kept" in told


def test_programs_are_told_the_reason_alone() -> None:
    refused = EngineRefused(reason="the format is not supported")
    text = "The AI service refused the request: the format is not supported."
    assert read_error(refused, "r1").detail == text and explain(refused) == text
