"""Requests of programs that people use, as their sources make them, and what they read of answers.

A row has the fields, headers and parts of a form that the program sends, in its order. Each file
names the sources of its rows.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from httpx import AsyncClient, Response

from core.audio.sniff import sniff
from tests.emulators.mimo.tones import make_pcm, make_recording
from tests.support import audio_samples

WORDS = "w21 w22 w23"
_BOUNDARY = "----formdata-7d93b178"
_KINDS = {"opus": "ogg"}


@dataclass(frozen=True)
class Part:
    """A part of a form. Without a type no type is sent."""

    name: str
    value: str | bytes
    file_name: str = ""
    media_type: str = ""


@dataclass(frozen=True)
class Sent:
    """A request of a program."""

    program: str
    path: str
    json: dict[str, Any] = field(default_factory=dict)
    form: tuple[Part, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    has_key: bool = True
    #: Whether the body is sent without its length.
    is_chunked: bool = False


def fields(**values: str) -> tuple[Part, ...]:
    return tuple(Part(name, value) for name, value in values.items())


def sound(file_name: str, media_type: str = "") -> Part:
    """Return a recording of the form that its name says."""
    data = make_recording([21, 22, 23])
    if not file_name.endswith(".wav"):
        container = "webm" if file_name.endswith(".webm") else "ogg-opus"
        data = audio_samples.file(container, make_pcm([21, 22, 23], gap_s=0.64))
    return Part("file", data, file_name, media_type)


def build_form(parts: tuple[Part, ...]) -> bytes:
    """Return the parts as multipart/form-data, with no header that was not asked for."""
    lines = b""
    for part in parts:
        name = f'; filename="{part.file_name}"' if part.file_name else ""
        kind = f"Content-Type: {part.media_type}\r\n" if part.media_type else ""
        head = f'Content-Disposition: form-data; name="{part.name}"{name}\r\n{kind}\r\n'
        value = part.value.encode() if isinstance(part.value, str) else part.value
        lines += f"--{_BOUNDARY}\r\n{head}".encode() + value + b"\r\n"
    return lines + f"--{_BOUNDARY}--\r\n".encode()


async def send(client: AsyncClient, sent: Sent) -> Response:
    """Return the answer to a request."""
    if sent.json:
        return await client.post(sent.path, json=sent.json, headers=sent.headers)
    if not sent.form:
        return await client.get(sent.path, headers=sent.headers)
    body = build_form(sent.form)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    headers = {**sent.headers, "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    content: Any = pieces() if sent.is_chunked else body
    return await client.post(sent.path, content=content, headers=headers)


def check(sent: Sent, answer: Response) -> None:
    """Read of an answer what the program reads."""
    assert answer.status_code == 200, answer.text
    kind = sent.path.partition("?")[0].rpartition("/")[2]
    assert read(kind, sent, answer), answer.text[:500]


def read(kind: str, sent: Sent, answer: Response) -> Any:
    """Return what the program gets to show or to play."""
    if kind == "speech":
        return _read_speech(sent, answer.content)
    if sent.json.get("stream") or Part("stream", "true") in sent.form:
        events = list(_read_events(answer))
        return _READ_STREAM[kind](sent, events)
    found = answer.json()
    match kind:
        case "transcriptions":
            return found["text"] == WORDS
        case "voices":
            return all(voice["id"] and voice["name"] for voice in found["voices"])
        case "models":
            return [model["id"] for model in found.get("data") or found["models"]]
        case "responses":
            texts = [p["text"] for item in found["output"] for p in item["content"]]
            return "".join(texts) and found["usage"]["output_tokens"]
    # One of the programs stops where there is none.
    assert found["usage"]["total_tokens"]
    messages = [choice["message"] for choice in found["choices"]]
    assert len(messages) == (sent.json.get("n") or 1)
    return all(message["role"] == "assistant" and message["content"] for message in messages)


def _read_speech(sent: Sent, body: bytes) -> bool:
    wanted = sent.json.get("response_format", "mp3")
    if wanted == "wav":
        # Wyoming reads rate and width from the first piece, of this size.
        with wave.open(io.BytesIO(body[:2048])) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
            assert file.getframerate() >= 16_000
    if wanted not in ("pcm", "aac"):
        assert sniff(body)[0] == _KINDS.get(wanted, wanted)
    return len(body if wanted == "pcm" else audio_samples.decode(body)) > 8000


def _read_events(answer: Response) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream, as the line readers of all these programs do."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    for line in answer.text.splitlines():
        assert not line or line.startswith(("data: ", "event: ")), line
        if line.startswith("data: ") and line != "data: [DONE]":
            yield json.loads(line.removeprefix("data: "))


def _read_transcript(sent: Sent, events: list[dict[str, Any]]) -> bool:
    deltas = [e["delta"] for e in events if e["type"] == "transcript.text.delta"]
    return "".join(deltas) == WORDS


def _read_chat(sent: Sent, events: list[dict[str, Any]]) -> Any:
    choices = [choice for event in events for choice in event["choices"]]
    assert choices[0]["delta"]["role"] == "assistant" and choices[-1]["finish_reason"] == "stop"
    if sent.json.get("stream_options", {}).get("include_usage"):
        assert events[-1]["usage"]["total_tokens"] and not events[-1]["choices"]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def _read_response(sent: Sent, events: list[dict[str, Any]]) -> Any:
    # Home Assistant begins a message where an item is added, and wants to see its end.
    kinds = [event["type"] for event in events]
    assert kinds.index("response.output_item.added") < kinds.index("response.output_text.delta")
    last = events[-1]
    assert last["type"] == "response.completed" and last["response"]["usage"]["input_tokens"]
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


_READ_STREAM = {
    "transcriptions": _read_transcript,
    "completions": _read_chat,
    "responses": _read_response,
}
