"""Takes the screenshots for the documentation from the running program: `make pictures`."""

from __future__ import annotations

import asyncio
import html
import os
import random
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, StorageState, ViewportSize

from core.models import JobState
from core.store import Store
from tests.emulators.telegram import Message, TelegramServer
from tests.support import audio_samples
from tests.support.browser_pages import open_browser
from tests.support.paths import ROOT, SPEECH
from tests.support.picture_engine import PictureEngine
from tests.support.web_operator import PASSWORD, add_job, move_back, open_operator_page

DOCS = ROOT / "docs"
RECORDINGS = ("austen-0870.wav", "sb_example1.wav")
#: What the browser's microphone records.
RECORDED = "sr_english.wav"
WIDE = ViewportSize(width=1080, height=640)
NARROW = ViewportSize(width=390, height=760)

STYLE = """
body { margin: 0; padding: 24px; background: #cfe0d4; font: 15px/1.4 sans-serif; color: #111; }
.message { max-width: 430px; margin: 0 0 10px; padding: 9px 13px; border-radius: 14px;
           background: #fff; box-shadow: 0 1px 1px #0002; width: fit-content;
           white-space: pre-wrap; }
.message.mine { margin-left: auto; background: #e3fbd0; }
.reply { border-left: 3px solid #3a8f5c; padding-left: 8px; color: #3a8f5c; font-size: 13px; }
blockquote { margin: 4px 0; padding: 5px 10px; border-left: 3px solid #4b8bd0;
             background: #eaf2fb; border-radius: 6px; }
.wave { color: #3a8f5c; letter-spacing: 1px; }
"""


async def shoot_page(browser: Browser, url: str) -> None:
    """Use the web chat as people do, and take a screenshot of each main feature."""
    page = await browser.new_page(viewport=WIDE)
    await page.goto(url)
    await page.locator("#box").fill("/say Good morning.")
    await page.keyboard.press("Enter")
    await page.locator(".spoken").wait_for()
    await page.locator("#new-chat").click()
    await send(page, "sb_example1.wav", "canoe.wav")
    await page.locator("#new-chat").click()
    await send(page, "jfk.flac", "jfk.flac")
    await page.locator(".moment").nth(2).wait_for()
    await page.locator(".moment").nth(2).click()
    await page.locator("#record").click()
    await page.wait_for_timeout(3000)
    await shoot(page, "page")
    await page.keyboard.press("Escape")
    await shoot_questions(page)
    await send(page, "austen-0870.wav", "austen.wav")
    await page.locator("#summary").click()
    await page.locator(".words a").first.wait_for()
    await shoot(page, "summary")
    await shoot_speech(page)
    state = await page.context.storage_state()
    await page.close()
    await shoot_phone(browser, url, state)


async def shoot_questions(page: Page) -> None:
    for question in ("What may I ask?", "And to whom is that said?"):
        await page.locator("#box").fill(question)
        await page.keyboard.press("Enter")
        await page.locator(".typed", has_text=question).wait_for()
        await page.locator('.entry:last-child .answer[aria-busy="false"] .words').wait_for()
    await page.locator("#box").press_sequentially("When was")
    await shoot(page, "ask")
    await page.locator("#box").fill("")


async def send(page: Page, name: str, shown: str) -> None:
    """Send a recording under a shorter name and wait for its transcript."""
    data = (SPEECH / name).read_bytes()
    await page.set_input_files("#file", {"name": shown, "mimeType": "audio/wav", "buffer": data})
    entry = page.locator(".entry", has_text=shown)
    await entry.locator(".transcript").wait_for()


async def shoot_speech(page: Page) -> None:
    await page.locator("#new-chat").click()
    await page.locator("#speak").click()
    await page.locator("#speak-voice option", has_text="British").wait_for(state="attached")
    await page.locator("#speak-voice").select_option("British")
    await page.locator("#box").fill("Good morning, and welcome back. All of this was said aloud.")
    await page.keyboard.press("Enter")
    await page.locator(".spoken").wait_for()
    await page.wait_for_timeout(700)
    await shoot(page, "say")
    await page.locator("#open-settings").click()
    await page.locator("#set-replies").select_option("auto")
    await page.locator("#settings-said", has_text="voice replies").wait_for()
    await shoot(page, "settings")


