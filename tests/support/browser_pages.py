"""A real Chromium with a microphone that plays a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
#: Long enough for a real engine on a slow machine.
WAIT_MS = 90_000
expect.set_options(timeout=WAIT_MS)
#: Notes of each piece of sound when it begins, how long it is and when it came, and every player.
WATCH = """
window.pieces = []; window.contexts = new Set(); window.players = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when) {
  const { length, sampleRate } = this.buffer;
  pieces.push([when, length / sampleRate, sampleRate, this.context.currentTime]);
  contexts.add(this.context);
  return start.call(this, when);
};
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  players.push(this);
  return play.call(this);
};
"""


def find_chromium() -> str:
    """Return the browser's path; skip the test without one, but fail it in CI."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI") == "true":
        pytest.fail("no Chromium here, and CI must have one")
    pytest.skip("no Chromium here (apt install chromium)")


@asynccontextmanager
async def open_browser(microphone: Path) -> AsyncIterator[Browser]:
    """Yield a browser whose microphone plays a WAV file again and again."""
    executable = find_chromium()
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """Yield the page at `url` in a session of its own; any complaint of the browser fails."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    await page.goto(url)
    try:
        yield page
    finally:
        await context.close()
    assert not complaints, complaints


@asynccontextmanager
async def _new_entry(page: Page) -> AsyncIterator[None]:
    """Wait at the end until the page shows one more entry than at the beginning."""
    entries = page.locator(".entry")
    before = await entries.count()
    yield
    await expect(entries).to_have_count(before + 1)


async def choose_file(page: Page, path: Path) -> None:
    """Send a file as a person would."""
    async with _new_entry(page):
        await page.locator("#file").set_input_files(path)


async def record(page: Page, seconds: float) -> None:
    """Record from the microphone and send it."""
    await page.locator("#record").click()
    await expect(page.locator("#recording")).to_be_visible()
    await page.wait_for_timeout(seconds * 1000)
    async with _new_entry(page):
        await page.locator("#finish").click()


async def type_in(page: Page, text: str) -> None:
    """Type a message and send it."""
    await page.locator("#box").fill(text)
    async with _new_entry(page):
        await page.locator("#box").press("Enter")


async def read_answer(page: Page, index: int = -1) -> str:
    """Wait until an entry has its answer and return its words."""
    entry = page.locator(".entry").nth(index)
    await expect(entry.locator('.answer[aria-busy="false"]')).not_to_be_empty(timeout=WAIT_MS)
    return await entry.locator(".answer").inner_text()
