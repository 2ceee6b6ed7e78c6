"""Every fault the service can have, over real HTTP, for plain and streamed calls.

Both roles that are answered in words are asked for those of a recording.
"""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable

import pytest

from core.clock import Clock
from core.engines.mimo import Mimo
from core.errors import (
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    ModelGone,
)
from core.models import Question, Turn
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.faults import ANSWERS, BREAKS, CHATS, KINDS, REFUSALS, SPEECH, STREAMS
from tests.engines.conftest import make_audio, make_settings

REFUSED: dict[str, type[EngineError]] = {
    "429_seconds": EngineBusy,
    "429_date": EngineBusy,
    "429_none": EngineBusy,
    "429_quota": EngineLocked,
    "500": EngineBusy,
    "502": EngineBusy,
    "503": EngineBusy,
    "504": EngineBusy,
    "554": EngineBusy,
    "401": EngineLocked,
    "402": EngineLocked,
    "403": EngineLocked,
    "400_file": EngineRefused,
    "400_data_prefix": EngineRefused,
    "421": EngineRefused,
    "421_as_400": EngineRefused,
    "404_model": ModelGone,
    "404_html": EngineLocked,
    "400_model": ModelGone,
    "400_model_old": ModelGone,
    "302": EngineLocked,
    "200_error": EngineBusy,
    "200_html": EngineBadReply,
    "200_empty": EngineBadReply,
}
BROKEN: dict[str, type[EngineError]] = {
    "hang": EngineBusy,
    "reset": EngineBusy,
    "reset_body": EngineBusy,
    "short_body": EngineBusy,
    "chunked_cut": EngineBusy,
    "drip": EngineBusy,
}
#: More than any answer may have.
LARGE = ("huge", "gzip_bomb")
#: None: the answer is good.
ANSWERED: dict[str, type[EngineError] | None] = {
    "empty_choices": EngineBadReply,
    "null_content": EngineBadReply,
    "reasoning_only": EngineBadReply,
    "empty_text": None,
    "finish_length": None,
    "content_filter": EngineRefused,
    "wrong_model": EngineBadReply,
    "no_usage": None,
}
STREAMED: dict[str, type[EngineError] | None] = {
    "sse_cut": EngineBadReply,
    "sse_no_done": EngineBadReply,
    "sse_no_end": EngineBadReply,
    "sse_no_finish": EngineBadReply,
    "sse_duplicate": None,
    "sse_comments": None,
    "sse_split": None,
    "sse_error": EngineBusy,
    "sse_nonsense": EngineBadReply,
    "sse_late_words": EngineBadReply,
    "sse_reset": EngineBusy,
}

#: Returns the words in the recording of the numbers, as the role tells them.
Call = Callable[..., Awaitable[str]]


@pytest.fixture(params=["hear", "answer"])
def call(request: pytest.FixtureRequest, mimo: Mimo) -> Call:
    """One of the roles. Each may take the deadline and a second: that of a sound, or of tokens."""

    async def hear(*numbers: int, on_text: Callable[[str], None] | None = None) -> str:
        return (await mimo.transcribe(make_audio(*numbers), on_text=on_text)).text

    async def answer(*numbers: int, on_text: Callable[[str], None] | None = None) -> str:
        turn = Turn("user", "What is said?", (make_audio(*numbers),))
        told = await mimo.answer(Question((turn,), max_tokens=30), on_text=on_text)
        return told.text.partition('"')[2].rpartition('"')[0]

    return hear if request.param == "hear" else answer


def test_no_fault_is_forgotten() -> None:
    assert set(REFUSED) == set(REFUSALS)
    assert {*BROKEN, *LARGE} == set(BREAKS)
    assert set(ANSWERED) == set(ANSWERS)
    assert set(STREAMED) == {*STREAMS, "sse_reset"}
    assert {*REFUSED, *BROKEN, *LARGE, *ANSWERED, *STREAMED} == KINDS - SPEECH - CHATS.keys()


@pytest.mark.parametrize(
    ("call", "is_streamed"),
    [("hear", False), ("answer", True)],
    indirect=["call"],
    ids=["hear-plain", "answer-stream"],
)
@pytest.mark.parametrize(("kind", "expected"), [*REFUSED.items(), *BROKEN.items()])
async def test_fault_ends_as_its_error(
    server: MimoServer,
    mimo: Mimo,
    call: Call,
    kind: str,
    expected: type[EngineError],
    is_streamed: bool,
) -> None:
    server.add_fault(kind, value=1.0)
    shown: list[str] = []
    with pytest.raises(EngineError) as caught:
        await call(5, on_text=shown.append if is_streamed else None)
    assert type(caught.value) is expected
    assert server.key not in str(caught.value) and "127.0.0.1" not in str(caught.value)
    assert shown == []
    assert len(server.calls) == 1 or expected is ModelGone, "other models may be asked instead"
    assert await call(6) == "w6", "the next call is not harmed"


