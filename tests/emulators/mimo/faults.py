"""Faults of the local MiMo by name: error responses, broken connections, wrong answers."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.emulators.local_server import break_connection, never_respond
from tests.emulators.mimo.contract import too_many, wrong_key, wrong_param

HTML = b"<html><head><title>%d</title></head><body><center>openresty</center></body></html>"
_MB = 2**20

Answer = dict[str, Any]
#: Task of a model.
Role = Literal["transcribe", "synthesize", "answer"]


@dataclass
class Fault:
    """A fault and the requests it applies to."""

    kind: str
    #: How many more requests it applies to; None = all.
    times: int | None = 1
    #: Share of requests it applies to, chosen at random.
    share: float = 1.0
    #: Seconds, for Retry-After, between the bytes of `drip`, or that a `slow` answer takes longer.
    value: float = 3.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind}")


class FaultPlan:
    """Active faults; the first one that applies to a request is used."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._random = random.Random(0)

    def pick(self, role: Role, *, is_streamed: bool) -> Fault | None:
        for fault in self.faults:
            is_other = (fault.kind in SPEECH and role != "synthesize") or (
                fault.kind in CHATS and role != "answer"
            )
            if is_other or (fault.kind in STREAMS and not is_streamed):
                continue
            if fault.times == 0 or self._random.random() >= fault.share:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None


def _json(status: int, error: dict[str, Any]) -> Response:
    return JSONResponse({"error": error}, status)


def _html(status: int) -> Response:
    return Response(HTML % status, status, media_type="text/html")


_MODERATION = {
    "code": "421",
    "message": "Moderation Block",
    "param": "The request was rejected because it was considered high risk",
    "type": "content_filter",
}

#: Error responses of the gateway: the model is not reached, nothing is billed.
ERROR_RESPONSES: dict[str, Callable[[Fault], ASGIApp]] = {
    "429_seconds": lambda fault: Response(
        too_many().body, 429, {"retry-after": f"{fault.value:g}"}, media_type="application/json"
    ),
    "429_quota": lambda _: Response(too_many("quota exhausted").body, 429),
    "500": lambda _: _json(500, {"code": 500, "message": "Internal Server Error"}),
    "503": lambda _: _json(503, {"code": "503", "message": "Service overloaded", "type": ""}),
    "504": lambda _: _html(504),
    "401": lambda _: Response(wrong_key().body, 401),
    "402": lambda _: _json(
        402, {"code": "402", "message": "Insufficient balance", "type": "insufficient_balance"}
    ),
    "403": lambda _: _json(403, {"code": "403", "message": "Access denied", "type": ""}),
    "400_file": lambda _: Response(wrong_param("the audio cannot be decoded").body, 400),
    "421": lambda _: _json(421, _MODERATION),
    "421_as_400": lambda _: _json(400, _MODERATION),
    "404_model": lambda _: _json(404, {"code": "404", "message": "Model not found", "type": ""}),
    "302": lambda _: Response(b"", 302, {"location": "http://127.0.0.1:1/"}),
    "200_error": lambda _: _json(200, {"code": "503", "message": "overloaded"}),
    "200_html": lambda _: _html(200),
    "200_empty": lambda _: Response(b"", 200),
}


async def _reset(scope: Scope, receive: Receive, send: Send) -> None:
    break_connection(scope, is_reset=True)


