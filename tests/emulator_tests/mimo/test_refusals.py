"""That the local MiMo is as strict as the documents: what it refuses, and in which words."""

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


def encode(sound: bytes, mime: str = "audio/wav") -> str:
    return f"data:{mime};base64,{base64.b64encode(sound).decode()}"


def sound(data: str = "", **fields: Any) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data or encode(WAV), **fields}}


def said(role: str, content: Any = "Hi.", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def hear(data: str = "", **fields: Any) -> dict[str, Any]:
    return {"model": "mimo-v2.5-asr", "messages": [said("user", [sound(data)])], **fields}


def hear_of(content: Any, role: str = "user") -> dict[str, Any]:
    return hear(messages=[said(role, content)])


def ask(*content: Any, **fields: Any) -> dict[str, Any]:
    return talk(said("user", list(content)), **fields)


def talk(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "mimo-v2.6-flash", "messages": list(messages), **fields}


def say(text: str = "Hello there.", user: str | None = None, **fields: Any) -> dict[str, Any]:
    messages = [] if user is None else [said("user", user)]
    audio = {"format": "wav", "voice": "Mia"}
    whole = {"model": "mimo-v2.5-tts", "messages": [*messages, said("assistant", text)]}
    return {**whole, "audio": audio, **fields}


def voiced(voice: Any = None, form: str = "wav") -> dict[str, Any]:
    return {"audio": {"format": form} if voice is None else {"format": form, "voice": voice}}


HEARING: list[tuple[dict[str, Any], str]] = [
    (hear(model="MiMo-V2.5-ASR"), "Unsupported model MiMo-V2.5-ASR"),
    (hear(model="mimo-v2.5-asr[1m]"), "Unsupported model"),
    (hear(messages=[]), "messages must hold one message"),
    (hear_of([sound()], "system"), "the message must be of role user"),
    (hear_of(encode(WAV)), "content must be an array"),
    (hear_of([sound(), TEXT]), "content must hold one input_audio and nothing else"),
    (hear("https://example.org/a.wav"), "input_audio.data is malformed"),
    (hear(encode(WAV, "audio/ogg")), "unsupported audio MIME type audio/ogg"),
    (hear(encode(WAV, "audio/mpeg")), "the audio cannot be decoded"),
    (hear(BROKEN_URL), "input_audio.data is not valid base64"),
    (hear("data:audio/wav;base64," + "A" * 10_000_004), "exceeds the limit of 10 MB"),
    (hear(asr_options={"language": "de"}), "asr_options.language must be auto, zh or en"),
    (hear(asr_options={"language": "auto", "prompt": "x"}), "asr_options is malformed"),
    (hear(response_format={"type": "text"}), "unknown field response_format"),
    (hear(stream="yes"), "stream must be a boolean"),
    (hear(encode(make_wav(bytes(2 * 16_000 * 60), rate_hz=700))), "exceeds the context"),
]
ANSWERING: list[tuple[dict[str, Any], str]] = [
    (ask(sound()), "`text` is not set"),
    (ask(sound(), {"type": "text", "text": " "}), "`text` is not set"),
    (talk(said("user", None)), "`text` is not set"),
    (talk(), "messages must not be empty"),
    (talk(said("user"), said("assistant")), "the last message must be of role user"),
    (talk(said("bot")), "the role bot is not supported"),
    (talk(said("user", reasoning_content="x")), "unknown field reasoning_content"),
    (talk(said("system", [sound()]), said("user")), "unsupported content part"),
    (ask(TEXT, sound("file:///a.wav")), "invalid URL"),
    (ask(TEXT, sound("https://example.org/a.wav")), "cannot be downloaded"),
    (ask(TEXT, sound(format="wav")), "input_audio is malformed"),
    (ask(TEXT, sound(encode(WAV, "audio/aac"))), "unsupported audio MIME type audio/aac"),
    (ask(TEXT, sound(encode(WAV, "audio/ogg"))), "the audio cannot be decoded"),
    (ask(TEXT, sound(encode(b"OggS" + bytes(999), "audio/ogg"))), "cannot be decoded"),
    (ask(TEXT, sound(BROKEN_URL)), "is not valid base64"),
    (ask(TEXT, sound("data:audio/wav;base64," + "A" * 50_000_004)), "the limit of 50 MB"),
    (ask(TEXT, max_completion_tokens=0), "between 1 and 131072"),
    (ask(TEXT, max_completion_tokens=131_073), "between 1 and 131072"),
    (ask(TEXT, thinking={"type": "auto"}), "thinking.type must be"),
    (ask(TEXT, temperature=2), "temperature must be between 0 and 1.5"),
    (ask(TEXT, stream="yes"), "stream must be a boolean"),
    (ask(TEXT, max_tokens=9), "unknown field max_tokens"),
    (ask({"type": "text", "text": "字" * 1_000_001}), "exceeds the context"),
]
SPEAKING: list[tuple[dict[str, Any], str]] = [
    (say(messages=[said("user")]), "must be in a message of role assistant"),
    (say(messages=[]), "messages must not be empty"),
    (say(" "), "the text to speak is empty"),
    (say(messages=[said("system")]), "the role system is not supported"),
    (say(messages=[said("assistant"), said("user")]), "messages must be one of user"),
    (say(messages=[said("assistant", [TEXT])]), "must be a string"),
    (say(messages=["x"]), "a message is malformed"),
    (say(thinking={"type": "disabled"}), "unknown field thinking"),
    (say(stream=1), "stream must be a boolean"),
    (say(**voiced("Mia", "opus")), "unsupported audio format opus"),
    (say(**voiced("Mia"), stream=True), "must be pcm16 when streaming"),
    (say(audio={"format": "wav", "speed": 2}), "audio is malformed"),
    (say(**voiced("default_zh")), "unknown voice default_zh"),
    (say(user="", model=DESIGN, **voiced()), "must describe the voice"),
    (say(user="An old man.", model=DESIGN), "audio.voice must be absent"),
    (say(model=CLONE), "audio.voice must be a data URL"),
    (say(model=CLONE, **voiced(encode(WAV, "audio/ogg"))), "unsupported audio MIME type"),
    (say(model=CLONE, **voiced(BROKEN_URL)), "audio.voice is not valid base64"),
]
REFUSED = [*HEARING, *ANSWERING, *SPEAKING]


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_the_documents_refuse_is_refused(
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
        talk(said("system"), said("assistant", reasoning_content=""), said("user", [TEXT])),
        ask(TEXT, temperature=0, max_completion_tokens=131_072, stream=False),
        ask(TEXT, model="mimo-v2.6-pro[1m]"),
    ],
    ids=range(3),
)
def test_what_the_documents_allow_is_taken(client: httpx.Client, body: dict[str, Any]) -> None:
    assert client.post("/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"api-key": "x"}, {"authorization": "Basic x"}])
def test_without_the_key_there_is_nothing(server: MimoServer, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/chat/completions"), ("GET", "/models")):
        response = httpx.request(method, server.base_url + path, headers=headers, json=hear())
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "invalid_key"


def test_other_addresses_are_a_web_page(client: httpx.Client) -> None:
    response = client.post("/audio/transcriptions")
    assert (response.status_code, response.headers["content-type"][:9]) == (404, "text/html")
