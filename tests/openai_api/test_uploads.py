"""Truncated, mislabelled, oversized and hostile uploads are refused, and the server survives."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from httpx import AsyncClient, ReadError, Response, WriteError

from bots.openai_api.audio.speech_request import SpeechRequest
from bots.openai_api.bodies import validate
from bots.openai_api.errors import ApiError
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples, crafted
from tests.support.openai_api_server import KEY, ApiServer, announce_body
from tests.support.web_client import FILE_HEAD, IS_FORM, Endless

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")

KINDS = {
    "/audio/transcriptions": "multipart/form-data; boundary=x",
    "/audio/speech": "application/json",
    "/chat/completions": "application/json",
}
PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"


def check_refused(answer: Response, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_hostile_files_are_refused(http: AsyncClient, mimo: MimoServer) -> None:
    """One of each verdict: the whole table is in tests/audio."""
    for data, status in ((PLAYLIST, 400), (crafted.silent_opus(3), 413)):
        files: Any = {"file": ("note.ogg", data, "audio/ogg"), "model": (None, "whisper-1")}
        check_refused(await http.post("/audio/transcriptions", files=files), status)
    sound = base64.b64encode(PLAYLIST).decode()
    part = {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}}
    body = {"model": "gpt-audio", "messages": [{"role": "user", "content": [part]}]}
    check_refused(await http.post("/chat/completions", json=body))
    assert not mimo.requests


async def test_silence_has_no_text_and_costs_nothing(http: AsyncClient, mimo: MimoServer) -> None:
    files: Any = {
        "file": ("a.wav", audio_samples.wav(audio_samples.silence(3))),
        "model": (None, "whisper-1"),
    }
    answer = await http.post("/audio/transcriptions", files=files)
    assert (answer.status_code, answer.json()["text"]) == (200, "")
    assert not mimo.requests


async def test_a_body_too_large_is_not_read_to_its_end(api: ApiServer, http: AsyncClient) -> None:
    for path in ("/audio/transcriptions", "/audio/speech"):
        body = Endless(FILE_HEAD)
        # Cut off while still sending, the answer may be lost.
        with contextlib.suppress(WriteError, ReadError):
            answer = await http.post(path, content=body, headers={"Content-Type": KINDS[path]})
            assert answer.status_code == 413
        assert body.sent_bytes < (160 << 20)
    assert (await http.get(f"{api.origin}/livez")).status_code == 200


async def test_announced_oversize_is_refused_unread_by_the_api(api: ApiServer) -> None:
    for path, kind in KINDS.items():
        lines = (f"Authorization: Bearer {KEY}", f"Content-Type: {kind}")
        status, error, _ = await announce_body(api, f"/v1{path}", *lines, size=99 << 30)
        assert (status, error["type"]) == (413, "invalid_request_error"), path


async def test_broken_forms_are_refused(http: AsyncClient) -> None:
    """All the ways to break one are in `tests.web_chat.test_security`: it is the same parser."""
    for body in (b"", b"nonsense", FILE_HEAD + b"RIFF"):
        check_refused(await http.post("/audio/transcriptions", content=body, headers=IS_FORM))
    kind = "multipart/form-data; boundary=x; charset=undefined"
    body, headers = FILE_HEAD + b"RIFF\r\n--x--\r\n", {"Content-Type": kind}
    check_refused(await http.post("/audio/transcriptions", content=body, headers=headers))
    sound = audio_samples.file("wav")
    for second in ("file", "other"):
        files: Any = [
            ("file", ("a.wav", sound)),
            (second, ("b.wav", sound)),
            ("model", (None, "x")),
        ]
        answer = await http.post("/audio/transcriptions", files=files)
        assert answer.status_code == 400


#: Bodies that are no JSON object, then objects that are no request.
BROKEN_JSON = [
    *(b"", b"[]", b"null", b'"text"', b"{", b"[" * 100_000, b'{"a":' * 50_000),
    b'{"model": "tts-1", "input": "\\ud800"}',
    b'{"model": "tts-1", "input": "x", "speed": ' + b"9" * 5000 + b"}",
    b'{"model": "tts-1", "input": "\xff"}',
]
BROKEN_SPEECH = [
    b'{"model": "tts-1", "input": "x", "speed": NaN}',
    b'{"model": "tts-1", "input": "x", "speed": 1e999}',
    b'{"model": "tts-1", "input": "x", "speed": ' + b"9" * 4000 + b"}",
    b'{"model": "tts-1", "input": 7}',
    b'{"model": ["tts-1"], "input": "x"}',
]


async def test_broken_json_is_refused() -> None:
    for body in BROKEN_JSON:
        with pytest.raises(ApiError) as caught:
            validate(SpeechRequest, body)
        assert caught.value.status_code == 400 and "JSON" in caught.value.detail, body[:40]


async def test_one_unknown_field_is_named_however_many_there_are() -> None:
    for values in ({"b": 1}, {"b": ""}, {f"b{number}": None for number in range(10_000)}):
        with pytest.raises(ApiError, match="Unknown parameter: 'b") as caught:
            body = {"model": "tts-1", "input": "x", **values}
            validate(SpeechRequest, json.dumps(body).encode())
        assert caught.value.code == "unknown_parameter"


async def test_broken_json_is_refused_in_our_form(http: AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (*BROKEN_JSON[::5], *BROKEN_SPEECH):
        for path in ("/audio/speech", "/chat/completions", "/responses"):
            check_refused(await http.post(path, content=body, headers=headers))
