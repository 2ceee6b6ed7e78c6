"""That the local MiMo is as strict about speech as the documents."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.speaking import (
    RATE_HZ,
    expected_numbers,
    read_numbers,
    speak,
    spoken_words,
)
from tests.emulators.mimo.tones import make_recording, make_wav

WAV = make_recording([12, 345])
DESIGN, CLONE = "mimo-v2.5-tts-voicedesign", "mimo-v2.5-tts-voiceclone"


def encode(sound: bytes, mime: str = "audio/wav") -> str:
    return f"data:{mime};base64,{base64.b64encode(sound).decode()}"


def order(text: str | None = "Hello there.", user: str | None = None, **fields: Any) -> Any:
    messages = [] if user is None else [{"role": "user", "content": user}]
    messages += [] if text is None else [{"role": "assistant", "content": text}]
    audio = {"format": "wav", "voice": "Mia"}
    return {"model": "mimo-v2.5-tts", "messages": messages, "audio": audio, **fields}


def voiced(voice: Any, form: str = "wav") -> dict[str, Any]:
    return {"audio": {"format": form} if voice is None else {"format": form, "voice": voice}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    (order(model="MiMo-V2.5-TTS"), "Unsupported model MiMo-V2.5-TTS"),
    (order(model="mimo-v2-tts"), "Unsupported model mimo-v2-tts"),
    (order(None, "Hello."), "must be in a message of role assistant"),
    (order(None), "messages must not be empty"),
    (order(" "), "the text to speak is empty"),
    (order(messages=[{"role": "system", "content": "x"}]), "the role system is not supported"),
    (order(messages=[*order()["messages"]] * 2), "messages must be one of user"),
    (order(messages=[*order()["messages"], *order(None, "x")["messages"]]), "must be one of user"),
    (order(messages=[{"role": "assistant", "content": [{"type": "text"}]}]), "must be a string"),
    (order(messages=["x"]), "a message is malformed"),
    (order(thinking={"type": "disabled"}), "unknown field thinking"),
    (order(tools=[]), "unknown field tools"),
    (order(tool_choice="auto"), "unknown field tool_choice"),
    (order(stop="x"), "unknown field stop"),
    (order(response_format={"type": "text"}), "unknown field response_format"),
    (order(stream=1), "stream must be a boolean"),
    (order(**voiced("Mia", "opus")), "unsupported audio format opus"),
    (order(**voiced("Mia", "WAV")), "unsupported audio format WAV"),
    (order(**voiced("Mia"), stream=True), "must be pcm16 when streaming"),
    (order(audio={"format": "wav", "speed": 2}), "audio is malformed"),
    (order(**voiced("mia")), "unknown voice mia"),
    (order(**voiced("default_zh")), "unknown voice default_zh"),
    (order(**voiced(encode(WAV))), "unknown voice data:"),
    (order(model=DESIGN, **voiced(None)), "must describe the voice"),
    (order(user="", model=DESIGN, **voiced(None)), "must describe the voice"),
    (order(user="An old man.", model=DESIGN), "audio.voice must be absent"),
    (order(model=CLONE, **voiced(None)), "audio.voice must be a data URL"),
    (order(model=CLONE), "audio.voice must be a data URL"),
    (order(model=CLONE, **voiced("https://example.org/a.wav")), "must be a data URL"),
    (order(model=CLONE, **voiced(encode(WAV, "audio/ogg"))), "unsupported audio MIME type"),
    (order(model=CLONE, **voiced("data:audio/wav;base64,!!!!")), "audio.voice is not valid base64"),
    (order(model=CLONE, **voiced("data:audio/wav;base64," + "A" * 10_000_004)), "10 MB"),
]


@pytest.mark.parametrize(("body", "reason"), REFUSED)
def test_what_the_documents_refuse_is_refused(
    server: MimoServer, client: httpx.Client, body: dict[str, Any], reason: str
) -> None:
    response = client.post("/chat/completions", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "400")
    assert reason in error.get("param", error["message"])
    assert not server.billed


@pytest.mark.parametrize(("voice", "is_known"), [("default_en", True), ("Mia", False)])
def test_voices_of_the_second_generation(
    server: MimoServer, client: httpx.Client, voice: str, is_known: bool
) -> None:
    server.rules.models = ("mimo-v2-tts",)
    body = order(model="mimo-v2-tts", **voiced(voice))
    assert client.post("/chat/completions", json=body).is_success == is_known


def test_plain_answer_is_a_file(server: MimoServer, client: httpx.Client) -> None:
    body = order("(Happy)Hello [cough] there.", "warm")
    answer = client.post("/chat/completions", json=body).json()
    message = answer["choices"][0]["message"]
    assert message["content"] == "" and set(message["audio"]) == {
        "id",
        "data",
        "expires_at",
        "transcript",
    }
    sound = base64.b64decode(message["audio"]["data"])
    assert sound == make_wav(speak("Hello there."), rate_hz=RATE_HZ)
    assert server.calls[0].request == body
    assert server.calls[0].duration_s == pytest.approx(0.88)
    assert answer["usage"]["completion_tokens"] == 6


def test_stream_comes_in_the_documented_order(server: MimoServer, client: httpx.Client) -> None:
    server.rules.chunk_bytes = 10_001
    response = client.post("/chat/completions", json=order(stream=True, **voiced("Mia", "pcm16")))
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[0]["choices"][0]["delta"]["audio"] is None
    data = [base64.b64decode(c["choices"][0]["delta"]["audio"]["data"]) for c in chunks[1:-2]]
    assert [len(part) for part in data] == [10_001] * 4 + [42_240 - 40_004]
    assert b"".join(data) == speak("Hello there.")
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop" and chunks[-2]["usage"] is None
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] > 0


def test_designed_voice_comes_in_one_burst(client: httpx.Client) -> None:
    body = order(user="An old man.", model=DESIGN, stream=True, **voiced(None, "pcm16"))
    text = client.post("/chat/completions", json=body).text
    assert text.count('"data":') == 1


def test_sound_tells_what_was_said_and_in_which_order() -> None:
    text = "<style>Happy</style>It's 冰糖茉莉! (sobbing) GET. OUT! [cough]"
    assert spoken_words(text) == ["It", "s", "冰糖", "茉莉", "GET", "OUT"]
    whole = read_numbers(speak(text))
    assert whole == expected_numbers(text) and len(set(whole)) == 6
    joined = speak("It's 冰糖茉莉!") + speak("GET. OUT!")
    assert read_numbers(joined) == whole
    assert read_numbers(speak("GET. OUT! It's 冰糖茉莉!")) != whole
    assert None in read_numbers(joined[: len(joined) // 2 + 4000])