def cut_after(
    head: bytes,
    *,
    is_reset: bool,
    length: int | None = None,
    media_type: bytes = b"application/json",
) -> ASGIApp:
    """Send `head`, then close the connection before `length` bytes or the last chunk."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", media_type)]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": head, "more_body": True})
        await asyncio.sleep(0.02)
        break_connection(scope, is_reset=is_reset)

    return app


async def _drip(every_s: float) -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(every_s)


async def _huge() -> AsyncIterator[bytes]:
    for _ in range(200):
        yield b" " * _MB


@cache
def _pack_bomb() -> bytes:
    """Return 200 MB of spaces as gzip, without keeping them in memory."""
    packer = zlib.compressobj(level=1, wbits=31)
    return b"".join(packer.compress(b" " * _MB) for _ in range(200)) + packer.flush()


def _bomb(_: Fault) -> Response:
    headers = {"content-encoding": "gzip"}
    return Response(_pack_bomb(), 200, headers, media_type="text/event-stream")


def _plain(chunks: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(chunks, media_type="application/json")


#: Broken connections. The client cannot know whether the model was reached.
BROKEN_CONNECTIONS: dict[str, Callable[[Fault], ASGIApp]] = {
    "hang": lambda _: never_respond,
    "reset": lambda _: _reset,
    "reset_body": lambda _: cut_after(b'{"choices":[', length=4096, is_reset=True),
    "short_body": lambda _: cut_after(b'{"choices":[', length=4096, is_reset=False),
    "chunked_cut": lambda _: cut_after(b'{"choices":[', is_reset=False),
    "drip": lambda fault: _plain(_drip(fault.value)),
    "huge": lambda _: _plain(_huge()),
    "gzip_bomb": _bomb,
}


def _with_message(answer: Answer, **fields: Any) -> Answer:
    choice = answer["choices"][0]
    return {**answer, "choices": [{**choice, "message": {**choice["message"], **fields}}]}


def _with_finish(answer: Answer, reason: str) -> Answer:
    return {**answer, "choices": [{**answer["choices"][0], "finish_reason": reason}]}


def _half(answer: Answer) -> Answer:
    text = answer["choices"][0]["message"]["content"]
    return _with_finish(_with_message(answer, content=text[: len(text) // 2]), "length")


#: Wrong completions of any model: billed.
ANSWERS: dict[str, Callable[[Answer], Answer]] = {
    "reasoning_only": lambda answer: _with_message(answer, content="", reasoning_content="Hm."),
    "empty_text": lambda answer: _with_message(answer, content=""),
    "finish_length": _half,
    "content_filter": lambda answer: _with_finish(answer, "content_filter"),
    "wrong_model": lambda answer: {**answer, "model": "mimo-v2.6-flash"},
    "no_usage": lambda answer: {**answer, "usage": None},
    "no_seconds": lambda answer: {**answer, "usage": {**answer["usage"], "seconds": None}},
}


def _with_prompt_details(answer: Answer, **details: int) -> Answer:
    return {**answer, "usage": {**answer["usage"], "prompt_tokens_details": details}}


def _swap(answer: Answer) -> Answer:
    """Move the content to reasoning_content, as in an example of the documentation."""
    words = answer["choices"][0]["message"]["content"]
    return _with_message(answer, content="", reasoning_content=words)


def _tag(answer: Answer) -> Answer:
    words = answer["choices"][0]["message"]["content"]
    return _with_message(answer, content=f"<think>Hm, hm.</think>{words}")


#: Wrong or unusual completions of chat models: billed.
CHATS: dict[str, Callable[[Answer], Answer]] = {
    "chat_swapped": _swap,
    "chat_deaf": lambda answer: _with_prompt_details(answer, audio_tokens=0),
    "chat_no_details": _with_prompt_details,
    "chat_cached": lambda answer: _with_prompt_details(answer, audio_tokens=25, cached_tokens=82),
    "chat_repetition": lambda answer: _with_finish(answer, "repetition_truncation"),
    "chat_tags": _tag,
}


def _cut_event(events: list[bytes]) -> list[bytes]:
    middle = len(events) // 2
    return [*events[:middle], events[middle][: len(events[middle]) // 2]]


def _duplicate(events: list[bytes]) -> list[bytes]:
    """Repeat the chunks without text: the first one, the last one and the usage."""
    return [events[0], *events[:-3], events[-3], events[-3], events[-2], events[-2], events[-1]]


def _comment(events: list[bytes]) -> list[bytes]:
    return [part for event in events for part in (b": keep-alive\n\n", event)]


def _split(events: list[bytes]) -> list[bytes]:
    """Split the stream into single bytes (2,000 parts at most), also within characters."""
    whole = b"".join(events)
    step = 1 + len(whole) // 2000
    return [whole[at : at + step] for at in range(0, len(whole), step)]


def _error_event(events: list[bytes], code: str = "429", about: str = "") -> list[bytes]:
    error = {"error": {"code": code, "message": about or "Too many requests", "type": "x"}}
    return [*events[: len(events) // 2], b"data: " + json.dumps(error).encode() + b"\n\n"]


#: Wrong event streams: billed. The HTTP response itself ends correctly.
STREAMS: dict[str, Callable[[list[bytes]], Iterable[bytes]]] = {
    "sse_cut": _cut_event,
    "sse_no_done": lambda events: events[:-1],
    "sse_no_end": lambda events: events[:-3],
    "sse_duplicate": _duplicate,
    "sse_comments": _comment,
    "sse_split": _split,
    "sse_error": _error_event,
    "sse_gone": lambda events: _error_event(events, "404", "Not supported model"),
    "sse_nonsense": lambda events: [events[0], b"data: {nonsense\n\n", *events[1:]],
}


#: Wrong synthesized audio, and wrong or missing base64 chunks of it: billed.
BAD_AUDIO: dict[str, Callable[[bytes], bytes]] = {
    "speech_empty": lambda _: b"",
    "speech_odd": lambda audio: audio[:-1],
}
BAD_CHUNKS: dict[str, Callable[[list[str | None]], list[str | None]]] = {
    "speech_base64": lambda chunks: [*chunks[: len(chunks) // 2], "!!!!"],
    "speech_null": lambda chunks: [None for _ in chunks],
    "speech_holes": lambda chunks: [part for chunk in chunks for part in (chunk, None, "")],
}
SPEECH = frozenset({*BAD_AUDIO, *BAD_CHUNKS})

KINDS = frozenset(
    {
        *ERROR_RESPONSES,
        *BROKEN_CONNECTIONS,
        *ANSWERS,
        *CHATS,
        *STREAMS,
        *SPEECH,
        "sse_reset",
        "slow",
    }
)
