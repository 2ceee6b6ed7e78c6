"""That the local MiMo is as strict as the documents: what it refuses, and how it counts."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.listening import decode
from tests.emulators.mimo.tones import WORD_S, make_recording, make_wav, read_words
from tests.support import sounds
from tests.support.paths import ROOT

WAV = make_recording([12, 345])
MP3_HEAD = b"\xff\xfb\x90\x00" + bytes(400)


def encode(sound: bytes, mime: str = "audio/wav") -> str:
    return f"data:{mime};base64,{base64.b64encode(sound).decode()}"


def order(data: Any = None, **fields: Any) -> dict[str, Any]:
    part = {"type": "input_audio", "input_audio": {"data": data or encode(WAV)}}
    messages = [{"role": "user", "content": [part]}]
    return {"model": "mimo-v2.5-asr", "messages": messages, **fields}


def said(content: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


SOUND = {"type": "input_audio", "input_audio": {"data": encode(WAV)}}
BARE = base64.b64encode(WAV).decode()
REFUSED: list[tuple[dict[str, Any], str]] = [
    (order(model="MiMo-V2.5-ASR"), "Unsupported model MiMo-V2.5-ASR"),
    (order(model="mimo-v2-asr"), "Unsupported model mimo-v2-asr"),
    (order(model="mimo-v2.6-flash"), "`text` is not set"),
    (order(messages=[]), "messages must hold one message"),
    (order(messages=said([SOUND], "system")), "the message must be of role user"),
    (order(messages=said(encode(WAV))), "content must be an array"),
    (order(messages=said([SOUND, SOUND])), "content must hold one input_audio"),
    (order(messages=said([SOUND, {"type": "text", "text": "x"}])), "content must hold one"),
    (order(messages=said([{"type": "text", "text": "x"}])), "content must hold one"),
    (order(BARE), "input_audio.data is malformed"),
    (order("https://example.org/a.wav"), "input_audio.data is malformed"),
    (order(encode(WAV, "audio/ogg")), "unsupported audio MIME type audio/ogg"),
    (order(encode(WAV, "audio/mpeg")), "the audio cannot be decoded"),
    (order(encode(MP3_HEAD, "audio/wav")), "the audio cannot be decoded"),
    (order("data:audio/wav;base64,!!!!"), "input_audio.data is not valid base64"),
    (order("data:audio/wav;base64," + "A" * 10_000_004), "exceeds the limit of 10 MB"),
    (order(asr_options={"language": "de"}), "asr_options.language must be auto, zh or en"),
    (order(asr_options={"language": "auto", "prompt": "x"}), "asr_options is malformed"),
    (order(response_format={"type": "text"}), "unknown field response_format"),
    (order(stream="yes"), "stream must be a boolean"),
    (order(encode(make_wav(bytes(2 * 16_000 * 60), rate_hz=700))), "exceeds the context"),
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


def test_bare_base64_is_taken_with_its_format(client: httpx.Client) -> None:
    part = {"type": "input_audio", "input_audio": {"data": BARE, "format": "wav"}}
    response = client.post("/chat/completions", json=order(messages=said([part])))
    assert response.json()["choices"][0]["message"]["content"] == "w12 w345"


@pytest.mark.parametrize(
    "headers", [{}, {"api-key": "x"}, {"authorization": "x"}, {"authorization": "Basic x"}]
)
def test_without_the_key_there_is_nothing(server: MimoServer, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/chat/completions"), ("GET", "/models")):
        response = httpx.request(method, server.base_url + path, headers=headers, json=order())
        assert response.status_code == 401
        assert response.json()["error"]["type"] == "invalid_key"


def test_other_addresses_are_a_web_page(client: httpx.Client) -> None:
    for path in ("/audio/transcriptions", "/nothing"):
        response = client.post(path)
        assert (response.status_code, response.headers["content-type"][:9]) == (404, "text/html")


def test_stream_comes_in_the_documented_order(client: httpx.Client) -> None:
    response = client.post("/chat/completions", json=order(stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    chunks = [json.loads(line) for line in lines]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    words = [chunk["choices"][0]["delta"]["content"] for chunk in chunks[1:-2]]
    assert words == ["w12", " w345"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop" and chunks[-2]["usage"] is None
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["seconds"] == 2


def test_minute_of_the_account_is_counted(server: MimoServer, client: httpx.Client) -> None:
    server.rules.has_limits, server.rules.tokens_per_minute = True, 100
    statuses = [client.post("/chat/completions", json=order()).status_code for _ in range(4)]
    # Each call is 21 + 12 + 2 tokens; the one that crosses the line is still answered.
    assert statuses == [200, 200, 200, 429]
    assert [call.tokens for call in server.billed] == [35, 35, 35]


def test_share_of_calls_fails(server: MimoServer, client: httpx.Client) -> None:
    server.add_fault("503", times=None, share=0.3)
    statuses = [client.post("/chat/completions", json=order()).status_code for _ in range(100)]
    assert 15 <= statuses.count(503) <= 45
    assert statuses.count(200) + statuses.count(503) == 100


@pytest.mark.parametrize(("codec", "form"), [("libmp3lame", "mp3"), ("libopus", "ogg")])
def test_words_survive_recoding(codec: str, form: str) -> None:
    numbers = [0, 1, 39, 40, 1599, 1600, 63_999, 31_415]
    recoded = sounds.encode(make_recording(numbers)[44:], form, codec, rate=48_000)
    pcm, rate_hz = decode(recoded, "mp3") if form == "mp3" else (sounds.decode(recoded), 16_000)
    words = read_words(pcm, rate_hz)
    assert [word.number for word in words] == numbers
    for second, word in enumerate(words):
        assert word.start_s == pytest.approx(second, abs=0.08)
        assert word.end_s == pytest.approx(second + WORD_S, abs=0.08)


def test_word_cut_in_two_is_told() -> None:
    with_cut = make_recording([7, 8])[: 44 + 2 * 19_000]
    assert [word.number for word in read_words(with_cut[44:])] == [7, None]


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.emulators.mimo", "--port", "0", "--key", "sk-own"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            addresses = json.loads(process.stdout.readline())
            control, headers = addresses["control"], {"api-key": "sk-own"}
            httpx.post(f"{control}/faults", json=[{"kind": "503"}]).raise_for_status()
            httpx.post(f"{control}/rules", json={"latency_s": 0.01}).raise_for_status()
            url = f"{addresses['base_url']}/chat/completions"
            statuses = [httpx.post(url, headers=headers, json=order()).status_code for _ in "ab"]
            assert statuses == [503, 200]
            calls = httpx.get(f"{control}/calls").json()["calls"]
            assert [call["is_billed"] for call in calls] == [False, True]
            assert calls[1]["text"] == "w12 w345" and calls[0]["fault"] == "503"
        finally:
            process.terminate()
