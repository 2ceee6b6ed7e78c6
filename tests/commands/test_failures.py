"""A failure names who failed, in words that fit what was asked."""

from __future__ import annotations

import pytest

from core.clock import Clock
from core.engines.wire.errors import ErrorBody, make_error
from core.errors import EngineBusy, EngineLocked, EngineRefused, PlatformBusy
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
    english = translate(error.user_text, "en", **error.values)
    chinese = translate(error.user_text, "zh", **error.values)
    assert english == ("The AI service refused this: its content filter considers it high risk.")
    assert "内容过滤器" in chinese and "Moderation" not in chinese


@pytest.mark.parametrize("kind", [EngineBusy, EngineLocked, EngineRefused])
def test_texts_about_the_service_fit_questions_and_speech_too(
    kind: type[EngineBusy | EngineLocked | EngineRefused],
) -> None:
    assert "speech service" not in kind.user_text
    assert "语音服务" not in translate(kind.user_text, "zh")
