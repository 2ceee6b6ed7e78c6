"""A broken connection is retried once; nothing streamed is repeated."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_lost_response_is_retried_once(http: AsyncClient, mimo: MimoServer) -> None:
    mimo.add_fault("reset", times=1)
    files: Any = {"file": ("a.wav", make_recording([71, 72])), "model": (None, "whisper-1")}
    answer = await http.post("/audio/transcriptions", files=files)
    assert (answer.status_code, answer.json()["text"]) == (200, "w71 w72")
    mimo.add_fault("reset", times=1)
    body = {"model": "tts-1", "input": "Once more.", "response_format": "wav"}
    assert (await http.post("/audio/speech", json=body)).status_code == 200


async def test_second_loss_is_an_error(http: AsyncClient, mimo: MimoServer) -> None:
    mimo.add_fault("reset", times=2)
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Anybody there?"}]}
    answer = await http.post("/chat/completions", json=ask)
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "provider_error")
    assert len(mimo.requests) == 2
    assert (await http.post("/chat/completions", json=ask)).status_code == 200


async def test_refusal_is_passed_on(http: AsyncClient, mimo: MimoServer) -> None:
    mimo.add_fault("429_seconds", value=0.05)
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "No?"}]}
    answer = await http.post("/chat/completions", json=ask)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert len(mimo.requests) == 1
