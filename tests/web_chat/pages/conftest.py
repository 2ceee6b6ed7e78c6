"""One browser per process, and one page that most tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from bots.web_chat import WebChat
from core.config import Settings
from tests.support.browser_pages import WATCH, WIDE, open_browser, reuse_page
from tests.support.paths import SPEECH
from tests.support.web_inbox import FakeInbox, open_web

LOOP: Literal["session"] = "session"


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def browser() -> AsyncIterator[Browser]:
    async with open_browser(SPEECH / "sb_example1.wav") as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def shared_page(browser: Browser) -> Page:
    context = await browser.new_context(viewport=WIDE)
    await context.add_init_script(WATCH)
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope=LOOP)
async def web(settings: Settings, inbox: FakeInbox) -> AsyncIterator[WebChat]:
    async with open_web(settings, inbox) as web:
        yield web


@pytest.fixture
def url(web: WebChat) -> str:
    return web.url


@pytest_asyncio.fixture(loop_scope=LOOP)
async def page(shared_page: Page, url: str) -> AsyncIterator[Page]:
    """The page in a session of the test's own."""
    async with reuse_page(shared_page, url) as page:
        yield page
