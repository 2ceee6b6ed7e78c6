"""Validation of requests by the local MiMo, with MiMo's error bodies."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording, make_wav

WAV = make_recording([12, 345])
DESIGN, CLONE = "mimo-v2.5-tts-voicedesign", "mimo-v2.5-tts-voiceclone"
TEXT = {"type": "text", "text": "What is it?"}
BROKEN_URL = "data:audio/wav;base64,!!!!"


def encode(audio: bytes, mime: str = "audio/wav") -> str:
    return f"data:{mime};base64,{base64.b64encode(audio).decode()}"


def audio_part(data: str = "", **fields: Any) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data or encode(WAV), **fields}}


def message(role: str, content: Any = "Hi.", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def transcription(data: str = "", **fields: Any) -> dict[str, Any]:
    return {"model": "mimo-v2.5-asr", "messages": [message("user", [audio_part(data)])], **fields}


def transcription_of(content: Any, role: str = "user") -> dict[str, Any]:
    return transcription(messages=[message(role, content)])


def question(*content: Any, **fields: Any) -> dict[str, Any]:
    return chat_request(message("user", list(content)), **fields)


def chat_request(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "mimo-v2.6-flash", "messages": list(messages), **fields}


def speech(text: str = "Hello there.", user: str | None = None, **fields: Any) -> dict[str, Any]:
    messages = [] if user is None else [message("user", user)]
    audio = {"format": "wav", "voice": "Mia"}
    whole = {"model": "mimo-v2.5-tts", "messages": [*messages, message("assistant", text)]}
    return {**whole, "audio": audio, **fields}


def voice_options(voice: Any = None, form: str = "wav") -> dict[str, Any]:
    return {"audio": {"format": form} if voice is None else {"format": form, "voice": voice}}


TRANSCRIPTION: list[tuple[dict[str, Any], str]] = [
    (transcription(model="MiMo-V2.5-ASR"), "Unsupported model MiMo-V2.5-ASR"),
    (transcription(model="mimo-v2.5-asr[1m]"), "Unsupported model"),
    (transcription(messages=[]), "messages must hold one message"),
    (transcription_of([audio_part()], "system"), "the message must be of role user"),
    (transcription_of(encode(WAV)), "content must be an array"),
    (transcription_of([audio_part(), TEXT]), "content must hold one input_audio and nothing else"),
    (transcription("https://example.org/a.wav"), "input_audio.data is malformed"),
    (transcription(encode(WAV, "audio/ogg")), "unsupported audio MIME type audio/ogg"),
    (transcription(encode(WAV, "audio/mpeg")), "the audio cannot be decoded"),
    (transcription(BROKEN_URL), "input_audio.data is not valid base64"),
    (
        transcription("data:audio/wav;base64," + "A" * 10_000_004),
        "exceeds the limit of 10 MB",
    ),
    (
        transcription(asr_options={"language": "de"}),
        "asr_options.language must be auto, zh or en",
    ),
    (
        transcription(asr_options={"language": "auto", "prompt": "x"}),
        "asr_options is malformed",
    ),
    (transcription(response_format={"type": "text"}), "unknown field response_format"),
    (transcription(stream="yes"), "stream must be a boolean"),
    (
        transcription(encode(make_wav(bytes(2 * 16_000 * 60), rate_hz=700))),
        "exceeds the context",
    ),
]
ANSWERING: list[tuple[dict[str, Any], str]] = [
    (question(audio_part()), "`text` is not set"),
    (question(audio_part(), {"type": "text", "text": " "}), "`text` is not set"),
    (chat_request(message("user", None)), "`text` is not set"),
    (chat_request(), "messages must not be empty"),
    (chat_request(message("user"), message("assistant")), "the last message must be of role user"),
    (chat_request(message("bot")), "the role bot is not supported"),
    (chat_request(message("user", reasoning_content="x")), "unknown field reasoning_content"),
    (chat_request(message("system", [audio_part()]), message("user")), "unsupported content part"),
    (question(TEXT, audio_part("file:///a.wav")), "invalid URL"),
    (question(TEXT, audio_part("https://example.org/a.wav")), "cannot be downloaded"),
    (question(TEXT, audio_part(format="wav")), "input_audio is malformed"),
    (question(TEXT, audio_part(encode(WAV, "audio/aac"))), "unsupported audio MIME type audio/aac"),
    (question(TEXT, audio_part(encode(WAV, "audio/ogg"))), "the audio cannot be decoded"),
    (question(TEXT, audio_part(encode(b"OggS" + bytes(999), "audio/ogg"))), "cannot be decoded"),
    (question(TEXT, audio_part(BROKEN_URL)), "is not valid base64"),
    (question(TEXT, audio_part("data:audio/wav;base64," + "A" * 50_000_004)), "the limit of 50 MB"),
    (question(TEXT, max_completion_tokens=0), "between 1 and 131072"),
    (question(TEXT, max_completion_tokens=131_073), "between 1 and 131072"),
    (question(TEXT, thinking={"type": "auto"}), "thinking.type must be"),
    (question(TEXT, temperature=2), "temperature must be between 0 and 1.5"),
    (question(TEXT, stream="yes"), "stream must be a boolean"),
    (question(TEXT, max_tokens=9), "unknown field max_tokens"),
    (question({"type": "text", "text": "字" * 1_000_001}), "exceeds the context"),
]
SYNTHESIS: list[tuple[dict[str, Any], str]] = [
    (speech(messages=[message("user")]), "must be in a message of role assistant"),
    (speech(messages=[]), "messages must not be empty"),
    (speech(" "), "the text to speak is empty"),
    (speech(messages=[message("system")]), "the role system is not supported"),
    (
        speech(messages=[message("assistant"), message("user")]),
        "messages must be one of user",
    ),
    (speech(messages=[message("assistant", [TEXT])]), "must be a string"),
    (speech(messages=["x"]), "a message is malformed"),
    (speech(thinking={"type": "disabled"}), "unknown field thinking"),
    (speech(stream=1), "stream must be a boolean"),
    (speech(**voice_options("Mia", "opus")), "unsupported audio format opus"),
    (speech(**voice_options("Mia"), stream=True), "must be pcm16 when streaming"),
    (speech(audio={"format": "wav", "speed": 2}), "audio is malformed"),
    (speech(**voice_options("default_zh")), "unknown voice default_zh"),
    (speech(user="", model=DESIGN, **voice_options()), "must describe the voice"),
    (speech(user="An old man.", model=DESIGN), "audio.voice must be absent"),
    (speech(model=CLONE), "audio.voice must be a data URL"),
    (
        speech(model=CLONE, **voice_options(encode(WAV, "audio/ogg"))),
        "unsupported audio MIME type",
    ),
    (speech(model=CLONE, **voice_options(BROKEN_URL)), "audio.voice is not valid base64"),
]
REFUSED = [*TRANSCRIPTION, *ANSWERING, *SYNTHESIS]


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_invalid_requests_are_rejected(
    server: MimoServer, client: httpx.Client, body: dict[str, Any], reason: str
) -> None:
    response = client.post("/chat/completions", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "400")
    assert reason in error.get("param", error["message"])
    assert not server.billed


@pytest.mark.parametrize(
    "body",
    [
        chat_request(
            message("system"), message("assistant", reasoning_content=""), message("user", [TEXT])
        ),
        question(TEXT, temperature=0, max_completion_tokens=131_072, stream=False),
        question(TEXT, model="mimo-v2.6-pro[1m]"),
    ],
    ids=range(3),
)
def test_documented_requests_are_accepted(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"api-key": "x"}, {"authorization": "Basic x"}])
def test_requests_without_a_valid_key_are_rejected(
    server: MimoServer, headers: dict[str, str]
) -> None:
    for method, path in (("POST", "/chat/completions"), ("GET", "/models")):
        response = httpx.request(
            method, server.base_url + path, headers=headers, json=transcription()
        )
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "invalid_key"


def test_unknown_paths_are_an_html_404(client: httpx.Client) -> None:
    response = client.post("/audio/transcriptions")
    assert (response.status_code, response.headers["content-type"][:9]) == (404, "text/html")
