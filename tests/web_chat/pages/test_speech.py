"""Speech in a real browser: played while streamed, then from its player."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.browser_pages import open_page, read_answer, type_in, wait_for
from tests.support.web_speech import RATE_HZ, SpeechInbox

#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def inbox() -> SpeechInbox:
    return SpeechInbox()


class Piece(NamedTuple):
    """A piece of the page's audio in seconds: start, length, time of arrival."""

    begin_s: float
    length_s: float
    rate_hz: int
    came_s: float


async def read_pieces(page: Page) -> list[Piece]:
    pieces = [Piece(*piece) for piece in await page.evaluate("window.pieces")]
    assert {piece.rate_hz for piece in pieces} <= {RATE_HZ}
    return pieces


def is_joined(before: Piece, after: Piece) -> bool:
    """Return whether a piece starts where the last one ends, unless it arrived too late."""
    end_s = before.begin_s + before.length_s
    if after.came_s > end_s:
        return after.begin_s > after.came_s
    return after.begin_s == pytest.approx(end_s, abs=1e-6)


def synthesis(page: Page) -> Locator:
    return page.locator(".speaking")


async def position_of(page: Page) -> float:
    return float(await page.locator(".spoken .player input").last.input_value())


async def test_audio_plays_while_streamed_then_from_the_file(
    page: Page, inbox: SpeechInbox
) -> None:
    # Long enough to be looked at while it is heard, on a slow machine too.
    inbox.seconds = 8.0
    inbox.may_finish.clear()
    await type_in(page, "/say good morning")
    await expect(synthesis(page)).to_contain_text("Playing …")
    await expect(page.locator(".player")).to_have_count(0)
    inbox.may_finish.set()
    await expect(page.locator(".spoken .player")).to_be_visible()
    await expect(synthesis(page)).to_have_count(0)
    # What is still to be heard goes on, and the player shows how far it is.
    place = "document.querySelector('.spoken .player input').value"
    await wait_for(page, f"+{place} > {await position_of(page)}")
    await page.get_by_role("button", name="Pause").click()
    reached = await position_of(page)
    assert 0 < reached < 900
    await expect(page.locator(".spoken .clock")).not_to_have_text("0:08")
    await page.get_by_role("button", name="Play").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    [at_s] = await page.evaluate("players.map((p) => p.currentTime)")
    assert at_s == pytest.approx(reached * inbox.seconds / 1000, abs=0.5)
    await page.locator(".spoken .player input").fill("900")
    await expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert await page.evaluate("players[0].ended")


async def test_retry_plays_nothing_twice(page: Page, inbox: SpeechInbox) -> None:
    inbox.seconds, inbox.breaks = 1.5, 2
    await type_in(page, "/say good morning")
    await expect(page.locator(".spoken .player")).to_be_visible()
    pieces = await read_pieces(page)
    assert sum(piece.length_s for piece in pieces) == pytest.approx(inbox.seconds)
    assert all(is_joined(before, after) for before, after in pairwise(pieces))
    await expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert await page.evaluate("[...contexts].every((c) => c.currentTime > 1.4)")
    assert await page.evaluate("players.length") == 0


async def test_playback_ends_on_failure_or_stop(page: Page, inbox: SpeechInbox) -> None:
    # Much more than is heard until the failure comes, on a slow machine too.
    inbox.seconds = 12.0
    inbox.may_finish.clear()
    await type_in(page, "/stumble here")
    await expect(synthesis(page)).to_be_visible()
    inbox.may_finish.set()
    await expect(page.locator(".answer")).to_contain_text("Something went wrong")
    await wait_for(page, "[...contexts].every((c) => c.state === 'suspended')")
    assert await page.evaluate("[...contexts][0].currentTime < 11.5")
    inbox.may_finish.clear()
    await type_in(page, "/say good morning")
    await page.get_by_role("button", name="Stop").click()
    await expect(synthesis(page)).to_have_count(0)
    count = len(await read_pieces(page))
    inbox.may_finish.set()
    await expect(page.locator(".spoken .player")).to_be_visible()
    assert len(await read_pieces(page)) == count, "what comes later is not played"
    await expect(page.get_by_role("button", name="Play")).to_be_visible()


async def test_only_the_page_that_asked_plays(page: Page, url: str, inbox: SpeechInbox) -> None:
    inbox.seconds = 0.5
    other = await page.context.new_page()
    await other.goto(url)
    await other.locator("#box").click()
    await type_in(page, "/say good morning")
    await expect(other.locator(".spoken .player")).to_be_visible()
    await expect(page.locator(".spoken .player")).to_be_visible()
    assert await read_pieces(page)
    assert not await read_pieces(other)
    await other.close()


async def test_takes_play_one_at_a_time_and_many_voices_fit(browser: Browser, url: str) -> None:
    async with open_page(browser, url, has_touch=True) as page:
        await type_in(page, "/takes")
        await expect(page.locator(".spoken .name")).to_have_text(["A", "B", "C"])
        await page.locator(".spoken .player button").nth(0).click()
        await page.locator(".spoken .player button").nth(1).click()
        await expect(page.get_by_role("button", name="Pause")).to_have_count(1)
        async with page.expect_download() as download:
            await page.locator(".spoken a").nth(2).click()
        assert (await download.value).suggested_filename == "C.ogg"
        await type_in(page, "/voice")
        await read_answer(page)
        await page.reload()
        await expect(page.locator(".spoken .player")).to_have_count(3)
        chips = page.locator(".many .chip")
        await expect(chips).to_have_count(14)
        for width in (320, 390, 900):
            await page.set_viewport_size({"width": width, "height": 700})
            assert await page.evaluate("document.documentElement.scrollWidth") == width
            # All in one look: the page may draw in between.
            boxes = await chips.evaluate_all(
                "all => all.map(chip => chip.getBoundingClientRect().toJSON())"
            )
            assert all(box["height"] >= 38 and box["x"] + box["width"] <= width for box in boxes)
            columns = {round(box["x"]) for box in boxes}
            assert len(columns) >= (1 if width < 390 else 2)


async def test_voice_and_style_are_chosen(page: Page, inbox: SpeechInbox) -> None:
    await page.locator("#hint-say").click()
    await expect(page.locator("#box")).to_be_focused()
    await page.locator("#speak-voice").select_option("Mia")
    await page.locator("#speak-style").fill('warm, "slow"')
    await type_in(page, "hello")
    await read_answer(page)
    await expect(page.locator(".mine .facts")).to_have_text("Read aloud · Mia · warm, 'slow'")
    await expect(page.locator(".mine .typed")).to_have_text("hello")
    (job,) = inbox.jobs.values()
    said = job.message.command, job.message.text
    assert said == ("say", 'voice:"Mia" style:"warm, \'slow\'" hello')
    # The choice is there again, and can be left.
    await page.reload()
    await page.locator("#speak").click()
    await expect(page.locator("#speak-voice")).to_have_value("Mia")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Escape")
    await expect(page.locator("#speak-bar")).to_be_visible()
    await page.locator("#speak-style").press("Escape")
    await expect(page.locator("#speak-bar")).to_be_hidden()
