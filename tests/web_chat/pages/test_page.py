"""The page in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, WebSocketRoute, expect

from bots.web_chat import WebChat
from core.config import Settings
from tests.support.browser_pages import (
    choose_file,
    open_browser,
    open_page,
    read_answer,
    record,
    type_in,
)
from tests.support.paths import SPEECH
from tests.support.web_inbox import FakeInbox, open_web

SPEECH = SPEECH / "sb_example1.wav"
# One browser for all tests here, so they share one loop.
LOOP: Literal["module"] = "module"
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope=LOOP)]


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def browser() -> AsyncIterator[Browser]:
    async with open_browser(SPEECH) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope=LOOP)
async def web(settings: Settings, door: FakeInbox) -> AsyncIterator[WebChat]:
    async with open_web(settings, door) as web:
        yield web


@pytest.fixture
def url(web: WebChat) -> str:
    return web.url


@pytest_asyncio.fixture(loop_scope=LOOP)
async def page(browser: Browser, url: str) -> AsyncIterator[Page]:
    async with open_page(browser, url) as page:
        yield page


async def test_recording_becomes_text(page: Page) -> None:
    await record(page, 2.0)
    entry = page.locator(".entry").first
    await expect(entry.locator(".player")).to_be_visible()
    await read_answer(page)
    assert len(await entry.locator(".transcript blockquote").inner_text()) > 10


async def test_file_is_seen_at_once_then_its_words_as_they_come(
    page: Page, door: FakeInbox
) -> None:
    door.may_start.clear()
    door.may_finish.clear()
    await choose_file(page, SPEECH)
    entry = page.locator(".entry").first
    await expect(entry.locator(".name")).to_have_text("sb_example1.wav")
    await expect(entry.locator(".waiting")).to_have_text("Heard. Writing it down …")
    door.may_start.set()
    await expect(entry.locator(".partial")).to_have_text("The stale smell of")
    door.may_finish.set()
    assert f"Heard {SPEECH.stat().st_size} bytes" in await read_answer(page)
    await expect(entry.locator("blockquote")).to_have_text("The stale smell of old beer lingers.")
    await expect(page.locator("#announce")).to_contain_text("old beer lingers")


async def test_file_is_dropped_anywhere(page: Page, door: FakeInbox) -> None:
    files = await page.evaluate_handle(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(99)], "dropped.wav", { type: "audio/wav" }));
          return files;
        }"""
    )
    target = page.locator("#empty")
    await target.dispatch_event("dragenter", {"dataTransfer": files})
    await expect(page.locator("#drop")).to_be_visible()
    await target.dispatch_event("drop", {"dataTransfer": files})
    await expect(page.locator("#drop")).to_be_hidden()
    assert "Heard 99 bytes" in await read_answer(page)
    (job,) = door.jobs.values()
    assert job.message.attachment and job.message.attachment.name == "dropped.wav"


async def test_reload_shows_the_same_conversation(page: Page) -> None:
    await type_in(page, "/language en")
    answer = await read_answer(page)
    assert "language" in answer.lower()
    await page.reload()
    assert await read_answer(page) == answer
    await expect(page.locator(".entry .typed")).to_have_text("/language en")


async def test_two_browsers_are_two_chats(browser: Browser, page: Page, url: str) -> None:
    await type_in(page, "/help")
    await read_answer(page)
    async with open_page(browser, url) as other:
        await expect(other.locator("#empty")).to_be_visible()


async def test_reply_has_downloads_and_buttons(page: Page) -> None:
    await choose_file(page, SPEECH)
    await read_answer(page)
    async with page.expect_download() as download:
        await page.locator(".file").first.click()
    assert (await download.value).suggested_filename == "transcript.txt"
    assert "陈旧" in Path(await (await download.value).path()).read_text(encoding="utf-8")
    await page.locator(".file").nth(1).click()
    await page.get_by_role("button", name="Summary").click()
    await expect(page.locator(".entry").last).to_contain_text("You pressed t-summary.")
    await expect(page.locator(".entry").last.locator(".mine")).to_have_count(0)


