"""Every fault that speech can have, over real HTTP, streamed and whole."""

from __future__ import annotations

import pytest

from core.engines.mimo import Mimo
from core.errors import EngineBadReply, EngineBusy, EngineError, EngineRefused
from core.models import Utterance
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.faults import ANSWERS, SPEECH, STREAMS, WAVS
from tests.emulators.mimo.speaking import speak as make_sound
from tests.engines.conftest import speak
from tests.engines.test_mimo_faults import BROKEN, REFUSED

TEXT = "Three words here."
#: None: the answer is good.
SPOILED: dict[str, type[EngineError] | None] = {
    "speech_wav_cut": EngineBadReply,
    "speech_wav_head": EngineBadReply,
    "speech_wav_none": EngineBadReply,
    "speech_wav_rate": EngineBadReply,
    "speech_wav_stereo": EngineBadReply,
    "speech_wav_float": EngineBadReply,
    "speech_wav_odd": EngineBadReply,
    "speech_wav_unsized": None,
    "speech_wav_extended": None,
    "speech_empty": EngineBadReply,
    "speech_odd": EngineBadReply,
    "speech_base64": EngineBadReply,
    "speech_null": EngineBadReply,
}
ANSWERED: dict[str, type[EngineError] | None] = {
    "empty_choices": EngineBadReply,
    "null_content": None,
    "reasoning_only": None,
    "empty_text": None,
    "finish_length": EngineBadReply,
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
    "sse_error": EngineBusy,
    "sse_nonsense": EngineBadReply,
    "sse_late_words": EngineBadReply,
    "sse_reset": EngineBusy,
    "speech_holes": None,
    "speech_odd": EngineBadReply,
    "speech_empty": EngineBadReply,
    "speech_null": EngineBadReply,
    "speech_base64": EngineBadReply,
}


def test_no_fault_is_forgotten() -> None:
    assert {*SPOILED, *STREAMED} >= SPEECH and set(SPOILED) >= set(WAVS)
    assert set(ANSWERED) == set(ANSWERS)
    assert {*STREAMED, "sse_split"} >= set(STREAMS)


async def end(engine: Mimo, utterance: Utterance) -> tuple[bytes, EngineError | None]:
    """What came of the sound, and how it ended."""
    parts = []
    try:
        async for part in engine.synthesize(utterance):
            parts.append(part)
    except EngineError as error:
        return b"".join(parts), error
    return b"".join(parts), None


@pytest.mark.parametrize(
    ("kind", "expected", "is_streamed"),
    [
        *((kind, expected, True) for kind, expected in REFUSED.items()),
        *((kind, expected, False) for kind, expected in BROKEN.items()),
        *((kind, BROKEN[kind], True) for kind in ("hang", "reset_body", "drip")),
        ("401", REFUSED["401"], False),
        ("huge", EngineBadReply, True),
    ],
)
async def test_fault_ends_as_its_error(
    server: MimoServer, mimo: Mimo, kind: str, expected: type[EngineError], is_streamed: bool
) -> None:
    mimo.can_stream_speech = is_streamed
    server.add_fault(kind, value=1.0)
    sound, error = await end(mimo, Utterance(TEXT))
    assert sound == b"" and type(error) is expected
    assert server.key not in str(error) and "127.0.0.1" not in str(error)
    assert await speak(mimo, Utterance(TEXT)) == make_sound(TEXT), "the next call is not harmed"


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("kind", "expected"), ANSWERED.items())
async def test_wrong_or_odd_answer(
    server: MimoServer,
    mimo: Mimo,
    kind: str,
    expected: type[EngineError] | None,
    is_streamed: bool,
) -> None:
    mimo.can_stream_speech = is_streamed
    server.add_fault(kind)
    sound, error = await end(mimo, Utterance(TEXT))
    assert (type(error) if error else None) is expected
    assert expected is not None or sound == make_sound(TEXT)


@pytest.mark.parametrize(("kind", "expected"), SPOILED.items())
async def test_spoiled_file(
    server: MimoServer, mimo: Mimo, kind: str, expected: type[EngineError] | None
) -> None:
    mimo.can_stream_speech = False
    server.add_fault(kind)
    sound, error = await end(mimo, Utterance(TEXT))
    assert server.calls[0].fault == kind
    assert (type(error) if error else None) is expected
    assert sound == (b"" if expected else make_sound(TEXT))


@pytest.mark.parametrize(("kind", "expected"), STREAMED.items())
async def test_broken_stream(
    server: MimoServer, mimo: Mimo, kind: str, expected: type[EngineError] | None
) -> None:
    server.add_fault(kind)
    sound, error = await end(mimo, Utterance(TEXT))
    assert server.calls[0].fault == kind
    assert (type(error) if error else None) is expected
    assert make_sound(TEXT).startswith(sound) and len(sound) % 2 == 0
    assert expected is not None or sound == make_sound(TEXT)


async def test_stream_that_comes_byte_by_byte(server: MimoServer, mimo: Mimo) -> None:
    server.add_fault("sse_split")
    assert await speak(mimo, Utterance("I")) == make_sound("I")


async def test_designed_voice_fails_as_others_do(server: MimoServer, mimo: Mimo) -> None:
    utterance = Utterance(TEXT, description="An old man.")
    server.add_fault("speech_wav_cut")
    server.add_fault("503")
    for expected in (EngineBadReply, EngineBusy):
        sound, error = await end(mimo, utterance)
        assert sound == b"" and type(error) is expected
    assert await speak(mimo, utterance) == make_sound(TEXT)


async def test_a_third_of_the_calls_fail_and_nothing_is_lost(
    server: MimoServer, mimo: Mimo
) -> None:
    for kind in ("503", "sse_reset", "speech_odd", "sse_no_done"):
        server.add_fault(kind, times=None, share=0.1)
    for number in range(15):
        text = f"Sentence {number}."
        for _ in range(8):
            sound, error = await end(mimo, Utterance(text))
            if error is None:
                assert sound == make_sound(text)
                break
            assert error.is_retryable
        else:
            raise AssertionError(text)
