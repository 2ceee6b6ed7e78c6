"""Transcription requests, responses and errors of MiMo, without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.engines.mimo.transcription_wire import (
    build_transcription,
    make_transcript,
    read_error,
    read_response,
)
from core.engines.wire.chat import read_completion
from core.engines.wire.errors import clean, read_json, read_retry_after
from core.errors import (
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    ModelGone,
)
from core.models import Audio, Transcript

MODEL = "mimo-v2.5-asr"
#: The example of the API reference, word for word where the program looks.
MESSAGE: dict[str, Any] = {
    "content": "Good morning.", "role": "assistant", "audio": None, "audio_tokens": [],
}  # fmt: skip
USAGE = {"completion_tokens": 20, "prompt_tokens": 46, "total_tokens": 66, "seconds": 4}
EXAMPLE = {
    "id": "9f51eba459dd4dfdabb31cabba0cb7dc",
    "choices": [{"finish_reason": "stop", "index": 0, "message": MESSAGE}],
    "created": 1780398283,
    "model": MODEL,
    "object": "chat.completion",
    "usage": {**USAGE, "prompt_tokens_details": {"audio_tokens": 25, "cached_tokens": 45}},
}


def error(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


MODERATION = error(code="421", message="Moderation Block", param="x", type="content_filter")
HTML = b"<html><head><title>Oops</title></head><body>openresty</body></html>"
OLD = error(code="400", message="Param Incorrect", param="Not supported model X", type="")
NEW = error(code="400", message="Unsupported model mimo-v2-tts")
#: How each status and body ends, as the service and the gateways before it send them.
ERRORS: dict[type[EngineError], list[tuple[int, bytes]]] = {
    EngineLocked: [
        (401, error(message="Invalid API Key", param="x", code="401", type="invalid_key")),
        (401, error(message="Invalid API Key", code=401)),
        (400, error(message="x", type="invalid_key")),
        (402, error(code="402", message="Insufficient", type="insufficient_balance")),
        (403, error(code="403", message="Region")),
        (429, error(code="429", message="quota exhausted", type="limitation")),
        *((404, HTML), (403, HTML), (302, b"")),
    ],
    EngineRefused: [
        (400, error(code="400", message="Param Incorrect", param="bad", type="")),
        *((421, MODERATION), (400, MODERATION), (200, MODERATION)),
        (429, b"data: " + error(code="421", message="m")),
        (400, error(code="invalid", message="?")),
        (400, error(code="9" * 5000)),
        *((400, b'{"error":"no"}'), (400, b'{"error":[1]}'), (400, b'{"error":' + b"[" * 100_000)),
        *((413, HTML), (400, b""), (400, b"\xff\xfe\x00")),
    ],
    ModelGone: [
        *((400, NEW), (400, OLD), (400, b"data:" + NEW)),
        (404, error(code="404", message="Model not found")),
    ],
    EngineBusy: [
        (429, error(code="429", message="Too many requests", type="limitation")),
        (400, error(code="503", message="overloaded")),
        (503, error(code="400001", message="?")),
        (503, error(code=["400"], message={})),
        (500, b'{"error":{"code":500,"message":"x"}}'),
        *((408, b""), (502, HTML), (503, b""), (504, b""), (554, b"")),
    ],
    EngineBadReply: [(200, error(message="x"))],
}


@pytest.mark.parametrize("expected", ERRORS)
def test_error_is_read(expected: type[EngineError]) -> None:
    found = [(type(read_error(*row)), *row) for row in ERRORS[expected]]
    assert found == [(expected, *row) for row in ERRORS[expected]]


def test_reason_is_for_the_person_and_not_for_the_log() -> None:
    body = error(code="400", message="Param Incorrect", param="she said\nhello " * 99, type="")
    found = read_error(400, body)
    reason = found.values["reason"]
    assert str(reason).startswith("she said hello she") and len(str(reason)) <= 200
    assert str(found) == "400"


def test_key_in_a_body_reaches_neither_log_nor_chat() -> None:
    for status in (401, 402, 403, 429, 503, 404):
        found = read_error(status, error(message="bad key sk-secret", code=str(status)))
        assert "sk-secret" not in f"{found} {found.values}"


@pytest.mark.parametrize("code", ["000000400" + "1" * 5000, "0000004001", "4001", "0404", "٤٠٤"])
def test_a_code_that_is_no_status_does_not_count(code: str) -> None:
    """Python refuses to read numbers of more than 4,300 digits."""
    assert read_error(503, error(code=code, message="x")).status == 503


def test_retry_after() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    waits = {"3": 3.0, "2.5": 2.5, "0": 0.0, "-5": 0.0, "999999999": 3600.0, "nan": None}
    waits |= {"inf": None, "soon": None, "": None, "Sat, 99 Nov 2026 12:00:30 GMT": None}
    waits |= {"Sat, 21 Nov 2026 12:00:30 GMT": 30.0, "Sat, 21 Nov 2026 11:00:00 GMT": 0.0}
    waits |= {"Sat, 21 Nov 2026 20:01:00 +0800": 60.0}
    assert {value: read_retry_after(value, now) for value in waits} == waits
    assert read_retry_after(None, now) is None


def test_retry_after_reaches_the_error() -> None:
    body = error(code="429", message="Too many requests", type="limitation")
    assert read_error(429, body, "7").retry_after_s == 7
    assert read_error(503, b"", "7").retry_after_s == 7
    assert read_error(429, body).retry_after_s is None


def build(audio: Audio, **options: Any) -> dict[str, Any]:
    body = build_transcription(audio, model=MODEL, **options)
    whole: dict[str, Any] = json.loads(b"".join(body))
    return whole


def test_body_matches_the_documentation() -> None:
    content = {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,UklGRg=="}}
    assert build(Audio(b"RIFF", "audio/x-wav", 1.0)) == {
        "model": MODEL,
        "messages": [{"role": "user", "content": [content]}],
        "asr_options": {"language": "auto"},
    }
    streamed = build(Audio(b"ID3", "audio/mp3", 1.0), language="zh", is_streamed=True)
    assert streamed["stream"] is True and streamed["asr_options"] == {"language": "zh"}
    url = streamed["messages"][0]["content"][0]["input_audio"]["data"]
    assert url == "data:audio/mpeg;base64,SUQz"
    languages = {"zh": "zh", "zh-Hans-CN": "zh", "EN-us": "en", "de": "auto", "": "auto"}
    for language, sent in (*languages.items(), ("enm", "auto")):
        wav = Audio(b"RIFF", "audio/wav", 1.0)
        assert build(wav, language=language)["asr_options"] == {"language": sent}


def transcript_of(body: bytes) -> Transcript:
    return make_transcript(read_completion(read_response(body, MODEL, kind="asr")), model=MODEL)


@pytest.mark.finding(10)
def test_example_is_read() -> None:
    transcript = transcript_of(json.dumps(EXAMPLE).encode())
    assert transcript.text == "Good morning."
    usage = transcript.usage
    assert usage is not None
    assert (usage.audio_s, usage.prompt_tokens, usage.completion_tokens) == (4.0, 46, 20)
    assert (usage.audio_tokens, usage.cached_tokens, usage.reasoning_tokens) == (25, 45, 0)


def changed(**fields: Any) -> bytes:
    return json.dumps({**EXAMPLE, **fields}).encode()


def choice(content: Any = "Good.", finish_reason: Any = "stop", **message: Any) -> list[Any]:
    return [{"finish_reason": finish_reason, "message": {"content": content, **message}}]


@pytest.mark.parametrize(
    "body",
    [
        changed(choices=[]), changed(choices=choice(None)),
        changed(choices=choice("", reasoning_content="Let me think.")),
        changed(choices=choice("x" * 60_000)), changed(choices=choice(finish_reason="tool_calls")),
        changed(model="mimo-v2.6-flash"), changed(model=["asr"]), changed(error={"message": "x"}),
    ],
)  # fmt: skip
def test_invalid_response_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(EngineBadReply):
        transcript_of(body)


def test_words_that_look_like_reasoning_are_kept() -> None:
    body = changed(choices=choice("<think> is what she typed."))
    assert transcript_of(body).text == "<think> is what she typed."


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"seconds": "4", "prompt_tokens": None, "completion_tokens": -1},
        {"seconds": float("nan"), "prompt_tokens": 1.5, "completion_tokens": 10**30},
        {"seconds": True, "prompt_tokens": [], "completion_tokens": {}},
    ],
)
def test_invalid_usage_counts_as_zero(usage: dict[str, Any]) -> None:
    found = transcript_of(changed(usage=usage)).usage
    assert found is not None
    assert (found.audio_s, found.prompt_tokens, found.completion_tokens) == (0.0, 0, 0)
    assert transcript_of(changed(usage=None)).usage is None


def test_text_is_cleaned() -> None:
    assert clean("a\x00b\ud83d\ude00c\ud800") == "ab😀c\ufffd"
    body = changed(choices=choice(" a\x00b "))
    assert transcript_of(body).text == "ab"


def test_json_after_a_byte_order_mark() -> None:
    assert read_json(b'\xef\xbb\xbf {"a":1}') == {"a": 1}
