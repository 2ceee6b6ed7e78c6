"""The first minute on the page, of the whole program on a bare machine: no key, no speech."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser_pages import open_page, read_answer, type_in
from tests.support.web_program import run_program

pytestmark = [
    *(pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")),
    pytest.mark.finding(20),
]


@pytest_asyncio.fixture(loop_scope="session")
async def newcomer(browser: Browser, tmp_path: Path) -> AsyncIterator[Page]:
    """The page of a program whose machine has neither the program nor the library for speech."""
    hide = "import sys; sys.modules['espeakng_loader'] = None"
    (tmp_path / "sitecustomize.py").write_text(hide)
    bare = {"PATH": str(Path(sys.executable).parent), "PYTHONPATH": str(tmp_path)}
    async with run_program(tmp_path, **bare) as (_, url), open_page(browser, url) as page:
        yield page


async def test_a_greeting_is_answered_shortly_and_stays_in_view(newcomer: Page) -> None:
    await expect(newcomer.locator("#speak")).to_be_hidden()
    await expect(newcomer.locator("#hint-say")).to_be_hidden()
    await type_in(newcomer, "hello")
    assert "Record a message or choose a file" in await read_answer(newcomer)
    await expect(newcomer.locator(".entry .buttons .chip")).to_have_count(4)
    await type_in(newcomer, "/summry")
    assert "I don't know /summry." in await read_answer(newcomer)
    # The longest reply there is, on the smallest screen: what was typed is still seen.
    await newcomer.set_viewport_size({"width": 360, "height": 420})
    await type_in(newcomer, "/help")
    await read_answer(newcomer)
    await expect(newcomer.locator(".entry").last.locator(".typed")).to_be_in_viewport()
    await newcomer.reload()
    await expect(newcomer.locator(".entry").last.locator(".typed")).to_be_in_viewport()
