"""Every body the service is known to send, read without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.engines.chat_wire import read_whole
from core.engines.mimo_wire import (
    build_transcription,
    make_transcript,
    read_error,
    read_heard,
    read_models,
)
from core.engines.wire import clean, read_json, read_retry_after
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
EXAMPLE = {
    "id": "9f51eba459dd4dfdabb31cabba0cb7dc",
    "choices": [
        {
            "finish_reason": "stop",
            "index": 0,
            "message": {
                "content": "Good morning.",
                "role": "assistant",
                "audio": None,
                "tool_calls": None,
                "audio_tokens": [],
            },
        }
    ],
    "created": 1780398283,
    "model": MODEL,
    "object": "chat.completion",
    "usage": {
        "completion_tokens": 20,
        "prompt_tokens": 46,
        "total_tokens": 66,
        "completion_tokens_details": {"reasoning_tokens": 0},
        "prompt_tokens_details": {"audio_tokens": 25, "cached_tokens": 45},
        "seconds": 4,
    },
}


def error(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


MODERATION = error(
    code="421",
    message="Moderation Block",
    param="The request was rejected because it was considered high risk",
    type="content_filter",
)
HTML = b"<html><head><title>Oops</title></head><body>openresty</body></html>"

ERRORS: list[tuple[str, int, bytes, type[EngineError]]] = [
    (
        "401",
        401,
        error(
            message="Invalid API Key",
            param="Please provide valid API Key",
            code="401",
            type="invalid_key",
        ),
        EngineLocked,
    ),
    ("401 number", 401, error(message="Invalid API Key", code=401), EngineLocked),
    ("401 type only", 400, error(message="x", type="invalid_key"), EngineLocked),
    (
        "400 param",
        400,
        error(code="400", message="Param Incorrect", param="bad", type=""),
        EngineRefused,
    ),
    ("400 new model", 400, error(code="400", message="Unsupported model mimo-v2-tts"), ModelGone),
    (
        "400 old model",
        400,
        error(code="400", message="Param Incorrect", param="Not supported model X", type=""),
        ModelGone,
    ),
    ("404 model", 404, error(code="404", message="Model not found"), ModelGone),
    ("404 page", 404, HTML, EngineLocked),
    (
        "402",
        402,
        error(code="402", message="Insufficient account balance", type="insufficient_balance"),
        EngineLocked,
    ),
    ("403", 403, error(code="403", message="Region"), EngineLocked),
    ("403 page", 403, HTML, EngineLocked),
    ("429", 429, error(code="429", message="Too many requests", type="limitation"), EngineBusy),
    (
        "429 quota",
        429,
        error(code="429", message="quota exhausted", type="limitation"),
        EngineLocked,
    ),
    ("421", 421, MODERATION, EngineRefused),
    ("421 as 400", 400, MODERATION, EngineRefused),
    ("421 in a 200", 200, MODERATION, EngineRefused),
    ("data:", 400, b"data:" + error(code="400", message="Unsupported model x"), ModelGone),
    ("data: and space", 429, b"data: " + error(code="421", message="m"), EngineRefused),
    ("inner code first", 400, error(code="503", message="overloaded"), EngineBusy),
    ("inner code is no status", 503, error(code="400001", message="?"), EngineBusy),
    ("inner code is a word", 400, error(code="invalid", message="?"), EngineRefused),
    ("inner code is a list", 503, error(code=["400"], message={}), EngineBusy),
    ("inner code is endless", 400, error(code="9" * 5000), EngineRefused),
    ("error is text", 400, b'{"error":"no"}', EngineRefused),
    ("error is a list", 400, b'{"error":[1]}', EngineRefused),
    ("413", 413, HTML, EngineRefused),
    ("302", 302, b"", EngineLocked),
    ("408", 408, b"", EngineBusy),
    ("500", 500, b'{"error":{"code":500,"message":"x"}}', EngineBusy),
    ("502 page", 502, HTML, EngineBusy),
    ("503 nothing", 503, b"", EngineBusy),
    ("504 nothing", 504, b"", EngineBusy),
    ("554 nothing", 554, b"", EngineBusy),
    ("400 nothing", 400, b"", EngineRefused),
    ("400 bytes", 400, b"\xff\xfe\x00", EngineRefused),
    ("400 nested", 400, b'{"error":' + b"[" * 100_000, EngineRefused),
    ("200 without a code", 200, error(message="x"), EngineBadReply),
]


@pytest.mark.parametrize(
    ("status", "body", "expected"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS]
)
def test_error_is_read(status: int, body: bytes, expected: type[EngineError]) -> None:
    assert type(read_error(status, body)) is expected


def test_reason_is_for_the_person_and_not_for_the_log() -> None:
    body = error(code="400", message="Param Incorrect", param="she said\nhello " * 99, type="")
    found = read_error(400, body)
    reason = found.values["reason"]
    assert (
        isinstance(reason, str) and reason.startswith("she said hello she") and len(reason) <= 200
    )
    assert str(found) == "400"


def test_key_in_a_body_reaches_neither_log_nor_person() -> None:
    for status in (401, 402, 403, 429, 503, 404):
        found = read_error(status, error(message="bad key sk-secret", code=str(status)))
        assert "sk-secret" not in f"{found} {found.values}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3.0),
        ("2.5", 2.5),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999999", 3600.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 20:01:00 +0800", 60.0),
        ("Sat, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after(value: str | None, expected: float | None) -> None:
    assert read_retry_after(value, datetime(2026, 11, 21, 12, tzinfo=UTC)) == expected


def test_wait_reaches_the_error() -> None:
    body = error(code="429", message="Too many requests", type="limitation")
    assert read_error(429, body, "7").retry_after_s == 7
    assert read_error(503, b"", "7").retry_after_s == 7
    assert read_error(429, body).retry_after_s is None


def build(audio: Audio, **options: Any) -> dict[str, Any]:
    body = build_transcription(audio, model=MODEL, **options)
    whole: dict[str, Any] = json.loads(b"".join(body))
    return whole


def test_body_is_as_in_the_documents() -> None:
    assert build(Audio(b"RIFF", "audio/x-wav", 1.0)) == {
        "model": MODEL,
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_audio",
                        "input_audio": {"data": "data:audio/wav;base64,UklGRg=="},
                    }
                ],
            }
        ],
        "asr_options": {"language": "auto"},
    }
    streamed = build(Audio(b"ID3", "audio/mp3", 1.0), language="zh", is_streamed=True)
    assert streamed["stream"] is True and streamed["asr_options"] == {"language": "zh"}
    url = streamed["messages"][0]["content"][0]["input_audio"]["data"]
    assert url == "data:audio/mpeg;base64,SUQz"


def hear(body: bytes) -> Transcript:
    return make_transcript(read_whole(read_heard(body, MODEL)), model=MODEL)


def test_example_is_read() -> None:
    transcript = hear(json.dumps(EXAMPLE).encode())
    assert transcript.text == "Good morning."
    usage = transcript.usage
    assert usage is not None
    assert (usage.audio_s, usage.prompt_tokens, usage.completion_tokens) == (4.0, 46, 20)


def changed(**fields: Any) -> bytes:
    return json.dumps({**EXAMPLE, **fields}).encode()


def choice(content: Any = "Good.", finish_reason: Any = "stop", **message: Any) -> list[Any]:
    return [{"finish_reason": finish_reason, "message": {"content": content, **message}}]


@pytest.mark.parametrize(
    "body",
    [
        changed(choices=[]),
        changed(choices=choice("", reasoning_content="Let me think.")),
        changed(choices=choice("x" * 60_000)),
        changed(choices=choice(finish_reason="tool_calls")),
        changed(model="mimo-v2.6-flash"),
        changed(model=["asr"]),
        changed(error={"message": "x"}),
    ],
)
def test_answer_that_is_no_transcript_is_a_bad_reply(body: bytes) -> None:
    with pytest.raises(EngineBadReply):
        hear(body)


def test_words_are_kept_though_they_look_like_a_thought() -> None:
    body = changed(choices=choice("<think> is what she typed."))
    assert hear(body).text == "<think> is what she typed."


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"seconds": "4", "prompt_tokens": None, "completion_tokens": -1},
        {"seconds": float("nan"), "prompt_tokens": 1.5, "completion_tokens": 10**30},
        {"seconds": True, "prompt_tokens": [], "completion_tokens": {}},
    ],
)
def test_odd_usage_counts_nothing(usage: dict[str, Any]) -> None:
    found = hear(changed(usage=usage)).usage
    assert found is not None
    assert (found.audio_s, found.prompt_tokens, found.completion_tokens) == (0.0, 0, 0)
    assert hear(changed(usage=None)).usage is None


def test_text_is_made_fit_for_databases() -> None:
    assert clean("a\x00b\ud83d\ude00c\ud800") == "ab😀c\ufffd"
    body = changed(choices=choice(" a\x00b "))
    assert hear(body).text == "ab"


def test_models_are_listed() -> None:
    body = json.dumps({"object": "list", "data": [{"id": "a"}, {"id": 7}, "b", {}]}).encode()
    assert read_models(body) == {"a"}
    assert read_models(b'{"data":null}') == frozenset()


def test_json_after_a_mark_of_order() -> None:
    assert read_json(b'\xef\xbb\xbf {"a":1}') == {"a": 1}
