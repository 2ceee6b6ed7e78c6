"""The page of the whole program: all that people do there.

A local server hears what the recordings say; all else is done by this machine.
"""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx import URL, AsyncClient
from playwright.async_api import Browser, Page, StorageState, expect

from tests.support.browser_pages import (
    choose_file,
    find_accessibility_problems,
    open_page,
    read_answer,
    record,
    type_in,
    wait_for,
)
from tests.support.paths import SPEECH
from tests.support.picture_engine import PictureEngine
from tests.support.web_client import send_sound, wait_for_reply
from tests.support.web_program import run_program

#: A sentence in three parts.
LONG = SPEECH / "jfk.flac"
DRAWN = "getImageData(0, 0, levels.width, levels.height).data.some((part) => part)"
PHONE = {"width": 390, "height": 780}
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def killed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncClient]:
    """A client of the program, which was killed as soon as it had taken a message."""
    home = tmp_path_factory.mktemp("home")
    async with PictureEngine() as engine, AsyncClient(verify=False) as client:
        settings = {"OPENAI_BASE_URL": engine.base_url, "ANSWERER": "offline"}
        settings["TRANSCRIBER"] = "openai"
        async with run_program(home, **settings) as (process, url):
            client.base_url = URL(url)
            assert (await client.post("/api/session")).status_code == 200
            assert (await send_sound(client)).status_code == 200
            process.send_signal(signal.SIGKILL)
            await process.wait()
        # The same session at another port: a cookie knows no ports.
        async with run_program(home, **settings) as (_, url):
            client.base_url = URL(url)
            yield client


@pytest.fixture(scope="module")
def url(killed: AsyncClient) -> str:
    return str(killed.base_url).rstrip("/")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitor(browser: Browser, url: str) -> StorageState:
    """Return the session of somebody who has a recording in the second of two chats."""
    async with open_page(browser, url) as page:
        await type_in(page, "/help")
        await read_answer(page)
        await page.locator("#new-chat").click()
        await choose_file(page, LONG)
        await expect(page.locator("#summary")).to_be_hidden()
        await expect(page.locator(".moment")).to_have_count(3)
        return await page.context.storage_state()


async def test_accepted_message_is_answered_after_a_kill(killed: AsyncClient) -> None:
    entry = await wait_for_reply(killed, "message-1")
    assert entry["reply"]["text"]
    again = await send_sound(killed)
    assert again.json()["entry"]["job_id"] == entry["job_id"]


async def test_a_recording_becomes_text(page: Page) -> None:
    await page.locator("#record").click()
    # The levels of what is heard move while it is recorded.
    await wait_for(page, f"levels.width && levels.getContext('2d').{DRAWN}")
    await page.keyboard.press("Escape")
    await record(page, 2.0)
    await read_answer(page)
    assert "smooth" in await page.locator(".entry blockquote").inner_text()
    # What it is called is what was said.
    await expect(page.locator("#title")).to_contain_text("smooth")


@pytest.mark.finding(6)
@pytest.mark.finding(30)
async def test_transcript_plays_is_saved_asked_about_and_summarised(
    browser: Browser, url: str, visitor: StorageState
) -> None:
    async with open_page(browser, url, storage_state=visitor) as page:
        moments = page.locator(".moment")
        start_s = int((await moments.nth(1).inner_text()).removeprefix("0:"))
        assert start_s > 2
        await moments.nth(1).click()
        await expect(page.locator("blockquote p").nth(1)).to_have_class("now")
        await page.get_by_role("button", name="Pause").click()
        reached = re.match(r"0:(\d\d)", await page.locator(".mine .clock").inner_text())
        assert reached and int(reached[1]) >= start_s
        await save(page)
        await type_in(page, "What can the country do?")
        assert "country" in await read_answer(page)
        await type_in(page, "Who are the fellow Americans?")
        assert "Americans" in await read_answer(page)
        await expect(page.locator(".asked")).to_have_count(2)
        await page.locator("#summary").click()
        await expect(page.locator(".words a").first).to_be_visible()
        head = page.locator(".entry").last.locator(".words")
        await expect(head).to_contain_text(re.compile(r" · 1 voice message\n\n• "))
        await page.locator(".words a").first.click()
        await expect(page.locator(".entry").first).to_be_in_viewport()
        await page.get_by_role("button", name="▶").first.click()
        await expect(page.locator(".entry").last.locator(".spoken .player")).to_be_visible()


async def save(page: Page) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert "country" in await page.evaluate("navigator.clipboard.readText()")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Save .vtt").click()
    saved = await download.value
    assert saved.suggested_filename == "jfk.vtt"
    words = Path(await saved.path()).read_text(encoding="utf-8")
    assert re.match(r"WEBVTT\n\n00:00:00.\d{3} -->", words)
    assert words.count(" --> ") == await page.locator(".moment").count(), "the lines of the page"


