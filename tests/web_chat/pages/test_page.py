"""The page in a real browser."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, WebSocketRoute, expect

from tests.support.browser_pages import (
    choose_file,
    open_page,
    read_answer,
    reuse_page,
    type_in,
    wait_for,
)
from tests.support.paths import SPEECH
from tests.support.web_inbox import FakeInbox

CANOE = SPEECH / "sb_example1.wav"
TWO_FRAMES = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => done())))"""
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


async def test_file_appears_at_once_then_transcript_and_files(page: Page, inbox: FakeInbox) -> None:
    inbox.may_start.clear()
    inbox.may_finish.clear()
    await choose_file(page, CANOE)
    entry = page.locator(".entry").first
    await expect(entry.locator(".name")).to_have_text("sb_example1.wav")
    await expect(entry.locator(".waiting")).to_have_text("Received. Transcribing …")
    inbox.may_start.set()
    await expect(entry.locator(".partial")).to_have_text("The stale smell of")
    inbox.may_finish.set()
    assert f"Heard {CANOE.stat().st_size} bytes" in await read_answer(page)
    await expect(page.locator("#announce")).to_contain_text("old beer lingers")
    async with page.expect_download() as download:
        await page.locator(".file").first.click()
    assert (await download.value).suggested_filename == "transcript.txt"
    assert "陈旧" in Path(await (await download.value).path()).read_text(encoding="utf-8")
    # Beside the box there is one for the whole chat, soon after the reply.
    await entry.get_by_role("button", name="Summary").click()
    await expect(page.locator(".entry").last).to_contain_text("You pressed t-summary.")
    await expect(page.locator(".entry").last.locator(".mine")).to_have_count(0)
    for _ in ("as it was sent", "as it is kept"):
        await page.locator(".moment").nth(1).click()
        begun_s = await wait_for(
            page, "players.length && !players[0].paused && players[0].currentTime"
        )
        assert 1.4 <= begun_s < 3.3
        await page.reload()


async def test_file_is_dropped_anywhere_or_pasted(page: Page, inbox: FakeInbox) -> None:
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
    await page.locator("#box").focus()
    await page.evaluate(
        """(clipboardData) =>
          box.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }))""",
        files,
    )
    await expect(page.locator(".entry")).to_have_count(2)
    assert "Heard 99 bytes" in await read_answer(page)
    for job in inbox.jobs.values():
        assert job.message.attachment and job.message.attachment.name == "dropped.wav"


async def test_interrupted_upload_can_be_retried(
    shared_page: Page, url: str, inbox: FakeInbox, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="ERR_INTERNET_DISCONNECTED"):
        async with reuse_page(shared_page, url) as page:
            huge = tmp_path / "huge.wav"
            with huge.open("wb") as file:
                file.truncate(128_000_001)
            await page.locator("#file").set_input_files(huge)
            title = "Choose a file: audio or video of up to 128 MB"
            await expect(page.locator("#attach")).to_have_attribute("title", title)
            await expect(page.locator("#notice")).to_contain_text("the limit is 128 MB")
            await page.context.set_offline(True)
            await choose_file(page, CANOE)
            error = page.locator(".meta .unsent")
            await expect(error).to_contain_text("Not sent yet.")
            retry = page.locator(".meta").get_by_role("button", name="Retry")
            await retry.click()
            await expect(error).to_be_visible()
            await page.context.set_offline(False)
            await read_answer(page)
            await expect(page.locator(".entry")).to_have_count(1)
    assert len(inbox.jobs) == 1


async def test_failed_loading_can_be_retried(browser: Browser, url: str) -> None:
    with pytest.raises(AssertionError, match="413"):
        # A page of its own: its sockets cannot be let alone again.
        async with open_page(browser, url) as page:
            await break_past(page)
            await break_sockets(page)


async def break_past(page: Page) -> None:
    await type_in(page, "/help")
    refusal = {"status": 413, "json": {"error": "Too much of it."}}
    await page.route("**/api/history", lambda route: route.fulfill(**refusal))
    await page.reload()
    await expect(page.locator("#notice")).to_contain_text("Too much of it.")
    await page.unroute("**/api/history")
    await page.locator("#notice").get_by_role("button", name="Retry").click()
    await expect(page.locator("#notice")).to_be_hidden()
    assert "command=help" in await read_answer(page)


async def break_sockets(page: Page) -> None:
    is_broken = True

    async def connect(socket: WebSocketRoute) -> None:
        if is_broken:
            await socket.close()
        else:
            socket.connect_to_server()

    await page.route_web_socket("**/api/events", connect)
    await page.reload()
    await expect(page.locator("#link")).to_contain_text("Reconnecting …")
    is_broken = False
    await page.locator("#link").get_by_role("button", name="Retry").click()
    await expect(page.locator("#link")).to_be_hidden()


async def test_failure_is_shown_and_can_be_retried(page: Page) -> None:
    await type_in(page, "/fail hard")
    await expect(page.locator(".answer.wrong")).to_contain_text("Something went wrong")
    await page.locator(".buttons").get_by_role("button", name="Retry").click()
    await expect(page.locator(".entry").first).to_contain_text("command=fail text=hard")
    await expect(page.locator(".answer.wrong")).to_have_count(0)
    await expect(page.locator(".entry:visible")).to_have_count(1)


async def test_keyboard_is_enough_and_commands_are_listed(page: Page) -> None:
    may_load = asyncio.Event()

    async def load_late(route: Route) -> None:
        await may_load.wait()
        await route.continue_()

    await page.route("**/api/commands", load_late)
    await page.locator("#box").press_sequentially("/help")
    async with page.expect_response("**/api/commands"):
        may_load.set()
    # What the page does with it, it has begun to do before it draws twice.
    await page.evaluate(TWO_FRAMES)
    await page.keyboard.press("Enter")
    assert "command=help" in await read_answer(page), "a late list does not change what was typed"
    await page.locator("#box").press_sequentially("/lan")
    await expect(page.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#box")).to_have_value("/language ")
    await expect(page.locator("#commands")).to_be_hidden()
    await page.keyboard.type("en")
    await page.keyboard.press("Enter")
    await expect(page.locator(".entry").last).to_contain_text("command=language text=en")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#recording")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#composer")).to_be_visible()