async def shoot_phone(browser: Browser, url: str, state: StorageState) -> None:
    """Take two screenshots at the size of a phone: dark mode, and the list of chats."""
    looks: dict[str, Literal["light", "dark"]] = {"phone": "light", "dark": "dark"}
    for name, scheme in looks.items():
        context = await browser.new_context(
            viewport=NARROW, has_touch=True, color_scheme=scheme, storage_state=state
        )
        page = await context.new_page()
        await page.goto(url)
        await page.locator("#open-side").tap()
        await page.locator("#chats a", has_text="jfk.flac").tap()
        await page.locator(".moment").nth(4).wait_for()
        if name == "phone":
            await page.locator("#open-side").tap()
        else:
            await page.locator(".entry").first.scroll_into_view_if_needed()
        await shoot(page, name)
        await context.close()


async def shoot(page: Page, name: str) -> None:
    await page.wait_for_timeout(500)
    await page.screenshot(path=DOCS / f"{name}.png")


async def shoot_chat(browser: Browser, telegram: TelegramServer) -> None:
    ada = telegram.add_user("Ada")
    telegram.send_command(ada, ada, "/start")
    await telegram.wait_for(lambda: telegram.replies(ada), 30)
    shown = [bubble("/start", is_mine=True), *map(show, telegram.replies(ada))]
    for name in RECORDINGS:
        sound = audio_samples.encode(
            audio_samples.decode(audio_samples.recording(name)), "ogg", "libopus", rate=48_000
        )
        note = telegram.send_voice(ada, ada, sound, duration=3)
        await telegram.wait_for(partial(telegram.replies_to, ada, note), 30)
        shown.append(bubble('▶ <span class="wave">▁▃▅▂▇▅▃▂▅▇▃▁▂▅▃</span> 0:03', is_mine=True))
        shown += map(show, telegram.replies_to(ada, note))
    page_html = f"<meta charset=utf-8><style>{STYLE}</style>" + "".join(shown)
    page = await browser.new_page(viewport={"width": 640, "height": 300})
    await page.set_content(page_html)
    await page.screenshot(path=DOCS / "chat.png", full_page=True)


async def shoot_operator(home: Path) -> None:
    async with open_operator_page(home) as desk, open_browser(SPEECH / RECORDINGS[0]) as browser:
        await live_a_day(desk.store)
        page = await browser.new_page(viewport={"width": 1100, "height": 760})
        await page.goto(f"{desk.web.url}/operator/login")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("#jobs-chart svg").wait_for()
        await page.wait_for_timeout(400)
        await page.screenshot(path=DOCS / "operator.png")


async def live_a_day(store: Store) -> None:
    """Add jobs that ended in each hour of a day, two of them as dead letters."""
    chance = random.Random(4)
    for hours in range(24):
        for _ in range(chance.randint(1, 4 + abs(hours - 10))):
            state = JobState.REFUSED if chance.random() < 0.06 else JobState.DONE
            job_id = await add_job(store, state)
            await move_back(store, job_id, hours, chance.lognormvariate(1.2, 0.6))
    for command, platform in (("summary", "telegram"), ("transcribe", "discord")):
        error = "EngineBusy: 503 from the service"
        job_id = await add_job(store, JobState.DEAD, error, platform, command)
        await move_back(store, job_id, 3, 60.0)


def show(message: Message) -> str:
    """Return a message of the bot as HTML, with its block quote."""
    before, quote, reply = message.text, "", ""
    for entity in message.entities:
        if "blockquote" in entity["type"]:
            before, quote = before[: entity["offset"]].rstrip(), before[entity["offset"] :]
            quote = f"<blockquote>{html.escape(quote)}</blockquote>"
            reply = '<div class="reply">Voice message</div>'
    return bubble(reply + html.escape(before) + quote, is_mine=False)


def bubble(inner: str, *, is_mine: bool) -> str:
    return f'<div class="message{" mine" if is_mine else ""}">{inner}</div>'


async def main() -> None:
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        async with TelegramServer() as telegram, PictureEngine() as engine:
            environment = {
                "PATH": os.environ["PATH"], "HEARSAY_HOME": home, "WEB_PORT": "0",
                "OPENAI_BASE_URL": engine.base_url, "SYNTHESIZER": "offline",
                "TELEGRAM_BOT_TOKEN": telegram.token,
                "TELEGRAM_API_BASE_URL": telegram.api_base_url,
                "TELEGRAM_FILE_BASE_URL": telegram.file_base_url,
            }  # fmt: skip
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bots", "run",
                cwd=home, stdout=asyncio.subprocess.PIPE, env=environment,
            )  # fmt: skip
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().split()[-1]
            try:
                async with open_browser(SPEECH / RECORDED) as browser:
                    await shoot_chat(browser, telegram)
                    await shoot_page(browser, url)
            finally:
                process.terminate()
                await process.wait()
    with tempfile.TemporaryDirectory() as home:
        await shoot_operator(Path(home))


if __name__ == "__main__":
    asyncio.run(main())
