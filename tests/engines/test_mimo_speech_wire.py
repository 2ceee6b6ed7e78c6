"""MiMo's speech responses, read without a network."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engines.mimo.speech_wire import (
    SpeechStream,
    build_speech,
    check_speech_end,
    read_speech,
    read_speech_event,
)
from core.errors import EngineBadReply, EngineBusy, EngineError, EngineRefused
from core.models import Utterance
from tests.emulators.mimo.tones import make_wav

MODEL = "mimo-v2.5-tts"
STOP = {"choices": [{"delta": {"audio": None}, "finish_reason": "stop"}]}


def chunk(audio: Any, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"audio": audio}, "finish_reason": None}], **fields}


def audio_event(data: bytes) -> dict[str, Any]:
    return chunk({"id": "x", "data": b64encode(data).decode(), "transcript": None})


def run(*events: Any, is_done: bool = True) -> bytes:
    """Return the audio of a stream of these events. Raises EngineError."""
    stream, made = SpeechStream(), b""
    lines = [json.dumps(event) for event in events] + ["[DONE]"] * is_done
    for line in lines:
        stream, samples = read_speech_event(line, stream, model=MODEL)
        made += samples
    check_speech_end(stream)
    return made


CHUNKS: list[Any] = [
    chunk(audio) for audio in (None, {}, {"data": None}, {"data": ""}, "no object")
]
CHOICES: list[Any] = [[], None, [None], [{"delta": None}], [{}]]
OTHERS: list[Any] = [{"usage": {"total_tokens": 310}}, chunk(None, model="mimo-v2.5-tts-2026")]


@pytest.mark.parametrize("extra", [*CHUNKS, *({"choices": found} for found in CHOICES), *OTHERS])
def test_event_without_audio_changes_nothing(extra: dict[str, Any]) -> None:
    assert run(extra, audio_event(b"ab"), extra, audio_event(b"cd"), STOP, extra) == b"abcd"


@given(st.lists(st.binary(max_size=5)))
def test_odd_chunks_join(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    events = [audio_event(part) for part in parts]
    if whole and len(whole) % 2 == 0:
        assert run(*events, STOP) == whole
    else:
        with pytest.raises(EngineBadReply):
            run(*events, STOP)


def end(reason: str) -> dict[str, Any]:
    return {"choices": [{"finish_reason": reason}]}


WRONG: dict[type[EngineError], list[list[Any]]] = {
    EngineBadReply: [
        *(
            [STOP],
            [audio_event(b"ab")],
            [audio_event(b"abc"), STOP],
            [audio_event(b"ab"), STOP, audio_event(b"cd")],
        ),
        *([chunk({"data": data}), STOP] for data in ("a", "YWI=\n", "ü", 1)),
        *(["no object"], [audio_event(b"ab"), end("length")]),
        [{**audio_event(b"ab"), "model": "mimo-v2.6-flash"}, STOP],
    ],
    EngineBusy: [[audio_event(b"ab"), {"error": {"code": "503", "message": "x"}}]],
    EngineRefused: [
        [{"error": {"code": "421", "message": "x"}}],
        [audio_event(b"ab"), end("content_filter")],
    ],
}


@pytest.mark.parametrize(
    ("expected", "events"), [(error, events) for error in WRONG for events in WRONG[error]]
)
def test_invalid_stream_is_an_error(expected: type[EngineError], events: list[Any]) -> None:
    with pytest.raises(EngineError) as caught:
        run(*events)
    assert type(caught.value) is expected


def test_truncated_stream_is_an_error() -> None:
    with pytest.raises(EngineBadReply):
        run(audio_event(b"ab"), STOP, is_done=False)


WAV = {"data": b64encode(make_wav(b"abcd", rate_hz=24_000)).decode()}


def read(audio: Any = WAV, reason: str = "stop", **fields: Any) -> bytes:
    """Return the audio of a response that is not streamed."""
    choices = [{"finish_reason": reason, "message": {"audio": audio}}]
    answer = {"model": MODEL, "choices": choices, **fields}
    return read_speech(json.dumps(answer).encode(), model="mimo-v2-tts")


def test_plain_answer_is_read() -> None:
    """The second generation is served by the third for a while."""
    assert read() == b"abcd"
    odd: list[Any] = [{"choices": []}, {"audio": None}, {"reason": "length"}, {"model": "mimo-v2"}]
    for wrong in odd:
        with pytest.raises(EngineBadReply):
            read(**wrong)
    with pytest.raises(EngineRefused):
        read(reason="content_filter")


NAMES = st.sampled_from(["choices", "delta", "message", "audio", "data", "model", "error"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@settings(max_examples=50)
@given(JSON)
def test_arbitrary_bytes_raise_engine_errors_only(value: Any) -> None:
    for text in (json.dumps(value), json.dumps({"choices": [value]})):
        with suppress(EngineError):
            read_speech_event(text, SpeechStream(), model=MODEL)
        with suppress(EngineError):
            read_speech(text.encode(), model=MODEL)


@given(st.text(), st.lists(st.text()))
def test_text_always_follows_one_tag(text: str, styles: list[str]) -> None:
    body = build_speech(Utterance(text, styles=tuple(styles)), model=MODEL)
    content = body["messages"][-1]["content"]
    assert content.endswith(text)
    tag = content[: len(content) - len(text)]
    assert tag == "" or (tag[0], tag[-1]) == ("(", ")")
    assert not any(mark in tag[1:-1] for mark in "()（）[]<>")
