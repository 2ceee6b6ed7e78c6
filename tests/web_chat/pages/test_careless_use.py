"""The page under careless and impatient use: nothing is lost, sent twice or left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, WebSocket, expect

from tests.support.browser_pages import read_answer, type_in, wait_for
from tests.support.paths import SPEECH
from tests.support.web_inbox import FakeInbox

CANOE = (SPEECH / "sb_example1.wav").read_bytes()
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


def make_files(folder: Path, *names: str) -> list[Path]:
    files = [folder / name for name in names]
    for file in files:
        file.write_bytes(CANOE)
    return files


def list_sent(inbox: FakeInbox) -> list[str]:
    """Return the names of the files that arrived."""
    found = (job.message.attachment for job in inbox.jobs.values())
    return [one.name for one in found if one]


@asynccontextmanager
async def hold_uploads(page: Page) -> AsyncIterator[None]:
    """Let no file arrive before the end; texts do."""
    may_arrive = asyncio.Event()

    async def hold(route: Route) -> None:
        if b'name="file"' in (route.request.post_data_buffer or b""):
            await may_arrive.wait()
        await route.continue_()

    await page.route("**/api/messages*", hold)
    yield
    may_arrive.set()


@pytest.mark.finding(22)
async def test_an_upload_that_waits_for_its_turn_is_cancelled_at_once(
    page: Page, inbox: FakeInbox, tmp_path: Path
) -> None:
    async with hold_uploads(page):
        await page.locator("#file").set_input_files(make_files(tmp_path, "a.wav", "b.wav", "c.wav"))
        await page.locator(".entry", has_text="b.wav").get_by_role("button", name="Cancel").click()
        await expect(page.locator(".mine .name")).to_have_text(["a.wav", "c.wav"], timeout=5000)
    await read_answer(page)
    assert list_sent(inbox) == ["a.wav", "c.wav"]


@pytest.mark.finding(23)
async def test_a_file_that_cannot_be_read_is_named_and_can_be_taken_away(
    page: Page, inbox: FakeInbox, tmp_path: Path
) -> None:
    files = make_files(tmp_path, "a.wav", "gone.wav", "c.wav")
    async with hold_uploads(page):
        await page.locator("#file").set_input_files(files)
        await expect(page.locator(".entry")).to_have_count(3)
        files[1].unlink()
    await expect(page.locator(".meta .error")).to_contain_text("“gone.wav” cannot be read.")
    await read_answer(page, 1)
    await page.locator(".meta").get_by_role("button", name="Cancel").click()
    await expect(page.locator(".mine .name")).to_have_text(["a.wav", "c.wav"])
    assert list_sent(inbox) == ["a.wav", "c.wav"]


@pytest.mark.finding(23)
async def test_each_file_that_is_refused_at_once_is_named(page: Page, tmp_path: Path) -> None:
    files = make_files(tmp_path, "a.wav", "b.wav", "c.wav")
    files[0].write_bytes(b"")
    with files[1].open("wb") as file:
        file.truncate(128_000_001)
    await page.locator("#file").set_input_files(files)
    await expect(page.locator("#notice")).to_contain_text("“a.wav” is empty. “b.wav” is too large:")
    await expect(page.locator(".mine .name")).to_have_text(["c.wav"])


async def test_pasted_words_with_a_picture_of_them_are_words(page: Page) -> None:
    """Office programs put both on the clipboard."""
    is_left_to_browser = await page.locator("#box").evaluate(
        """(box) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", "42");
          clipboardData.setData("text/html", "<table><td>42</table>");
          clipboardData.items.add(new File(["x"], "image.png", { type: "image/png" }));
          const options = { clipboardData, bubbles: true, cancelable: true };
          return box.dispatchEvent(new ClipboardEvent("paste", options));
        }"""
    )
    assert is_left_to_browser
    await expect(page.locator(".entry")).to_have_count(0)


WATCH_MICROPHONE = """() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  window.tracks = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    tracks.push(...stream.getTracks());
    return stream;
  };
}"""


async def test_a_double_click_on_record_opens_one_microphone(page: Page) -> None:
    await page.evaluate(WATCH_MICROPHONE)
    await page.locator("#hint-record").dblclick()
    await expect(page.locator("#recording")).to_be_visible()
    await page.locator("#finish").dblclick()
    await expect(page.locator(".entry")).to_have_count(1)
    await wait_for(page, "tracks.every(({ readyState }) => readyState === 'ended')")
    assert await page.evaluate("tracks.length") == 1


async def test_what_was_recorded_is_sent_if_the_microphone_is_unplugged(page: Page) -> None:
    await page.evaluate(WATCH_MICROPHONE)
    await page.locator("#record").click()
    await expect(page.locator("#clock")).to_have_text("0:01")
    await page.evaluate("tracks.forEach((track) => track.stop())")
    await expect(page.locator("#clock")).to_have_text("0:02")
    await page.locator("#finish").click()
    await expect(page.locator(".entry")).to_have_count(1, timeout=5000)
    await expect(page.locator("#composer")).to_be_visible()


@pytest.mark.finding(21)
async def test_what_was_deleted_elsewhere_leaves_the_page(page: Page, inbox: FakeInbox) -> None:
    for words in ("one", "two"):
        await type_in(page, words)
        await read_answer(page)
    # What /forget me does, or another tab.
    inbox.jobs.clear()
    # Not `type_in`: there may be three entries for too short a time to be counted.
    await page.locator("#box").fill("three")
    await page.keyboard.press("Enter")
    await expect(page.locator(".typed")).to_have_text(["three"], timeout=10_000)


async def test_a_deleted_chat_takes_its_uploads_and_its_connection_with_it(
    page: Page, inbox: FakeInbox, tmp_path: Path
) -> None:
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    await page.reload()
    await type_in(page, "one")
    await read_answer(page)
    async with hold_uploads(page):
        await page.locator("#file").set_input_files(make_files(tmp_path, "a.wav", "b.wav"))
        await expect(page.locator(".entry")).to_have_count(3)
        await page.locator("#forget").click()
        await page.locator("#sure").get_by_role("button", name="Delete").click()
        await expect(page.locator("#empty")).to_be_visible()
    await type_in(page, "two")
    await read_answer(page)
    assert [socket.is_closed() for socket in sockets[-2:]] == [True, False]
    assert list_sent(inbox) == []


async def test_a_long_draft_is_kept_whole_and_one_too_long_is_not_cut(page: Page) -> None:
    await type_in(page, "one")
    draft = "A long thought. " * 1000
    box = page.locator("#box")
    await box.fill(draft)
    await page.locator("#new-chat").click()
    await expect(box).to_have_value("")
    await page.go_back()
    await expect(box).to_have_value(draft)
    await box.fill(draft * 2)
    await box.press("Enter")
    await expect(page.locator("#notice")).to_contain_text("too long: the limit is 20,000")
    await expect(box).to_have_value(draft * 2)
    await expect(page.locator(".entry")).to_have_count(1)


async def test_words_are_marked_where_the_browser_refuses_to_copy(
    page: Page, tmp_path: Path
) -> None:
    await page.locator("#file").set_input_files(make_files(tmp_path, "a.wav"))
    await read_answer(page)
    await page.evaluate(
        """() => {
          const refusal = new DOMException("", "NotAllowedError");
          navigator.clipboard.writeText = () => Promise.reject(refusal);
        }"""
    )
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    assert "stale smell" in await page.evaluate("String(getSelection())")


async def test_enter_that_ends_an_input_method_sends_nothing(page: Page) -> None:
    """Safari's event comes after the end of the composition, with the key code of one."""
    await page.locator("#box").fill("ni hao")
    await page.locator("#box").evaluate(
        """(box) => {
          const options = { key: "Enter", keyCode: 229, bubbles: true, cancelable: true };
          box.dispatchEvent(new KeyboardEvent("keydown", options));
        }"""
    )
    await expect(page.locator("#box")).to_have_value("ni hao")
    await expect(page.locator(".entry")).to_have_count(0)


