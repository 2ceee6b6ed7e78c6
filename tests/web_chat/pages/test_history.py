"""All of a chat's history: scrolling up, days, and the search over all transcripts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from bots.web_chat.queries import CHATS_LIMIT, HISTORY_LIMIT
from core.models import JobState
from tests.support.browser_pages import open_page, type_in
from tests.support.web_inbox import FakeInbox
from tests.support.web_program import run_program

COUNT = 120
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


async def grow(page: Page, inbox: FakeInbox) -> None:
    """Let the chat of the page have `COUNT` messages, 60 of them from yesterday."""
    await type_in(page, "first")
    await expect(page.locator('.answer[aria-busy="false"]')).to_have_count(1)
    [((chat, _), job)] = inbox.jobs.items()
    inbox.jobs.clear()
    for number in range(COUNT):
        ago = timedelta(days=number < COUNT - 60)
        message = replace(
            job.message,
            message_id=f"note-{number:08}",
            text=f"words {number}",
            sent_at=job.message.sent_at - ago,
        )
        one = replace(job, job_id=f"{number:010}", message=message, state=JobState.DONE)
        inbox.jobs[chat, message.message_id] = one


@pytest.mark.finding(21)
async def test_all_of_the_history_comes_by_scrolling_up(page: Page, inbox: FakeInbox) -> None:
    await grow(page, inbox)
    await page.reload()
    typed = page.locator(".typed")
    await expect(typed.last).to_have_text(f"words {COUNT - 1}")
    assert await typed.count() < COUNT
    await expect(page.locator(".day")).to_have_text(["today"])
    for _ in range(8):
        await page.locator("#scroll").evaluate("(it) => { it.scrollTop = 0; }")
        await page.wait_for_timeout(150)  # the page loads when it is scrolled
    await expect(typed).to_have_text([f"words {number}" for number in range(COUNT)])
    await expect(page.locator(".day")).to_have_text(["yesterday", "today"])
    # What is out of sight is not laid out, and so has no inner text.
    assert await page.locator(".log > .day + .entry .typed").all_text_contents() == [
        "words 0",
        f"words {COUNT - 60}",
    ]


async def count_layouts(page: Page) -> int:
    """Return how often the page was laid out so far."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    found = await session.send("Performance.getMetrics")
    return next(int(one["value"]) for one in found["metrics"] if one["name"] == "LayoutCount")


async def test_entries_are_laid_out_together(page: Page, inbox: FakeInbox) -> None:
    await grow(page, inbox)
    await page.reload()
    typed = page.locator(".typed")
    await expect(typed.last).to_have_text(f"words {COUNT - 1}")
    before = await count_layouts(page)
    shown = await typed.count()
    await page.locator("#scroll").evaluate("(it) => { it.scrollTop = 0; }")
    await expect(typed).to_have_count(shown + HISTORY_LIMIT)
    assert await count_layouts(page) - before < HISTORY_LIMIT / 2
    assert await page.locator(".log").count() == 2, "each load is a list of its own"


async def test_all_chats_come_by_scrolling_down(page: Page, inbox: FakeInbox) -> None:
    await type_in(page, "first")
    await expect(page.locator('.answer[aria-busy="false"]')).to_have_count(1)
    [((chat, message_id), job)] = inbox.jobs.items()
    for number in range(COUNT):
        other = replace(chat, chat_id=f"{chat.chat_id}-c{number}")
        message = replace(job.message, chat=other, text=f"chat {number}")
        at = job.created_at + timedelta(minutes=COUNT - number)
        inbox.jobs[other, message_id] = replace(job, message=message, created_at=at)
    await page.reload()
    titles = page.locator("#chats a")
    # The one that is open is listed, though it is the oldest.
    await expect(titles).to_have_count(CHATS_LIMIT + 1)
    await expect(titles.last).to_have_text("first")
    await expect(page.locator("#chats [aria-current]")).to_have_text("first")
    for shown in (2 * CHATS_LIMIT, COUNT):
        await page.locator("#side nav").evaluate("(it) => { it.scrollTop = it.scrollHeight; }")
        await expect(titles).to_have_count(shown + 1)
    await expect(titles).to_have_text([*(f"chat {number}" for number in range(COUNT)), "first"])


LONG_STYLE = "as warm as a voice that tells of the birch canoe, " + "sliding over planks " * 4


@pytest.mark.finding(21)
async def test_the_search_box_finds_words_in_all_chats(browser: Browser, tmp_path: Path) -> None:
    async with run_program(tmp_path) as (_, url), open_page(browser, url) as page:
        await type_in(page, f"/style {LONG_STYLE}")
        for number in range(60):
            await page.evaluate(SEND, f"message-{number:08}")
        await page.locator("#new-chat").click()
        await type_in(page, "/mode")
        await expect(page.locator('.answer[aria-busy="false"]')).to_have_count(1)
        await page.locator("#search").fill("CANOE birch")
        hit = page.locator("#found button")
        await expect(hit).to_have_count(1)
        excerpt = (await hit.inner_text()).splitlines()[0]
        assert "the birch canoe" in excerpt and excerpt.startswith("…") and excerpt.endswith("…")
        assert set(excerpt.strip("…").split()) <= set(LONG_STYLE.split()), "words are whole"
        await hit.click()
        await expect(page.locator(".entry.found .typed")).to_have_text(f"/style {LONG_STYLE}")
        await expect(page.locator(".entry.found")).to_be_in_viewport()
        await page.locator("#search").fill("nowhere")
        await expect(page.locator("#found")).to_have_text("Nothing found.")
        await page.evaluate("void (window.fetch = () => Promise.reject(new TypeError()))")
        await page.locator("#search").fill("canoe")
        await expect(page.locator("#found")).to_have_text("The connection was lost.")
        await page.locator("#search").press("Escape")
        await expect(page.locator("#chats li")).to_have_count(2)


SEND = """(id) => {
  const form = new FormData();
  form.append("id", id);
  form.append("text", "/mode");
  return fetch("/api/messages", { method: "POST", body: form }).then(() => true);
}"""


@pytest.mark.finding(21)
async def test_a_result_is_shown_though_people_scrolled_up_meanwhile(
    page: Page, inbox: FakeInbox
) -> None:
    await grow(page, inbox)
    await page.reload()
    await expect(page.locator(".typed").last).to_have_text(f"words {COUNT - 1}")
    hit = {"chat": "", "id": "note-00000010", "sent_at": "2026-11-01T12:00:00Z", "excerpt": "10"}
    await page.route("**/api/search*", lambda route: route.fulfill(json={"found": [hit]}))
    await page.locator("#search").fill("words")
    await expect(page.locator("#found button")).to_have_count(1)
    await page.evaluate(SCROLL_AND_SHOW)
    await expect(page.locator(".entry.found .typed")).to_have_text("words 10", timeout=10_000)


SCROLL_AND_SHOW = """async () => {
  const scroller = document.getElementById("scroll");
  scroller.scrollTop = 0;
  scroller.dispatchEvent(new Event("scroll"));
  document.querySelector("#found button").click();
}"""