async def test_upload_that_broke_off_can_be_sent_again(
    browser: Browser, url: str, door: FakeInbox
) -> None:
    with pytest.raises(AssertionError, match="ERR_FAILED"):
        async with open_page(browser, url) as page:
            await page.route("**/api/messages", lambda route: route.abort())
            await choose_file(page, SPEECH)
            await expect(page.locator(".meta .error")).to_have_text("The connection broke off.")
            await page.unroute("**/api/messages")
            await page.get_by_role("button", name="Retry").click()
            await read_answer(page)
            await expect(page.locator(".entry")).to_have_count(1)
    assert len(door.jobs) == 1


async def test_connection_that_broke_off_is_made_again_at_once(page: Page) -> None:
    is_broken = True

    async def connect(socket: WebSocketRoute) -> None:
        if is_broken:
            await socket.close()
        else:
            socket.connect_to_server()

    await page.route_web_socket("**/api/events", connect)
    await page.reload()
    await expect(page.locator("#link")).to_contain_text("Connecting again …")
    is_broken = False
    await page.locator("#link").get_by_role("button", name="Retry").click()
    await expect(page.locator("#link")).to_be_hidden()


async def test_past_that_cannot_be_loaded_is_loaded_when_asked_again(
    browser: Browser, url: str
) -> None:
    with pytest.raises(AssertionError, match="413"):
        async with open_page(browser, url) as page:
            await type_in(page, "/help")
            refusal = {"status": 413, "json": {"error": "Too much of it."}}
            await page.route("**/api/history", lambda route: route.fulfill(**refusal))
            await page.reload()
            await expect(page.locator("#notice")).to_contain_text("Too much of it.")
            await page.unroute("**/api/history")
            await page.locator("#notice").get_by_role("button", name="Retry").click()
            await expect(page.locator("#notice")).to_be_hidden()
            assert "command=help" in await read_answer(page)


async def test_failure_looks_like_one_and_can_be_tried_again(page: Page) -> None:
    await type_in(page, "/fail hard")
    await expect(page.locator(".answer.wrong")).to_contain_text("Something went wrong")
    await page.locator(".buttons").get_by_role("button", name="Retry").click()
    await expect(page.locator(".entry").first).to_contain_text("command=fail text=hard")
    await expect(page.locator(".answer.wrong")).to_have_count(0)
    await expect(page.locator(".entry:visible")).to_have_count(1)


async def test_page_speaks_chinese(browser: Browser, url: str) -> None:
    async with open_page(browser, url, locale="zh-CN") as page:
        await expect(page.locator("#empty h2")).to_have_text("说出来，读出来。")
        assert await page.locator("html").get_attribute("lang") == "zh-CN"
        await expect(page.get_by_role("button", name="录音").first).to_be_visible()


async def test_keyboard_alone_is_enough(page: Page) -> None:
    await page.locator("#box").focus()
    await page.keyboard.type("/help")
    await page.keyboard.press("Enter")
    assert "help" in await read_answer(page)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#recording")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#composer")).to_be_visible()


async def test_slash_lists_the_commands(page: Page) -> None:
    await page.locator("#box").press_sequentially("/lan")
    await expect(page.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#box")).to_have_value("/language ")
    await expect(page.locator("#commands")).to_be_hidden()
    await page.keyboard.type("en")
    await page.keyboard.press("Enter")
    assert "command=language text=en" in await read_answer(page)


async def test_list_that_comes_late_does_not_change_what_was_typed(page: Page) -> None:
    may_load = asyncio.Event()

    async def load_late(route: Route) -> None:
        await may_load.wait()
        await route.continue_()

    await page.route("**/api/commands", load_late)
    await page.locator("#box").press_sequentially("/help")
    async with page.expect_response("**/api/commands"):
        may_load.set()
    await page.wait_for_timeout(200)
    await page.keyboard.press("Enter")
    assert "command=help" in await read_answer(page)


async def test_nothing_is_wider_than_a_phone(browser: Browser, url: str) -> None:
    async with open_page(browser, url, viewport={"width": 320, "height": 560}) as page:
        await choose_file(page, SPEECH)
        await type_in(page, "x" * 400)
        await read_answer(page)
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width == 320
