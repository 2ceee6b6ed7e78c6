"""Decodable audio, documented event streams and rate limits of the local MiMo."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.synthesis import expected_numbers, read_numbers, spoken_words, synthesize
from tests.emulators.mimo.tones import WORD_S, make_recording, read_words
from tests.emulators.mimo.transcription import decode
from tests.support import audio_samples
from tests.support.paths import ROOT


def transcription_body() -> dict[str, Any]:
    data = f"data:audio/wav;base64,{base64.b64encode(make_recording([12, 345])).decode()}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    return {"model": "mimo-v2.5-asr", "messages": [{"role": "user", "content": [part]}]}


def stream(client: httpx.Client, body: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Check the documented order of a stream; return its usage and the deltas in between."""
    response = client.post("/chat/completions", json={**body, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    first, *middle, end, last = (json.loads(line) for line in lines)
    assert {chunk["object"] for chunk in (first, *middle, end, last)} == {"chat.completion.chunk"}
    assert {chunk["id"] for chunk in (*middle, end, last)} == {first["id"]}
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert (end["choices"][0]["finish_reason"], end["usage"], last["choices"]) == ("stop", None, [])
    return last["usage"], [chunk["choices"][0]["delta"] for chunk in middle]


def test_transcripts_are_streamed_in_the_documented_order(client: httpx.Client) -> None:
    usage, deltas = stream(client, transcription_body())
    assert [delta["content"] for delta in deltas] == ["w12", " w345"]
    assert (usage["seconds"], usage["total_tokens"]) == (2, 21 + 12 + 2)


def test_audio_is_streamed_in_the_documented_order(
    server: MimoServer, client: httpx.Client
) -> None:
    server.rules.chunk_bytes = 10_001
    messages = [{"role": "assistant", "content": "Hello there."}]
    body = {"model": "mimo-v2.5-tts", "messages": messages, "audio": {"format": "pcm16"}}
    usage, deltas = stream(client, body)
    data = [base64.b64decode(delta["audio"]["data"]) for delta in deltas]
    assert [len(part) for part in data] == [10_001] * 4 + [42_240 - 40_004]
    assert b"".join(data) == synthesize("Hello there.")
    assert usage["completion_tokens"] == 6
    body |= {"model": "mimo-v2.5-tts-voicedesign", "audio": {"format": "pcm16"}}
    body["messages"] = [{"role": "user", "content": "An old man."}, *messages]
    assert len(stream(client, body)[1]) == 1, "a designed voice comes in one burst"


def test_tokens_per_minute_are_limited(server: MimoServer, client: httpx.Client) -> None:
    server.rules.has_limits, server.rules.tokens_per_minute = True, 100
    statuses = [
        client.post("/chat/completions", json=transcription_body()).status_code for _ in range(4)
    ]
    # Of 35 tokens each; the one that crosses the line is still answered.
    assert statuses == [200, 200, 200, 429]


@pytest.mark.parametrize(("codec", "form"), [("libmp3lame", "mp3"), ("libopus", "ogg")])
def test_words_survive_transcoding(codec: str, form: str) -> None:
    numbers = [0, 1, 39, 40, 1599, 1600, 63_999, 31_415]
    recoded = audio_samples.encode(make_recording(numbers)[44:], form, codec, rate=48_000)
    pcm, rate_hz = (
        decode(recoded, "mp3") if form == "mp3" else (audio_samples.decode(recoded), 16_000)
    )
    words = read_words(pcm, rate_hz)
    assert [word.number for word in words] == numbers
    for second, word in enumerate(words):
        assert word.start_s == pytest.approx(second, abs=0.08)
        assert word.end_s == pytest.approx(second + WORD_S, abs=0.08)


def test_word_cut_in_two_is_detected() -> None:
    with_cut = make_recording([7, 8])[: 44 + 2 * 19_000]
    assert [word.number for word in read_words(with_cut[44:])] == [7, None]


def test_synthesized_audio_encodes_its_words_in_order() -> None:
    text = "<style>Happy</style>It's 冰糖茉莉! (sobbing) GET. OUT! [cough]"
    assert spoken_words(text) == ["It", "s", "冰糖", "茉莉", "GET", "OUT"]
    whole = read_numbers(synthesize(text))
    assert whole == expected_numbers(text) and len(set(whole)) == 6
    joined = synthesize("It's 冰糖茉莉!") + synthesize("GET. OUT!")
    assert read_numbers(joined) == whole
    assert read_numbers(synthesize("GET. OUT! It's 冰糖茉莉!")) != whole
    assert None in read_numbers(joined[: len(joined) // 2 + 4000])


def test_server_in_its_own_process() -> None:
    command = [sys.executable, "-m", "tests.emulators.mimo", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            addresses = json.loads(process.stdout.readline())
            control, headers = addresses["control"], {"api-key": "sk-own"}
            httpx.post(f"{control}/rules", json={"key": "sk-own"}).raise_for_status()
            url = f"{addresses['base_url']}/chat/completions"
            assert httpx.post(url, headers=headers, json=transcription_body()).status_code == 200
            [call] = httpx.get(f"{control}/requests").json()["requests"]
            assert (call["is_billed"], call["text"]) == (True, "w12 w345")
        finally:
            process.terminate()
