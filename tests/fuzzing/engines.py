"""Replies of engines: errors, JSON, server-sent events and sound, whatever a server sends."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import astuple
from functools import partial
from typing import Any

import httpx

from core.audio.voice_note import SeamJoiner
from core.engines.mimo import speech_wire, transcription_wire
from core.engines.openai import chat_wire
from core.engines.openai import transcription_wire as openai_wire
from core.engines.wire import chat
from core.engines.wire.client import read_events
from core.engines.wire.errors import read_json, read_retry_after
from core.engines.wire.models import read_models
from core.engines.wire.speech import read_wav
from core.errors import EngineError, EngineRefused, describe_error
from core.models import Answer, Transcript, Usage
from tests.support import audio_samples

_RATE_HZ = speech_wire.RATE_HZ
_ASR, _CHAT, _TTS = "mimo-v2.5-asr", "mimo-v2.5", "mimo-v2.5-tts"
_STATUSES = (200, 204, 301, 400, 401, 402, 403, 404, 408, 413, 421, 422, 429, 451, 500, 503, 529)
_SAID = "So I told her we could meet at the station at half past nine."
_USAGE: dict[str, Any] = {"prompt_tokens": 46, "completion_tokens": 20, "seconds": 4}
_USAGE |= {"prompt_tokens_details": {"audio_tokens": 25}, "completion_tokens_details": {}}


def _wrap(message: dict[str, Any], model: str, finish: str | None = "stop") -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": message, "delta": message}
    return {"id": "1", "model": model, "choices": [choice], "usage": _USAGE}


def _stream(*chunks: dict[str, Any]) -> bytes:
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return f": comment\n{events}data: [DONE]\n\n".encode()


def seeds() -> Iterator[bytes]:
    pcm = audio_samples.tone(0.02, rate_hz=_RATE_HZ)
    sound = {"audio": {"data": b64encode(audio_samples.wav(pcm, rate=_RATE_HZ)).decode()}}
    samples = {"audio": {"data": b64encode(pcm[:301]).decode()}}
    thought = {"content": f"<think>Hm.</think>{_SAID}", "reasoning_content": "Let me see."}
    half = {"content": "\ud83d"}
    yield b"a" + json.dumps(_wrap({"content": _SAID}, _ASR)).encode()
    yield b"c" + json.dumps(_wrap(thought, _CHAT)).encode()
    yield b"t" + json.dumps(_wrap(sound, _TTS)).encode()
    yield b"A" + _stream(_wrap({"content": "So I"}, _ASR, None), _wrap({}, _ASR))
    yield b"C" + _stream(_wrap(half, _CHAT, None), _wrap(thought, _CHAT))
    yield b"T" + _stream(*[_wrap(samples, _TTS, None)] * 2, _wrap({}, _TTS))
    segments = [{"start": 0.0, "end": 2.5, "text": _SAID}, {"start": 9, "end": 1, "text": 7}]
    verbose = {"text": _SAID, "segments": segments, "duration": 4, "usage": {"input_tokens": 9}}
    yield b"o" + json.dumps(verbose).encode()
    yield b"m" + json.dumps({"data": [{"id": _ASR}, {"id": 7}]}).encode()
    yield b"w" + audio_samples.wav(pcm, rate=_RATE_HZ)
    yield b"s" + pcm + bytes(960) + pcm
    error = {"code": "429", "type": "limitation", "message": "Too many", "param": "x"}
    for status in range(len(_STATUSES)):
        yield (
            b"e"
            + json.dumps({"error": error, "at": [status, "Wed, 25 Nov 2026 03:00:00"]}).encode()
        )


def check(data: bytes) -> None:
    """The first byte picks the reader; each raises deliberate errors alone."""
    read = _READERS.get(data[:1])
    if read is None:
        return
    try:
        read(data[1:])
    except EngineError as error:
        _check_error(error)


def _check_error(error: EngineError) -> None:
    assert error.status == 0 or 300 <= error.status < 1000
    assert error.retry_after_s is None or 0 <= error.retry_after_s <= 3600
    assert len(str(error.values.get("reason", ""))) <= 200
    assert describe_error(error).encode()


def _transcribe(body: bytes) -> None:
    completion = chat.read_completion(transcription_wire.read_response(body, _ASR, kind="asr"))
    _check_transcript(transcription_wire.make_transcript(completion, model=_ASR))


def _transcribe_openai(body: bytes) -> None:
    _check_transcript(openai_wire.read_transcription(body, model="whisper-1"))


def _answer(body: bytes) -> None:
    completion = chat.read_completion(chat_wire.read_response(body))
    usage = chat.read_usage(completion, "openai", "m")
    chat.counts_no_audio(completion)
    _check_answer(chat.make_answer(completion, usage))


def _stream_answer(body: bytes, model: str, kind: str = "") -> None:
    """What is shown while it comes is never reasoning, and the end is what was shown last."""
    read_one = partial(transcription_wire.read_response, model=model, kind=kind)
    completion = chat.Completion()
    for data in _list_events(body):
        completion = chat.read_event(data, completion, read_one)
        assert _is_clean(completion.text)
    if kind:
        _check_transcript(transcription_wire.make_transcript(completion, model=model))
    else:
        answer = chat.make_answer(completion, chat.read_usage(completion, "mimo", model))
        assert answer.text == completion.text.strip()
        _check_answer(answer)


def _stream_speech(body: bytes) -> None:
    stream, joiner, size = speech_wire.SpeechStream(), SeamJoiner(_RATE_HZ), 0
    for data in _list_events(body):
        stream, samples = speech_wire.read_speech_event(data, stream, model=_TTS)
        assert len(samples) % 2 == 0 and len(stream.odd_byte) <= 1
        size += len(joiner.feed(samples))
    speech_wire.check_speech_end(stream)
    assert size + len(joiner.end_piece()) <= len(body)


def _speak(body: bytes) -> None:
    pcm = speech_wire.read_speech(body, model=_TTS)
    assert pcm and len(pcm) % 2 == 0 and len(pcm) <= len(body)


def _read_sound(body: bytes) -> None:
    pcm = read_wav(body, rate_hz=_RATE_HZ)
    assert pcm and len(pcm) % 2 == 0 and pcm in body


def _join(body: bytes) -> None:
    """Pieces are joined without losing sound, and with little silence between them."""
    joiner, pieces = SeamJoiner(_RATE_HZ), [body[:999], body[999:]]
    whole = b"".join(joiner.feed(one) + joiner.end_piece() for one in pieces)
    assert len(whole) % 2 == 0 and len(whole) <= len(body) + _RATE_HZ


def _read_error(body: bytes) -> None:
    try:
        at = json.loads(body)["at"]
        status, after = _STATUSES[at[0] % len(_STATUSES)], at[1]
    except (ValueError, TypeError, LookupError, RecursionError):
        status, after = 500, "7"
    after = after if isinstance(after, str) else None
    assert (read_retry_after(after) or 0) >= 0
    for read in (transcription_wire.read_error, openai_wire.read_error, chat_wire.read_error):
        error = read(status, body, after)
        assert isinstance(error, EngineError)
        _check_error(error)
        if isinstance(error, EngineRefused):
            chat_wire.find_unsupported(error, model=_CHAT, without=frozenset())
    read_json(body)


_READERS: dict[bytes, Callable[[bytes], object]] = {
    b"a": _transcribe,
    b"c": _answer,
    b"t": _speak,
    b"A": partial(_stream_answer, model=_ASR, kind="asr"),
    b"C": partial(_stream_answer, model=_CHAT),
    b"T": _stream_speech,
    b"o": _transcribe_openai,
    b"m": read_models,
    b"w": _read_sound,
    b"s": _join,
    b"e": _read_error,
}


def _check_transcript(transcript: Transcript) -> None:
    assert _is_clean(transcript.text) and _is_seconds(transcript.duration_s)
    for segment in transcript.segments:
        assert _is_clean(segment.text) and _is_seconds(segment.start_s)
        assert segment.start_s <= segment.end_s and _is_seconds(segment.end_s)
    _check_usage(transcript.usage)


def _check_answer(answer: Answer) -> None:
    assert _is_clean(answer.text) and _is_clean(answer.reasoning)
    assert answer.text or answer.reasoning
    _check_usage(answer.usage)


def _check_usage(usage: Usage | None) -> None:
    """A budget can count it and the database can store it."""
    for number in (
        (value for value in astuple(usage) if not isinstance(value, str)) if usage else ()
    ):
        assert type(number) in (int, float) and math.isfinite(number) and 0 <= number < 2**53


def _is_clean(text: str) -> bool:
    return "\0" not in text and text.encode() is not None


def _is_seconds(value: float) -> bool:
    return 0 <= value <= 1e9


def _list_events(body: bytes) -> list[str]:
    """Return the data of the server-sent events in a body that comes in chunks."""

    async def read() -> list[str]:
        headers = {"content-type": "text/event-stream"}
        response = httpx.Response(200, headers=headers, content=_cut(body))
        return [data async for data in read_events(response)]

    work = read()
    try:
        work.send(None)
    except StopIteration as end:
        found: list[str] = end.value
        return found
    raise AssertionError("what is in memory is not waited for")


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100):
        yield body[start : start + 100]
