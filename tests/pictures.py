"""Makes the pictures of the README from the real program: `python -m tests.pictures`."""

from __future__ import annotations

import asyncio
import html
import os
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

from core.models import JobState
from core.store import Store
from tests import sounds
from tests.emulators.telegram import Message, TelegramServer
from tests.web.desk import PASSWORD, add_job, move_back, open_desk
from tests.web.pages import open_browser

DOCS = Path(__file__).parents[1] / "docs"
SPEECH = Path(__file__).parent / "data" / "speech"
RECORDINGS = ("cards-001.wav", "sb_example1.wav")

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


async def shoot_page(url: str) -> None:
    async with open_browser(SPEECH / RECORDINGS[0]) as browser:
        page = await browser.new_page(viewport={"width": 860, "height": 560})
        await page.goto(url)
        for number, name in enumerate(RECORDINGS, 1):
            await page.set_input_files("input[type=file]", SPEECH / name)
            await page.get_by_text("Transcript").nth(number - 1).wait_for(timeout=30_000)
        await page.wait_for_timeout(400)
        await page.screenshot(path=DOCS / "page.png")


async def shoot_chat(telegram: TelegramServer) -> None:
    ada = telegram.add_user("Ada")
    telegram.send_command(ada, ada, "/start")
    await telegram.wait_for(lambda: telegram.answers(ada), 30)
    shown = [bubble("/start", is_mine=True), *map(show, telegram.answers(ada))]
    for name in RECORDINGS:
        sound = sounds.encode(sounds.decode(sounds.recording(name)), "ogg", "libopus", rate=48_000)
        note = telegram.send_voice(ada, ada, sound, duration=3)
        await telegram.wait_for(partial(telegram.answers_to, ada, note), 30)
        shown.append(bubble('▶ <span class="wave">▁▃▅▂▇▅▃▂▅▇▃▁▂▅▃</span> 0:03', is_mine=True))
        shown += map(show, telegram.answers_to(ada, note))
    page_html = f"<meta charset=utf-8><style>{STYLE}</style>" + "".join(shown)
    async with open_browser(SPEECH / RECORDINGS[0]) as browser:
        page = await browser.new_page(viewport={"width": 640, "height": 300})
        await page.set_content(page_html)
        await page.screenshot(path=DOCS / "chat.png", full_page=True)


async def shoot_operator(home: Path) -> None:
    async with open_desk(home) as desk, open_browser(SPEECH / RECORDINGS[0]) as browser:
        await live_a_day(desk.store)
        page = await browser.new_page(viewport={"width": 1100, "height": 760})
        await page.goto(f"{desk.web.url}/operator/login")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("#jobs-chart svg").wait_for()
        await page.wait_for_timeout(400)
        await page.screenshot(path=DOCS / "operator.png")


async def live_a_day(store: Store) -> None:
    """Let jobs end in each hour of a day, two of them as dead letters."""
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
    """Return a message of the bot as HTML, with the quote that it sent."""
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
        async with TelegramServer() as telegram:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bots", "run", cwd=home, stdout=asyncio.subprocess.PIPE,
                env={
                    "PATH": os.environ["PATH"], "HEARSAY_HOME": home, "WEB_PORT": "0",
                    "TELEGRAM_BOT_TOKEN": telegram.token,
                    "TELEGRAM_API_BASE_URL": telegram.api_base_url,
                    "TELEGRAM_FILE_BASE_URL": telegram.file_base_url,
                },
            )  # fmt: skip
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().split()[-1]
            await shoot_chat(telegram)
            await shoot_page(url)
            process.terminate()
            await process.wait()
    with tempfile.TemporaryDirectory() as home:
        await shoot_operator(Path(home))


if __name__ == "__main__":
    asyncio.run(main())