async def test_the_list_of_chats_stays_under_the_pointer(page: Page) -> None:
    await type_in(page, "one")
    await read_answer(page)
    await expect(page.locator("#chats a")).to_have_text(["one"])
    row = await page.locator("#chats li").element_handle()
    assert row
    async with page.expect_response("**/api/chats"):
        await type_in(page, "two")
    await read_answer(page)
    assert await row.evaluate("(row) => row.isConnected")


async def test_words_written_from_right_to_left_end_on_the_left(page: Page) -> None:
    await type_in(page, "שלום.")
    places = await page.locator(".typed").evaluate(
        """({ firstChild: words }) => [0, words.length - 1].map((at) => {
          const range = document.createRange();
          range.setStart(words, at);
          range.setEnd(words, at + 1);
          return range.getBoundingClientRect().left;
        })"""
    )
    assert places[1] < places[0]


async def test_the_beginning_of_a_message_ends_between_two_characters(page: Page) -> None:
    beginning = await page.evaluate(
        """async () => {
          const { beginningOf } = await import("/static/entry.js");
          return beginningOf({ text: "a".repeat(59) + "😀😀😀" });
        }"""
    )
    assert beginning == "a" * 59 + "😀 …"


async def test_leaving_in_the_middle_of_a_fix_is_asked_about(page: Page) -> None:
    leaves = """() => {
      const leaving = new Event("beforeunload", { cancelable: true });
      return dispatchEvent(leaving);
    }"""
    assert await page.evaluate(leaves)
    await page.evaluate(
        """async () => {
          const { editInPlace } = await import("/static/fix.js");
          const card = document.createElement("section");
          conversation.append(card);
          editInPlace(card, "words", () => {});
        }"""
    )
    assert await page.evaluate(leaves)
    await page.locator(".fix-box").fill("other words")
    assert not await page.evaluate(leaves)
