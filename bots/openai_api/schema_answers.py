"""The forms of answers (JSON Schema), and the small words that forms are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TranscriptionRequest = dict[str, Any]


def thing(
    properties: dict[str, TranscriptionRequest], *, required: Sequence[str] = ()
) -> TranscriptionRequest:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
    }


def array(items: TranscriptionRequest) -> TranscriptionRequest:
    """A list of such items."""
    return {"type": "array", "items": items}


def choice(values: Sequence[str]) -> TranscriptionRequest:
    """One of these texts."""
    return {"type": "string", "enum": list(values)}


def text(description: str) -> TranscriptionRequest:
    """A text, and what it is for."""
    return {"type": "string", "description": description}


def described(form: TranscriptionRequest, description: str) -> TranscriptionRequest:
    """A form, and what it is for."""
    return {**form, "description": description}


_TEXT: TranscriptionRequest = {"type": "string"}
_MAYBE: TranscriptionRequest = {"type": ["string", "null"]}
_COUNT: TranscriptionRequest = {"type": "integer", "minimum": 0}
_NUMBER: TranscriptionRequest = {"type": "number"}

ERROR = thing(
    {
        "error": thing(
            {"message": _TEXT, "type": _TEXT, "param": _MAYBE, "code": _MAYBE},
            required=("message", "type", "param", "code"),
        )
    },
    required=("error",),
)
MODEL_ENTRY = thing(
    {"id": _TEXT, "object": choice(("model",)), "created": _COUNT, "owned_by": _TEXT},
    required=("id", "object", "created", "owned_by"),
)
_SEGMENT = thing(
    {
        "id": _COUNT,
        "seek": _COUNT,
        "start": described(_NUMBER, "Seconds from the start of the recording."),
        "end": _NUMBER,
        "text": _TEXT,
        "tokens": array(_COUNT),
        **{name: _NUMBER for name in ("temperature", "avg_logprob", "compression_ratio")},
        "no_speech_prob": _NUMBER,
    },
    required=("id", "start", "end", "text"),
)
TRANSCRIPTION = thing(
    {
        "text": _TEXT,
        "usage": thing({"type": choice(("duration",)), "seconds": _COUNT}),
        "task": choice(("transcribe",)),
        "language": _TEXT,
        "duration": _NUMBER,
        "segments": array(_SEGMENT),
    },
    required=("text",),
)
_USAGE = thing({name: _COUNT for name in ("prompt_tokens", "completion_tokens", "total_tokens")})
_SAID: dict[str, TranscriptionRequest] = {
    "role": choice(("assistant",)),
    "content": _TEXT,
    "reasoning_content": _TEXT,
}
_HEAD: dict[str, TranscriptionRequest] = {
    "id": _TEXT,
    "created": _COUNT,
    "model": _TEXT,
    "usage": {"anyOf": [_USAGE, {"type": "null"}]},
}


def _build_choices(name: str, said: dict[str, TranscriptionRequest]) -> TranscriptionRequest:
    return array(
        thing(
            {
                "index": _COUNT,
                name: thing(said),
                "logprobs": {"type": "null"},
                "finish_reason": {"enum": ["stop", "length", None]},
            }
        )
    )


COMPLETION = thing(
    {
        **_HEAD,
        "object": choice(("chat.completion",)),
        "choices": _build_choices("message", {**_SAID, "refusal": {"type": "null"}}),
    },
    required=("id", "object", "created", "model", "choices"),
)


def _build_event(description: str) -> TranscriptionRequest:
    """A server-sent event; what else stands in one is not of interest."""
    data = {"data": text(description)}
    return {"type": "object", "properties": data, "required": ["data"]}


CHUNK = _build_event("A chunk of the answer as JSON, at the end [DONE].")
EVENT = _build_event("JSON: first …delta with what is new, at the end …done.")
