"""Pages in Chromium, whose microphone plays a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

#: In order of preference: the headless shell needs a third of the time.
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
#: Long enough for a real engine on a slow machine.
WAIT_MS = 90_000
expect.set_options(timeout=WAIT_MS)
WIDE = ViewportSize(width=1280, height=720)
#: Records start, length, sample rate and arrival of each audio buffer, and every player.
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
    """Return the path of a browser. Without one the test is skipped, in CI it fails."""
    for name in CHROMIUM:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI") == "true":
        pytest.fail("no Chromium here, and CI must have one")
    pytest.skip("no Chromium here (apt install chromium-headless-shell)")


@asynccontextmanager
async def open_browser(microphone: Path) -> AsyncIterator[Browser]:
    """Yield a browser whose microphone plays a WAV file in a loop."""
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
    """Yield the page at `url` in a new session; browser errors fail the test."""
    context = await browser.new_context(**options)
    try:
        async with watch_page(await context.new_page()) as page:
            await page.goto(url)
            yield page
    finally:
        await context.close()


@asynccontextmanager
async def reuse_page(page: Page, url: str) -> AsyncIterator[Page]:
    """Yield a reused page with cleared state: a new context takes twice as long."""
    context = page.context
    await context.clear_cookies()
    store = await context.new_cdp_session(page)
    await store.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
    try:
        async with watch_page(page):
            await page.goto(url)
            yield page
    finally:
        await page.unroute_all()
        await context.set_offline(False)
        await context.clear_permissions()
        await page.set_viewport_size(WIDE)
        await page.goto("about:blank")
        await store.detach()


@asynccontextmanager
async def watch_page(page: Page) -> AsyncIterator[Page]:
    """Yield the page; errors on its console fail the test at the end."""
    errors: list[str] = []

    def add_error(error: Error) -> None:
        errors.append(str(error))

    def add_console_error(entry: ConsoleMessage) -> None:
        # Chromium itself mentions, now and then, that a chosen file has vanished.
        if entry.type == "error" and "ERR_FILE_NOT_FOUND" not in entry.text:
            errors.append(entry.text)

    page.on("pageerror", add_error)
    page.on("console", add_console_error)
    try:
        yield page
    finally:
        page.remove_listener("pageerror", add_error)
        page.remove_listener("console", add_console_error)
    assert not errors, errors


@asynccontextmanager
async def _new_entry(page: Page) -> AsyncIterator[None]:
    """Wait at the end for one more entry than at the beginning."""
    entries = page.locator(".entry")
    before = await entries.count()
    yield
    await expect(entries).to_have_count(before + 1)


async def choose_file(page: Page, path: Path) -> None:
    """Choose a file, which sends it."""
    async with _new_entry(page):
        await page.locator("#file").set_input_files(path)


async def record(page: Page, seconds: float) -> None:
    """Record from the microphone and send it."""
    await page.locator("#record").click()
    await expect(page.locator("#recording")).to_be_visible()
    await page.wait_for_timeout(seconds * 1000)  # the microphone plays in real time
    async with _new_entry(page):
        await page.locator("#finish").click()


async def type_in(page: Page, text: str) -> None:
    """Type a message and send it."""
    await page.locator("#box").fill(text)
    async with _new_entry(page):
        await page.locator("#box").press("Enter")


async def wait_for(page: Page, expression: str) -> Any:
    """Wait until a JavaScript expression is true, and return its value."""
    look = f"const found = {expression}; if (found) done(found); else requestAnimationFrame(look);"
    return await page.evaluate(
        f"new Promise((done) => {{ const look = () => {{ {look} }}; look(); }})"
    )


async def read_answer(page: Page, index: int = -1) -> str:
    """Wait until an entry has its complete reply and return the text."""
    entry = page.locator(".entry").nth(index)
    await expect(entry.locator('.answer[aria-busy="false"]')).not_to_be_empty(timeout=WAIT_MS)
    return await entry.locator(".answer").inner_text()


async def find_accessibility_problems(page: Page) -> list[str]:
    """Return the serious and critical problems that axe finds."""
    # Colours are measured after all animations.
    await page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    result = await Axe().run(page)
    return [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for one in result.response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