async def test_chats_are_created_opened_and_deleted(page: Page) -> None:
    titles = page.locator("#chats a")
    await expect(page.locator("#empty")).to_be_visible()
    await type_in(page, "/ask the first chat")
    await read_answer(page)
    await page.locator("#box").fill("a draft")
    await page.locator("#new-chat").click()
    await expect(page.locator("#box")).to_be_focused()
    await expect(page.locator("#box")).to_have_value("")
    await expect(page.locator("#empty")).to_be_visible()
    await type_in(page, "/ask the second chat")
    await expect(titles).to_have_text(["the second chat", "the first chat"])
    await page.reload()
    await expect(page.locator("[aria-current]")).to_have_text("the second chat")
    await page.get_by_role("link", name="the first chat").click()
    await expect(page.locator(".typed")).to_have_text("the first chat")
    await expect(page.locator("#box")).to_have_value("a draft")
    await page.go_back()
    await expect(page.locator(".typed")).to_have_text("the second chat")
    await page.locator("#forget").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(titles).to_have_count(2)
    await page.locator("#forget").click()
    await page.locator("#sure").get_by_role("button", name="Delete").click()
    await expect(page.locator("#empty")).to_be_visible()
    await expect(titles).to_have_text(["New chat", "the first chat"])
    await page.reload()
    await expect(titles).to_have_text(["New chat", "the first chat"])


async def test_settings_are_saved_and_copied_to_new_chats(page: Page) -> None:
    async def choose(name: str, value: str, answer: str) -> None:
        await page.locator(f"#set-{name}").select_option(value)
        await expect(page.locator("#settings-said")).to_contain_text(answer)

    await page.locator("#open-settings").click()
    await choose("replies", "always", "as a voice message")
    await choose("mode", "both", "transcribed and answered")
    await page.locator("#set-style").fill("warm, slow")
    await page.locator("#set-style").press("Tab")
    await expect(page.locator("#settings-said")).to_contain_text("have no styles")
    await choose("voice", "British", "British")
    await page.keyboard.press("Escape")
    await expect(page.locator(".entry.aside")).to_have_count(4)
    await type_in(page, "/ask anything")
    await page.locator("#new-chat").click()
    await type_in(page, "/replies")
    assert "as a voice message" in await read_answer(page)
    await page.locator("#open-settings").click()
    for name, value in {"voice": "British", "style": "", "mode": "both"}.items():
        await expect(page.locator(f"#set-{name}")).to_have_value(value)
    async with page.expect_navigation():
        await page.locator("#set-page").select_option("zh")
    await expect(page.locator("#box")).to_have_attribute("placeholder", "输入消息或 /命令")
    await expect(page.locator(".typed").last).to_have_text("/replies")
    await type_in(page, "/mode")
    assert "语音" in await read_answer(page), "the server speaks it too"


@pytest.mark.finding(9)
async def test_my_language_is_chosen_once_for_all_chats(browser: Browser, url: str) -> None:
    async with open_page(browser, url, viewport={"width": 360, "height": 640}) as page:
        mine, said = page.get_by_label("My language"), page.locator("#settings-said")
        for value, shown in (("de", "Your language: German"), ("auto", "Your own language")):
            await page.locator("#open-side").click()
            await page.locator("#open-settings").click()
            await expect(mine).to_be_enabled()
            await mine.select_option(value)
            await expect(said).to_contain_text(shown)
            await expect(page.get_by_label("Spoken language")).to_have_value("auto")
            assert await page.evaluate("settings.scrollWidth <= settings.clientWidth")
            await page.reload()
            await page.locator("#open-side").click()
            await page.locator("#new-chat").click()
            await page.locator("#open-side").click()
            await page.locator("#open-settings").click()
            await expect(mine).to_have_value(value)
            await page.keyboard.press("Escape")


async def test_phone_has_a_drawer_in_dark_mode_and_chinese(
    browser: Browser, url: str, visitor: StorageState
) -> None:
    options: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "storage_state": visitor}
    look = {"color_scheme": "dark", "locale": "zh-CN"}
    async with open_page(browser, url, **options, **look) as page:
        await expect(page.locator(".moment")).to_have_count(3)
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        side = page.locator("#side")
        await expect(side).not_to_be_in_viewport()
        found = await find_accessibility_problems(page)
        await page.locator("#open-side").tap()
        await expect(page.locator("#new-chat")).to_be_focused()
        await expect(side).to_be_in_viewport()
        found += await find_accessibility_problems(page)
        await page.keyboard.press("Escape")
        await expect(page.locator("#open-side")).to_be_focused()
        await page.locator("#open-side").tap()
        await page.locator("#chats a").nth(1).tap()
        await expect(page.locator(".typed").first).to_have_text("/help")
        await expect(side).not_to_be_in_viewport()
    assert found == []


async def test_page_is_accessible(browser: Browser, url: str, visitor: StorageState) -> None:
    async with open_page(browser, url, storage_state=visitor, color_scheme="light") as page:
        await expect(page.locator(".moment")).to_have_count(3)
        await type_in(page, "/voice")
        await read_answer(page)
        await page.locator("#speak").click()
        await expect(page.locator("#speak-bar")).to_be_visible()
        found = await find_accessibility_problems(page)
        await page.locator("#open-settings").click()
        await expect(page.locator("#set-voice")).not_to_be_empty()
        found += await find_accessibility_problems(page)
    assert found == []
