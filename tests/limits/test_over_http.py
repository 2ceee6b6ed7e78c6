"""Budgets of the whole program: parallel API requests, and a process that is killed."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support.clean_start import ask_database
from tests.support.openai_api_server import KEY, ApiServer, open_client
from tests.support.web_program import run_program

USED = "SELECT sum(audio_ms), sum(held_audio_ms) FROM budget_uses WHERE account = 'key|alice'"


def recording(number: int, seconds: int) -> dict[str, Any]:
    sound = make_recording([number] * seconds)
    return {"file": ("a.wav", sound), "model": (None, "whisper-1")}


async def test_eight_requests_at_once_get_no_more_than_one_after_the_other(
    mimo: MimoServer, tmp_path: Path
) -> None:
    """A minute has room for two of 25 s, however many ask for it."""
    mimo.rules.latency_s = 2.0
    async with (
        ApiServer(tmp_path, mimo, budget_key="1 min/day") as server,
        open_client(server) as client,
    ):
        asked = [
            client.post("/audio/transcriptions", files=recording(number, 25))
            for number in range(1, 9)
        ]
        answers = await asyncio.gather(*asked)
        assert sorted(one.status_code for one in answers) == [200] * 2 + [429] * 6
        for refused in (one for one in answers if one.status_code == 429):
            assert refused.json()["error"]["code"] == "insufficient_quota"
            assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
        [(used_ms, held_ms)] = ask_database(tmp_path, USED)
        assert 49_000 <= used_ms <= 51_000 and held_ms == 0
        # The rest is still there.
        answer = await client.post("/audio/transcriptions", files=recording(9, 8))
        assert answer.status_code == 200


@pytest.mark.real_time
async def test_what_a_killed_program_held_is_released_at_the_next_start(
    mimo: MimoServer, tmp_path: Path
) -> None:
    mimo.rules.latency_s = 60.0
    settings = {
        "API_KEYS": f"alice={KEY}",
        "BUDGET_KEY": "1 min/day",
        "MIMO_API_KEY": mimo.key,
        "MIMO_BASE_URL": mimo.base_url,
        "MODEL_PROBE": "off",
        "TRANSCRIBER": "mimo",
    }
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        run_program(tmp_path, **settings) as (process, url),
        AsyncClient(base_url=url, headers=headers, timeout=60, verify=False) as client,
    ):
        path = "/v1/audio/transcriptions"
        request = asyncio.create_task(client.post(path, files=recording(1, 40)))
        async with asyncio.timeout(60):
            while not ask_database(tmp_path, f"{USED} AND held_audio_ms > 0")[0][0] is not None:
                await asyncio.sleep(0.05)  # until the other process has committed
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await asyncio.gather(request, return_exceptions=True)
    [(used_ms, held_ms)] = ask_database(tmp_path, USED)
    assert used_ms == 0 and 39_000 <= held_ms <= 41_000
    mimo.rules.latency_s = 0.0
    async with (
        run_program(tmp_path, **settings) as (_, url),
        AsyncClient(base_url=url, headers=headers, timeout=60, verify=False) as client,
    ):
        answer = await client.post("/v1/audio/transcriptions", files=recording(2, 50))
        assert answer.status_code == 200, answer.text
    [(used_ms, held_ms)] = ask_database(tmp_path, USED)
    assert 49_000 <= used_ms <= 51_000 and held_ms == 0


async def test_what_costs_nothing_that_is_used_up_goes_on(mimo: MimoServer, tmp_path: Path) -> None:
    """Stored results are free, and speech costs no money."""
    ask = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Why?"}]}
    speech = {"model": "tts-1", "input": "A word."}
    budgets = {"budget_bot": "0.0003 USD/day", "budget_key": "off"}
    async with (
        ApiServer(tmp_path, mimo, **budgets) as server,
        open_client(server) as client,
    ):
        files = recording(1, 10)
        path = "/audio/transcriptions"
        assert (await client.post(path, files=files)).status_code == 200
        status = 200
        for number in range(2, 9):
            status = (await client.post(path, files=recording(number, 1))).status_code
            if status == 429:
                break
        assert status == 429, "the money is used up"
        assert (await client.post(path, files=files)).status_code == 200
        assert (await client.post("/audio/speech", json=speech)).status_code == 200
        for body in (ask, {**ask, "stream": True}):
            answer = await client.post("/chat/completions", json=body)
            assert answer.status_code == 429 and "retry-after" in answer.headers