@pytest.mark.parametrize("kind", ["429_seconds", "429_date"])
async def test_wait_is_as_told(server: MimoServer, call: Call, kind: str) -> None:
    server.add_fault(kind, value=30)
    with pytest.raises(EngineBusy) as caught:
        await call(5)
    assert caught.value.retry_after_s == pytest.approx(30, abs=2)


@pytest.mark.parametrize("kind", ["hang", "drip"])
async def test_deadline_is_total(server: MimoServer, call: Call, clock: Clock, kind: str) -> None:
    """A byte each second keeps every limit on single reads content for ever."""
    server.add_fault(kind, value=1.0)
    started_s = clock.monotonic()
    with pytest.raises(EngineBusy, match="within 31 s"):
        await call(5)
    assert clock.monotonic() - started_s == pytest.approx(31)


@pytest.mark.parametrize(("kind", "is_streamed"), [("huge", True), ("gzip_bomb", False)])
async def test_memory_stays_within_the_cap(
    server: MimoServer, mimo: Mimo, kind: str, is_streamed: bool
) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    server.add_fault(kind)
    with pytest.raises(EngineBadReply):
        await mimo.transcribe(make_audio(5), on_text=(lambda _: None) if is_streamed else None)
    # The server is in this process too.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 150 * 1024


@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("kind", "expected"), [(k, e) for k, e in ANSWERED.items() if e])
async def test_wrong_answer(
    server: MimoServer, mimo: Mimo, kind: str, expected: type[EngineError], is_streamed: bool
) -> None:
    server.add_fault(kind)
    on_text = (lambda _: None) if is_streamed else None
    if is_streamed and kind == "null_content":
        # In a stream, nulls are the rule: that nothing was heard is all it says.
        assert (await mimo.transcribe(make_audio(5), on_text=on_text)).text == ""
        return
    with pytest.raises(EngineError) as caught:
        await mimo.transcribe(make_audio(5), on_text=on_text)
    assert type(caught.value) is expected


@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("kind", "text"), [("empty_text", ""), ("finish_length", "w5"), ("no_usage", "w5 w6")]
)
async def test_odd_but_legal_answer(
    server: MimoServer, mimo: Mimo, kind: str, text: str, is_streamed: bool
) -> None:
    server.add_fault(kind)
    on_text = (lambda _: None) if is_streamed else None
    transcript = await mimo.transcribe(make_audio(5, 6), on_text=on_text)
    assert ANSWERED[kind] is None
    assert transcript.text == text
    assert transcript.is_cut == (kind == "finish_length")
    assert (transcript.usage is None) == (kind == "no_usage")


@pytest.mark.parametrize(("kind", "expected"), STREAMED.items())
async def test_broken_stream(
    server: MimoServer, call: Call, kind: str, expected: type[EngineError] | None
) -> None:
    server.add_fault(kind)
    if expected is None:
        assert await call(1, 2, 3, 4, on_text=lambda _: None) == "w1 w2 w3 w4"
        return
    with pytest.raises(EngineError) as caught:
        await call(1, 2, 3, 4, on_text=lambda _: None)
    assert type(caught.value) is expected


async def test_nobody_answers() -> None:
    async with MimoServer() as gone:
        address = gone.base_url
    engine = Mimo(make_settings(mimo_base_url=address, mimo_api_key="sk-x"))
    with pytest.raises(EngineBusy):
        await engine.transcribe(make_audio(5))
    await engine.close()


async def test_name_that_does_not_resolve() -> None:
    engine = Mimo(make_settings(mimo_base_url="http://mimo.invalid/v1", mimo_api_key="sk-x"))
    with pytest.raises(EngineBusy):
        await engine.transcribe(make_audio(5))
    await engine.close()


async def test_tls_that_is_none(server: MimoServer) -> None:
    address = server.base_url.replace("http://", "https://")
    engine = Mimo(make_settings(mimo_base_url=address, mimo_api_key="sk-x"))
    with pytest.raises(EngineBusy):
        await engine.transcribe(make_audio(5))
    await engine.close()


async def test_a_third_of_the_calls_fail_and_nothing_is_lost(
    server: MimoServer, mimo: Mimo
) -> None:
    for kind in ("503", "reset", "429_none", "chunked_cut"):
        server.add_fault(kind, times=None, share=0.1)
    texts = []
    for number in range(30):
        for _ in range(8):
            try:
                texts.append((await mimo.transcribe(make_audio(number))).text)
                break
            except EngineError as error:
                assert error.is_retryable
    assert texts == [f"w{number}" for number in range(30)]
    assert 33 <= len(server.calls) <= 65
