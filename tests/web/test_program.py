"""The page of the whole program, as `hearsay run` starts it, with the engine of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from core.engines.espeak import find_program, has_library
from tests.fresh import make_database
from tests.web.client import send_sound, wait_for_reply
from tests.web.pages import (
    WAIT_MS,
    WATCH,
    choose_file,
    open_browser,
    open_page,
    read_answer,
    record,
    type_in,
)

#: "The birch canoe slid on the smooth planks."
SPEECH = Path(__file__).parents[1] / "data" / "speech" / "sb_example1.wav"


@asynccontextmanager
async def run_program(
    home: Path, port: int = 0
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start `hearsay run` and yield the process and the address of its page."""
    make_database(home)
    environment = {
        "PATH": os.environ["PATH"],
        "HEARSAY_HOME": str(home),
        "WEB_PORT": "0",
        "TRANSCRIBER": "offline",
        "SYNTHESIZER": "offline",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bots",
        "run",
        cwd=home,  # where no .env is
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process, await asyncio.wait_for(_read_url(process), 30)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _read_url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        if b"http://" in line:
            return line.decode().split()[-1]
    raise AssertionError("the program ended before its page was open")


@pytest.mark.browser
async def test_voice_becomes_text_in_the_real_program(tmp_path: Path) -> None:
    async with (
        open_browser(SPEECH) as browser,
        run_program(tmp_path) as (_, url),
        open_page(browser, url) as page,
    ):
        await type_in(page, "/help")
        assert "/transcribe" in await read_answer(page)
        await choose_file(page, SPEECH)
        await read_answer(page)
        assert "smooth" in await page.locator(".entry blockquote").last.inner_text()
        await record(page, 3.5)
        await read_answer(page)
        await expect(page.locator(".entry blockquote")).to_have_count(2)
        await page.reload()
        await expect(page.locator(".entry blockquote")).to_have_count(2)


@pytest.mark.browser
@pytest.mark.skipif(
    not (find_program() or has_library()), reason="neither espeak-ng nor the extra offline-speech"
)
async def test_a_text_is_spoken_in_the_real_program(tmp_path: Path) -> None:
    async with (
        open_browser(SPEECH) as browser,
        run_program(tmp_path) as (_, url),
        open_page(browser, url) as page,
    ):
        await page.add_init_script(WATCH)
        await page.reload()
        await type_in(page, "/say Good morning. This is the voice of the machine itself.")
        await expect(page.locator(".spoken .player")).to_be_visible(timeout=WAIT_MS)
        pieces = await page.evaluate("pieces.reduce((sum, [, length]) => sum + length, 0)")
        assert pieces > 2
        await expect(page.get_by_role("button", name="Play")).to_be_visible()
        assert await page.evaluate("[...contexts].every((c) => c.currentTime > 2)")
        assert await page.evaluate("players.length") == 0, "it is not said twice"
        await page.get_by_role("button", name="Play").click()
        await expect(page.locator(".spoken .clock")).to_have_text("0:01")
        assert await page.evaluate("players[0].duration") == pytest.approx(pieces, abs=0.05)
        await type_in(page, "/voice")
        await read_answer(page)
        await page.locator(".many .chip", has_text="British").click()
        preview = page.locator(".entry").last
        await expect(preview.locator(".spoken .player")).to_be_visible(timeout=WAIT_MS)
        await preview.get_by_role("button", name="Pause").click()
        await preview.get_by_role("button", name="For me").click()
        await expect(page.locator(".entry").last).to_contain_text("British")


async def test_what_was_acknowledged_is_answered_after_a_kill(tmp_path: Path) -> None:
    async with httpx.AsyncClient() as browser:
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
