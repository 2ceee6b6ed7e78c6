"""Follow-ups, links and quotes in a real browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from core.interfaces import DeliveryTarget
from core.models import Button, Link, Message, Reply, Span
from tests.support.browser_pages import choose_file, open_page, read_answer, record, type_in
from tests.support.paths import SPEECH
from tests.support.web_inbox import FakeInbox

CANOE = SPEECH / "sb_example1.wav"
#: Buttons under a transcript, and what the page shows of them: the rest it has itself.
ROW = {"Summary": "brief", "Translate": "translate", "Listen": "listen", "Fix": "fix"}
OWN = {
    "Ask": "ask_about",
    ".txt": "text_file",
    ".srt": "text_file",
    ".vtt": "text_file",
}
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


class TalkInbox(FakeInbox):
    """Answers with what the new commands answer with."""

    async def _make_reply(self, message: Message, target: DeliveryTarget) -> Reply:
        if message.command == "transcribe":
            row = tuple(Button(a, b, token=f"t-{a}") for a, b in (OWN | ROW).items())
            quote = "The stale smell of old beer lingers."
            marks = (Span(10, 15, "corrected"),)
            return Reply("Corrected: smile → smell", quote, buttons=row, marks=marks)
        if message.command == "summary":
            return self._sum_up(message)
        if message.command == "ask":
            return Reply("It smells 😀.", "What does it smell of?", is_quote_first=True)
        return await super()._make_reply(message, target)

    def _sum_up(self, message: Message) -> Reply:
        first = next(job.message.message_id for job in self.jobs.values())
        text = "😀 Said at 0:12, and elsewhere."
        links = (Link(10, 14, first), Link(20, 29, "note-unknown"), Link(0, 1, first, None, "-1"))
        return Reply(text, links=links)


@pytest.fixture
def inbox() -> TalkInbox:
    return TalkInbox()


async def test_corrected_words_are_underlined(page: Page) -> None:
    await type_in(page, "/transcribe")
    await expect(page.locator(".transcript u")).to_have_text("smell")
    await expect(page.locator(".entry .note")).to_have_text("Corrected: smile → smell")
    await expect(page.locator("blockquote")).to_have_text("The stale smell of old beer lingers.")


async def test_follow_up_to_an_answer(page: Page, inbox: TalkInbox) -> None:
    await choose_file(page, CANOE)
    await read_answer(page)
    ask = page.get_by_role("button", name="Ask about this recording")
    for take_back in ("click", "Escape"):
        await ask.click()
        await expect(page.locator("#about")).to_contain_text("The stale smell of old beer")
        await expect(page.locator("#box")).to_be_focused()
        if take_back == "click":
            await page.get_by_role("button", name="Cancel the follow-up").click()
        else:
            await page.keyboard.press("Escape")
        await expect(page.locator("#about")).to_be_hidden()
    await ask.click()
    await type_in(page, "What does it smell of?")
    await expect(page.locator("#about")).to_be_hidden()
    await read_answer(page)
    first, second = (job.message for job in inbox.jobs.values())
    assert second.reply_to is not None
    assert second.reply_to.message_id == first.message_id
    asked = page.locator(".entry").last.locator(".mine .asked")
    await expect(asked).to_have_text("The stale smell of old beer lingers.")
    await page.reload()
    await expect(asked).to_have_attribute("href", f"#m-{first.message_id}")
    await go_on(page, inbox)


async def go_on(page: Page, inbox: TalkInbox) -> None:
    """Plain text is a follow-up to the last reply, unless the person cancels that."""
    first, second = (job.message.message_id for job in inbox.jobs.values())
    await page.locator("#box").press_sequentially("And")
    await expect(page.locator("#about")).to_contain_text("text=What does")
    await type_in(page, "And now?")
    await read_answer(page)
    assert quoted_by_last(inbox) == second
    await page.locator("#box").press_sequentially("New")
    await page.get_by_role("button", name="Cancel the follow-up").click()
    await type_in(page, "New thing")
    await read_answer(page)
    assert quoted_by_last(inbox) is None
    # A spoken question is about it too.
    await page.get_by_role("button", name="Ask about this recording").first.click()
    await record(page, 0.5)
    await read_answer(page)
    assert quoted_by_last(inbox) == first
    assert [*inbox.jobs.values()][-1].message.attachment


def quoted_by_last(inbox: TalkInbox) -> str | None:
    quoted = [*inbox.jobs.values()][-1].message.reply_to
    return quoted.message_id if quoted else None


async def test_links_lead_to_entries_and_quotes_can_come_first(page: Page) -> None:
    await type_in(page, "/transcribe")
    await read_answer(page)
    await type_in(page, "/summary")
    assert "😀 Said at 0:12, and elsewhere." in await read_answer(page)
    links = page.locator(".words a")
    await expect(links).to_have_text(["0:12"])
    first = page.locator(".entry").first
    await links.click()
    assert (await page.evaluate("location.hash")) == f"#{await first.get_attribute('id')}"
    await expect(first).to_be_in_viewport()
    await type_in(page, "/ask")
    await read_answer(page)
    await page.reload()
    await expect(links).to_have_text(["0:12"])
    answer = page.locator(".answer").last
    quote, words = answer.locator("blockquote"), answer.locator(".words")
    await expect(words).to_have_text("It smells 😀.")
    above, below = await quote.bounding_box(), await words.bounding_box()
    assert above and below and above["y"] < below["y"]
    await expect(answer.get_by_role("button", name="Ask about this recording")).to_be_visible()


async def test_the_row_of_a_transcript_fits_a_phone_in_chinese(browser: Browser, url: str) -> None:
    narrow = ViewportSize(width=320, height=640)
    async with open_page(browser, url, locale="zh-CN", viewport=narrow) as page:
        await expect(page.locator("#empty h2")).to_have_text("你说，我写。")
        assert await page.locator("html").get_attribute("lang") == "zh-CN"
        await type_in(page, "/help")
        await read_answer(page)
        await expect(page.locator(".ask")).to_have_count(0)
        await expect(page.locator(".entry")).to_have_count(1)
        await type_in(page, "/transcribe")
        await read_answer(page)
        buttons = page.locator(".buttons .chip")
        await expect(buttons).to_have_text(["提问", *[*ROW][:-1], "更正"])
        tops = await buttons.evaluate_all("all => all.map((one) => one.offsetTop)")
        assert len(set(tops)) <= 4
        await buttons.nth(3).click()
        await expect(page.locator(".entry").last).to_contain_text("You pressed t-Listen.")
        await page.locator(".ask").first.click()
        await expect(page.locator("#about")).to_contain_text("关于：")
        await choose_file(page, CANOE)
        await type_in(page, "x" * 400)
        await read_answer(page)
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
