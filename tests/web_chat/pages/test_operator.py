"""The operator's view in a real browser: light and dark, wide and narrow, by keyboard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect
from pydantic import SecretStr

from core.config import Settings
from core.models import Account, Amount, JobState, Settlement
from tests.support.browser_pages import WAIT_MS, find_accessibility_problems, open_page
from tests.support.virtual_time import current_clock
from tests.support.web_inbox import FakeInbox, open_web
from tests.support.web_operator import (
    PASSWORD,
    OperatorPage,
    add_job,
    move_back,
    open_operator_page,
)

#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator_page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OperatorPage]:
    async with open_operator_page(tmp_path_factory.mktemp("home")) as operator_page:
        for hours in range(3):
            await move_back(
                operator_page.store, await add_job(operator_page.store, JobState.DONE), hours, 4.0
            )
        await add_job(operator_page.store)
        yield operator_page


@asynccontextmanager
async def open_view(
    browser: Browser, operator_page: OperatorPage, **options: Any
) -> AsyncIterator[Page]:
    """Log in by keyboard and wait until the view is filled."""
    context = await browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{operator_page.web.url}/operator")
    await expect(page.locator("#password")).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("main:not([aria-busy])")).to_be_visible()
    await expect(page.locator("#jobs-chart rect.done").first).to_be_visible()
    try:
        yield page
    finally:
        await context.close()
    assert not errors


async def look(page: Page) -> None:
    """Make the view poll at once, as when its tab becomes visible."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def test_budgets_are_shown_in_their_units(
    browser: Browser, operator_page: OperatorPage
) -> None:
    ledger, today = operator_page.store.budgets, current_clock().now().date()
    account, amount = Account("person", "telegram:70701001"), Amount(90_000, 250_000, 3)
    await ledger.reserve([account], amount, today)
    await ledger.release(Settlement((account,), today, amount, amount))
    async with open_view(browser, operator_page) as page:
        meters = page.locator("#budgets .meter")
        person = meters.filter(has_text=f"Person {await ledger.short_id(account)}, today")
        await expect(person).to_have_count(3)
        for number, shown in enumerate((r"1m\s30s of 3\s?h", r"\$0\.25", "3 requests")):
            await expect(person.nth(number)).to_contain_text(re.compile(shown))
        await expect(meters.filter(has_text="The whole bot, this month")).to_have_count(1)
        assert "70701001" not in await page.content()


async def test_a_late_answer_does_not_replace_the_list_that_was_chosen_since(
    browser: Browser, operator_page: OperatorPage
) -> None:
    may_answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await may_answer.wait()
        await route.continue_()

    async with open_view(browser, operator_page) as page:
        rows = page.locator("#jobs li")
        await page.route("**/api/jobs?show=open*", hold)
        async with page.expect_request("**/api/jobs?show=open*"):
            await look(page)
        async with page.expect_response("**/api/jobs?show=ended*"):
            await page.get_by_role("button", name="Ended").click()
        await expect(rows.filter(has_text="done").first).to_be_visible()
        async with page.expect_response("**/api/jobs?show=open*"):
            may_answer.set()
        await page.wait_for_timeout(300)  # what the view does with it, it has done
        await expect(rows.filter(has_text="done").first).to_be_visible(timeout=1000)


@pytest.mark.finding(24)
async def test_dead_letter_is_opened_and_retried(
    browser: Browser, operator_page: OperatorPage
) -> None:
    job_id = await add_job(operator_page.store, JobState.DEAD, "EngineBusy: no answer")
    async with open_view(browser, operator_page, viewport={"width": 1280, "height": 900}) as page:
        await expect(page.locator("#given")).to_have_text("1")
        await expect(page.locator("#spent .line", has_text="cached").first).to_be_visible()
        costs = page.locator("#spent .line", has_text=re.compile(r"about \$0\.000\d"))
        await expect(costs.first).to_be_visible()
        await expect(page.locator("#spent")).to_contain_text("outside China, October 2026")
        assert await find_accessibility_problems(page) == []
        row = page.locator("#dead li", has_text=job_id)
        await expect(row).to_contain_text("The service is overloaded or cannot be reached")
        await row.locator(".row").press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("heading")).to_contain_text(job_id)
        await expect(dialog).to_contain_text("Part 1: sent")
        await expect(dialog.locator(".facts")).to_contain_text("no answer")
        assert await find_accessibility_problems(page) == []
        await page.keyboard.press("Escape")
        await row.get_by_role("button", name="Retry").press("Enter")
        await expect(page.get_by_text(f"Job {job_id} is queued again.")).to_be_visible()
        await expect(row).to_have_count(0)
        await expect(page.locator("#h-dead")).to_be_focused()
        await expect(page.locator("#jobs li", has_text=job_id)).to_contain_text("waiting")
        await expect(page.locator("#given")).to_have_text("0")
        await lose_connection_and_login(page)
    found = await operator_page.store.jobs.find(job_id)
    assert found and found.state is JobState.WAITING


