"""The order of what is sent from the page: the same before and after a reload."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser_pages import type_in
from tests.support.paths import SPEECH
from tests.support.web_inbox import FakeInbox

#: The replies that are complete.
DONE = '.answer[aria-busy="false"]:not(:empty)'
CANOE = (SPEECH / "sb_example1.wav").read_bytes()
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [
    pytest.mark.finding(5),
    pytest.mark.browser,
    pytest.mark.real_time,
    pytest.mark.asyncio(loop_scope="session"),
]


async def read_order(page: Page) -> list[str]:
    """Return the name or the text of each entry, from the top."""
    return [one.strip() for one in await page.locator(".entry .mine").all_inner_texts()]


def sent_names(inbox: FakeInbox) -> list[str]:
    found = (job.message.attachment for job in inbox.jobs.values())
    return [one.name for one in found if one]


async def test_eight_files_chosen_at_once_keep_their_order(
    page: Page, inbox: FakeInbox, tmp_path: Path
) -> None:
    """The first ones are slow to arrive."""
    waits_s = iter((0.8, 0.4, 0.2))

    async def hold(route: Route) -> None:
        # Slower than the others: nothing else tells.
        await asyncio.sleep(next(waits_s, 0.0))
        await route.continue_()

    files = [tmp_path / f"{number}.wav" for number in range(8)]
    for file in files:
        file.write_bytes(CANOE)
    await page.route("**/api/messages*", hold)
    await page.locator("#file").set_input_files(files)
    await expect(page.locator(DONE)).to_have_count(8, timeout=20_000)
    await page.unroute_all()
    assert sent_names(inbox) == [file.name for file in files]
    before = await read_order(page)
    await page.reload()
    await expect(page.locator(DONE)).to_have_count(8, timeout=20_000)
    assert [one.partition("\n")[0] for one in await read_order(page)] == [
        one.partition("\n")[0] for one in before
    ]


async def test_commands_typed_without_a_pause_keep_their_order(
    page: Page, inbox: FakeInbox
) -> None:
    waits_s = iter((0.8, 0.4, 0.2))

    async def hold(route: Route) -> None:
        # Slower than the others: nothing else tells.
        await asyncio.sleep(next(waits_s, 0.0))
        await route.continue_()

    await page.route("**/api/messages*", hold)
    for number in range(6):
        await type_in(page, f"/say {number}")
    await expect(page.locator(DONE)).to_have_count(6, timeout=20_000)
    await page.unroute_all()
    assert [job.message.text for job in inbox.jobs.values()] == [*"012345"]


async def test_a_text_overtakes_an_upload_and_its_place_is_that_of_its_arrival(
    page: Page, inbox: FakeInbox, tmp_path: Path
) -> None:
    may_upload = asyncio.Event()

    async def hold(route: Route) -> None:
        if b"slow.wav" in (route.request.post_data_buffer or b""):
            await may_upload.wait()
        await route.continue_()

    slow = tmp_path / "slow.wav"
    slow.write_bytes(CANOE)
    await page.route("**/api/messages*", hold)
    await page.locator("#file").set_input_files(slow)
    await type_in(page, "/help")
    await expect(page.locator(DONE)).to_have_count(1, timeout=20_000)
    order = await read_order(page)
    assert "/help" in order[0] and "slow.wav" in order[1]
    may_upload.set()
    await expect(page.locator(DONE)).to_have_count(2, timeout=20_000)
    await page.unroute_all()
    await page.reload()
    await expect(page.locator(DONE)).to_have_count(2, timeout=20_000)
    order = await read_order(page)
    assert "/help" in order[0] and "slow.wav" in order[1]


async def test_a_file_chosen_right_after_a_text_comes_after_it(
    page: Page, inbox: FakeInbox, tmp_path: Path
) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(CANOE)

    async def hold(route: Route) -> None:
        if b'name="file"' not in (route.request.post_data_buffer or b""):
            # Slower than the file: nothing else tells.
            await asyncio.sleep(0.8)
        await route.continue_()

    await page.route("**/api/messages*", hold)
    await type_in(page, "/say 1")
    await page.locator("#file").set_input_files(file)
    await expect(page.locator(DONE)).to_have_count(2)
    await page.unroute_all()
    assert [job.message.text for job in inbox.jobs.values()] == ["1", ""]
