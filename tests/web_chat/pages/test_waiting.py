"""The page of the whole program while something takes long, is refused, or the server is away."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.chaos.notes import make_note
from tests.emulators.mimo import MimoServer
from tests.support.browser_pages import choose_file, open_page, read_answer, type_in
from tests.support.paths import SPEECH
from tests.support.web_program import run_program

PHONE, SMALL = ViewportSize(width=360, height=740), ViewportSize(width=320, height=640)
#: One browser for all, so they share one loop; it lives in other processes.
pytestmark = [pytest.mark.browser, pytest.mark.real_time, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mimo() -> AsyncIterator[MimoServer]:
    async with MimoServer() as mimo:
        yield mimo


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def program_url(
    tmp_path_factory: pytest.TempPathFactory, mimo: MimoServer
) -> AsyncIterator[str]:
    async with run_program(tmp_path_factory.mktemp("home"), **settings(mimo)) as (_, url):
        yield url


@pytest.fixture
def url(program_url: str) -> str:
    return program_url


@contextmanager
def hanging(mimo: MimoServer) -> Iterator[None]:
    """The service does not answer while the body runs."""
    mimo.rules.latency_s = 60.0
    try:
        yield
    finally:
        mimo.rules.latency_s = 0.0


def settings(mimo: MimoServer) -> dict[str, str]:
    return {"MIMO_API_KEY": mimo.key, "MIMO_BASE_URL": mimo.base_url, "TRANSCRIBER": "mimo"}


def note(folder: Path, number: int) -> Path:
    path = folder / f"note-{number}.ogg"
    path.write_bytes(make_note(number))
    return path


@asynccontextmanager
async def slow_line(url: str, bytes_per_s: int) -> AsyncIterator[str]:
    """Yield a second URL of the program, over a line that is slow towards it."""
    port = int(url.rpartition(":")[2])

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, wait_s: float) -> None:
        with suppress(OSError):
            while data := await source.read(16_384):
                sink.write(data)
                await sink.drain()
                await asyncio.sleep(wait_s * (len(data) > 4_000))  # the line's speed
        sink.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        wait_s = 16_384 / bytes_per_s
        await asyncio.gather(pump(reader, inner_writer, wait_s), pump(inner_reader, writer, 0.0))

    with socket.socket() as listener:
        # A large buffer would take the whole file at once.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        listener.bind(("127.0.0.1", 0))
        async with await asyncio.start_server(connect, sock=listener, limit=32_768) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.finding(22)
async def test_an_upload_shows_how_far_it_is_and_can_be_cancelled(
    browser: Browser, url: str, tmp_path: Path
) -> None:
    large, state = tmp_path / "large.wav", re.compile(r"[1-9]\d?% · [\d.]+ MB of 20 MB · about 0:")
    large.write_bytes((SPEECH / "sb_example1.wav").read_bytes() + bytes(20_000_000))
    async with slow_line(url, 2_000_000) as slow_url, open_page(browser, slow_url) as page:
        await choose_file(page, large)
        await expect(page.locator(".upload")).to_contain_text(state)
        await page.locator(".meta").get_by_role("button", name="Cancel").click()
        await expect(page.locator(".entry")).to_have_count(0)
        await page.reload()
        await expect(page.locator("#empty")).to_be_visible()


@pytest.mark.finding(22)
async def test_what_is_being_transcribed_can_be_cancelled(
    page: Page, mimo: MimoServer, tmp_path: Path
) -> None:
    await page.set_viewport_size(PHONE)
    for _ in range(2):
        await type_in(page, "/help")
    cancelled = page.locator(".entry", has_text="Cancelled.")
    with hanging(mimo):
        await choose_file(page, note(tmp_path, 1))
        await page.locator(".entry").last.locator(".chip.stop").click()
        assert "Cancelled." in await read_answer(page, 2)
        await expect(cancelled).to_be_in_viewport(ratio=1)
    await page.reload()
    assert await read_answer(page, 2) == "Cancelled."
    await expect(page.locator(".mine")).to_have_count(3)
    await expect(cancelled).to_be_in_viewport(ratio=1)
    with hanging(mimo):
        await choose_file(page, note(tmp_path, 2))
        await expect(page.locator(".entry").last.locator(".chip.stop")).to_be_attached()
        await type_in(page, "/cancel")
        assert await read_answer(page) == "1 request was cancelled."
    await page.reload()
    await expect(page.locator(".typed").last).to_have_text("/cancel")


@pytest.mark.finding(23)
async def test_fix_edits_the_text_in_its_place(page: Page, tmp_path: Path) -> None:
    await choose_file(page, note(tmp_path, 2))
    await expect(page.locator("blockquote")).to_contain_text("w2")
    before = await page.locator("blockquote").inner_text()
    fix = page.get_by_role("button", name="Fix")
    await fix.press("Enter")
    await page.keyboard.press("Escape")
    await expect(fix).to_be_focused()
    await fix.press("Enter")
    box = page.locator(".fix-box")
    await expect(box).to_be_focused()
    await expect(box).to_have_value(before)
    await box.fill(before.replace("w2", "Kowalski"))
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("blockquote")).to_have_text(before.replace("w2", "Kowalski"))
    # A word with a digit is changed in this transcript only.
    await expect(page.locator(".entry").last).to_contain_text("The transcript was changed.")
    await expect(fix).to_be_focused()
    await expect(page.locator(".mine")).to_have_count(1)  # no message is shown for it
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("blockquote")).to_have_text(before)


@pytest.mark.finding(23)
async def test_fix_takes_any_text_which_stays(page: Page, tmp_path: Path) -> None:
    await choose_file(page, note(tmp_path, 3))
    words = page.locator("blockquote")
    await expect(words).to_contain_text("w3")
    await page.get_by_role("button", name="Fix").click()
    box = page.locator(".fix-box")
    await box.fill(" ")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("cannot be empty")).to_be_visible()
    edited = "Not a word of it was right: I said that the zeppelin leaves at four o'clock!"
    await box.fill(edited)
    await box.press("Escape")
    await expect(box).to_have_value(edited)  # a key does not lose what was written
    await page.get_by_role("button", name="Save").click()
    await expect(words).to_have_text(edited)
    await expect(page.locator(".entry").last).to_contain_text("The transcript was changed.")
    await page.reload()
    await expect(words).to_have_text(edited)
    await expect(page.locator(".mine")).to_have_count(1)
    async with page.expect_download() as saved:
        await page.locator(".transcript").get_by_role("link", name="Save .srt").click()
    assert edited[:20] in (await (await saved.value).path()).read_text()
    await page.locator("#search").fill("zeppelin")
    await expect(page.locator("#found li")).to_have_count(1)
    await expect(page.locator("#found li")).to_contain_text("zeppelin")


@pytest.mark.finding(23)
async def test_reading_aloud_ends_with_one_message_and_a_refusal_is_a_hint(page: Page) -> None:
    speak = page.locator("#speak")
    await speak.click()
    await expect(speak).to_have_attribute("aria-pressed", "true")
    await type_in(page, "Good morning.")
    await expect(speak).to_have_attribute("aria-pressed", "false")
    await expect(page.locator("#speak-bar")).to_be_hidden()
    await read_answer(page)
    await type_in(page, "/cancel")
    await read_answer(page)
    answer = page.locator(".answer").last
    await expect(answer).to_have_text("There is nothing to cancel.")
    await expect(answer).to_have_class("answer hint-box")


@pytest.mark.finding(23)
async def test_what_was_sent_while_the_server_was_away_goes_when_it_is_back(
    browser: Browser, tmp_path: Path, mimo: MimoServer
) -> None:
    with pytest.raises(AssertionError, match="ERR_CONNECTION_REFUSED"):
        async with (
            run_program(tmp_path, **settings(mimo)) as (process, url),
            open_page(browser, url) as page,
        ):
            await expect(page.locator("#empty")).to_be_visible()
            process.terminate()
            await process.wait()
            for words in ("/mode", "/language"):
                await type_in(page, words)
            await expect(page.locator(".unsent")).to_have_count(2)
            await expect(page.locator(".error")).to_have_count(0)
            again = settings(mimo) | {"WEB_PORT": url.rpartition(":")[2]}
            async with run_program(tmp_path, **again):
                await expect(page.locator(".unsent")).to_have_count(0)
                await expect(page.locator('.answer[aria-busy="false"]')).to_have_count(2)
                await page.reload()
                await expect(page.locator(".typed")).to_have_text(["/mode", "/language"])


@pytest.mark.finding(23)
async def test_lengths_survive_a_reload(page: Page) -> None:
    await choose_file(page, SPEECH / "sb_example1.wav")
    await read_answer(page)
    facts = page.locator(".mine .facts")
    await expect(facts).to_contain_text("0:03")
    await page.reload()
    await expect(facts).to_contain_text("0:03")
    await expect(page.locator(".mine .clock")).to_have_text("0:03")


@pytest.mark.finding(23)
@pytest.mark.parametrize("locale", ["en", "ru", "zh-CN"])
async def test_the_page_fits_a_small_phone_in_its_own_words(
    browser: Browser, url: str, locale: str
) -> None:
    async with open_page(browser, url, locale=locale, viewport=SMALL) as page:
        for _ in range(2):
            await expect(page.locator("#box")).to_be_visible()
            needed, there = await page.evaluate(MEASURE)
            assert needed <= there, "the placeholder is shown whole"
            await page.locator("#speak").click()
        await page.locator("#speak").click()
        usual = await page.locator("#speak-voice option").first.inner_text()
        needed, there = await page.locator("#speak-voice").evaluate(MEASURE_CHOICE, usual)
        assert needed <= there, "the name of the voice is shown whole"
        await choose_file(page, SPEECH / "sb_example1.wav")
        await read_answer(page)
        assert not await page.locator(".transcript .head").evaluate(IS_TOO_WIDE)
        await page.locator("#open-side").click()
        await page.locator("#open-settings").click()
        assert await page.locator("#set-voice option").first.inner_text() == usual
        needed, there = await page.locator("#set-voice").evaluate(MEASURE_CHOICE, usual)
        assert needed <= there
        assert await page.locator("html").get_attribute("lang") == locale
        assert not await page.locator("#settings").evaluate(IS_TOO_WIDE)
        for name in ("page", "replies", "mode"):
            chosen = page.locator(f"#set-{name}")
            for words in await chosen.locator("option").all_inner_texts():
                needed, there = await chosen.evaluate(MEASURE_CHOICE, words)
                assert needed <= there, f"the choice {words} is shown whole"
        await page.keyboard.press("Escape")
        family = await page.evaluate("getComputedStyle(document.body).fontFamily")
        chinese = family.index("Noto Sans CJK SC")
        assert '"PingFang SC"' in family and '"Microsoft YaHei"' in family
        assert locale != "zh-CN" or chinese < family.index("sans-serif")


MEASURE = """() => {
  const style = getComputedStyle(box), pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const inside = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return [pen.measureText(box.placeholder).width, inside];
}"""


MEASURE_CHOICE = """(select, words) => {
  const style = getComputedStyle(select), pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const arrow = 24, inside = select.clientWidth - 2 * parseFloat(style.paddingLeft) - arrow;
  return [pen.measureText(words).width, inside];
}"""
IS_TOO_WIDE = "(element) => element.scrollWidth > element.clientWidth"


@pytest.mark.finding(23)
async def test_no_sentence_of_chat_apps_is_shown(page: Page) -> None:
    names = {
        one["name"] for one in await page.evaluate("fetch('/api/commands').then((r) => r.json())")
    }
    assert "say" in names and not names & {"digest", "auto", "remember"}
    commands = ("ask", "find invoice", "remember", "transcribe", "summary", "forget", "glossary")
    for typed in (*commands, "translate", "help", "start", "mode"):
        await type_in(page, f"/{typed}")
        shown = (await read_answer(page)).lower()
        assert not re.search(r"\breply to|forward|telegram|discord|/digest|/auto", shown), shown