async def lose_connection_and_login(page: Page) -> None:
    await page.route("**/operator/api/**", lambda route: route.abort())
    await look(page)
    await expect(page.locator("#live")).to_contain_text("Connection lost")
    await page.unroute("**/operator/api/**")
    await look(page)
    await expect(page.locator("#live")).to_contain_text("Up")
    await page.context.clear_cookies()
    await look(page)
    await page.wait_for_url("**/operator/login", wait_until="load")
    await page.locator("#password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Wrong password.")
    assert await find_accessibility_problems(page) == []


#: How far the widest table stands out of its card.
OVERHANG_PX = """() => Math.max(...[...document.querySelectorAll(".card table")].map((table) =>
  table.getBoundingClientRect().right - table.closest(".card").getBoundingClientRect().right))"""


@pytest.mark.finding(24)
async def test_usage_is_read_whole(browser: Browser, operator_page: OperatorPage) -> None:
    async with open_view(browser, operator_page) as page:
        await expect(page.locator("td .line", has_text="reasoning").first).to_be_visible()
        assert await page.evaluate(OVERHANG_PX) < 0


@pytest.mark.finding(24)
async def test_warnings_are_read_in_words(browser: Browser, operator_page: OperatorPage) -> None:
    fields = {
        "id": "1",
        "at": "2026-05-04T12:00:00Z",
        "level": "critical",
        "error": "",
        "job_id": "",
    }
    conflict = {**fields, "event": "telegram_conflict"}
    busy = {**fields, "id": "2", "level": "warning", "event": "failed", "error": "EngineBusy"}
    async with open_view(browser, operator_page, locale="zh-CN") as page:
        await page.route(
            "**/api/problems", lambda route: route.fulfill(json={"problems": [conflict, busy]})
        )
        await look(page)
        rows = page.locator("#problems li")
        await expect(rows.first).to_contain_text(re.compile("错误.*Telegram conflict", re.DOTALL))
        await expect(rows.last).to_contain_text(re.compile("警告.*服务过载", re.DOTALL))


@pytest.mark.parametrize(
    ("locale", "dead", "leave"),
    [("zh-CN", "死信", "退出"), ("ru", "Невыполненные задания", "Выйти")],
)
async def test_view_fits_a_phone_in_dark_mode_and_other_languages(
    browser: Browser, operator_page: OperatorPage, locale: str, dead: str, leave: str
) -> None:
    await add_job(operator_page.store, JobState.DEAD, "PlatformBusy: " + "very long " * 20)
    narrow: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    async with open_view(browser, operator_page, **narrow, locale=locale) as page:
        await expect(page.locator("#h-dead")).to_have_text(dead)
        assert await page.locator("html").get_attribute("lang") == locale
        await page.locator("#jobs-chart summary").click()
        await expect(page.get_by_role("rowheader").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        assert await page.evaluate(OVERHANG_PX) < 0
        assert await find_accessibility_problems(page) == []
        await page.get_by_role("button", name=leave).click()
        await expect(page.locator("#password")).to_be_visible()


async def test_login_and_logout(browser: Browser, tmp_path: Path) -> None:
    settings = Settings(hearsay_home=tmp_path, web_port=0, web_password=SecretStr(PASSWORD))
    async with open_web(settings, FakeInbox()) as web, open_page(browser, web.url) as page:
        await page.locator("#password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        # Loaded with its scripts: before, nothing happens at a click.
        await page.wait_for_url(f"{web.url}/")
        await expect(page.locator("#box")).to_be_visible()
        await expect(page.locator("#link")).to_be_hidden()
        await page.locator("#open-settings").click()
        await page.get_by_role("button", name="Log out").click()
        await expect(page.locator("#password")).to_be_visible()
