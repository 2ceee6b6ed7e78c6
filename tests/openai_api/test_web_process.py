"""The API of a process that serves pages, with no intake and no worker beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer, tones
from tests.support.postgresql import PostgresServer
from tests.support.web_program import read_url, run_part

KEY = "sk-" + "k" * 40


@pytest.mark.real_time
async def test_the_api_needs_neither_intake_nor_worker(
    postgresql: PostgresServer, tmp_path: Path, mimo: MimoServer
) -> None:
    settings = {
        "DATABASE_URL": postgresql.create(),
        "HEARSAY_SECRET_KEY": Fernet.generate_key().decode(),
        "MIMO_API_KEY": mimo.key,
        "MIMO_BASE_URL": mimo.base_url,
        "TRANSCRIBER": "mimo",
        "API_KEYS": f"ada={KEY}",
        # Whose messages others receive: here it is not known whether they do.
        "TELEGRAM_BOT_TOKEN": "1:" + "t" * 35,
    }
    async with run_part("web", tmp_path, **settings) as process:
        url = await asyncio.wait_for(read_url(process), 60)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            sound = ("note.wav", tones.make_recording([7, 8, 9]), "audio/wav")
            heard = await client.post(
                "/v1/audio/transcriptions", data={"model": "whisper-1"}, files={"file": sound}
            )
            assert heard.json()["text"] == "w7 w8 w9", heard.text
            ready = await client.get("/readyz")
            parts = dict.fromkeys(("web", "database", "disk", "mimo"), True)
            assert (ready.status_code, ready.json()["parts"]) == (200, parts)
