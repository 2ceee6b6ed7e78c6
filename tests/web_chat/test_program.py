"""The whole program, as `hearsay run` starts it, with the engine of this machine."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.web_client import send_sound, wait_for_reply
from tests.support.web_program import run_program

pytestmark = pytest.mark.real_time  # the program is another process


async def test_what_was_acknowledged_is_answered_after_a_kill(tmp_path: Path) -> None:
    async with httpx.AsyncClient(verify=False) as browser:
        async with run_program(tmp_path) as (process, url):
            browser.base_url = httpx.URL(url)
            assert (await browser.post("/api/session")).status_code == 200
            assert (await send_sound(browser)).status_code == 200
            process.send_signal(signal.SIGKILL)
            await process.wait()
        # The same session at another port: a cookie knows no ports.
        async with run_program(tmp_path) as (_, url):
            browser.base_url = httpx.URL(url)
            entry = await wait_for_reply(browser, "message-1")
            assert entry["reply"]["text"]
            again = await send_sound(browser)
            assert again.json()["entry"]["job_id"] == entry["job_id"]
