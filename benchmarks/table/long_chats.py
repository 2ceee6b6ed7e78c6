"""Time until the page's list of 1,000 chats and a chat of 5,000 entries are drawn.

    python -m benchmarks long_chats

`hearsay run` is a process, and the page is open in a browser. Counted are the request, the work of
the page and the next frame: of the list after the page was loaded, of a chat after a click in the
list, and of older entries after each of the 99 times that people scroll up to the first one. For
comparison, round by round in the same run, a person with two chats of five entries."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from playwright.async_api import Browser
from sqlalchemy import create_engine

from benchmarks.support.processes import median
from benchmarks.support.rows import Figures, Row
from bots.web_chat.queries import HISTORY_LIMIT
from bots.web_chat.session import COOKIE
from core.models import Chat, Message, Reply
from core.store.database.encryption import make_cipher, set_cipher
from core.store.database.queries import chat_row
from core.store.database.tables import jobs, messages
from tests.support.browser_pages import CHROMIUM, open_browser
from tests.support.clean_start import make_database
from tests.support.web_program import run_program

SPEECH = Path(__file__).parents[2] / "tests" / "data" / "speech" / "sb_example1.wav"
CHATS, ENTRIES, OTHER_ENTRIES, ROUNDS, TARGET_MS = 1000, 5000, 5, 5, 200
#: The keys of two browsers: one has many chats, the other has few.
MANY, FEW = "m" * 43, "f" * 43
LONG = "long"
LIST, CHAT = f"page, list of {CHATS:,} chats", f"page, chat of {ENTRIES:,} entries"
OLDEST = "page, oldest entries of that chat"
NEEDS_CHROMIUM = "needs Chromium"
NOW = datetime.now(UTC)
#: The milliseconds since `began` when what `isThere` waits for is drawn.
DRAWN = """
window.drawn = (began, isThere) => new Promise((done) => {
  const look = () => {
    // The task after a frame begins when the frame is drawn.
    if (isThere()) requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    else requestAnimationFrame(look);
  };
  look();
});
"""
LISTED = """async () => {
  const end = await drawn(0, () => document.querySelectorAll("#chats li").length > 1);
  const isList = ({ name }) => name.includes("/api/chats");
  return end - performance.getEntriesByType("resource").find(isList).startTime;
}"""
OPENED = """() => {
  const began = performance.now();
  document.querySelector('#chats [data-name="long"]').click();
  return drawn(began, () => document.querySelector("#conversation .typed"));
}"""
OLDER = """() => {
  const count = () => document.querySelectorAll(".log").length;
  const [before, began] = [count(), performance.now()];
  document.getElementById("scroll").scrollTop = 0;
  return drawn(began, () => count() > before);
}"""


class Filling:
    """Writes chats into a database."""

    def __init__(self, home: Path) -> None:
        self._engine = create_engine(make_database(home))
        set_cipher(self._engine.dialect, make_cipher(None, home))
        self._seq = 0

    def add(self, key: str, name: str, entries: int, age: timedelta) -> None:
        """Add a chat of the browser with this key, whose last entry is so old."""
        person_id = hashlib.sha256(key.encode()).hexdigest()[:32]
        chat, end = Chat("web", "local", f"{person_id}-{name}"), NOW - age
        times = [end - timedelta(minutes=entries - number) for number in range(entries)]
        with self._engine.begin() as connection:
            chat_pk = chat_row(connection, chat).chat_pk
            rows = [self._build(chat, chat_pk, at) for at in times]
            connection.execute(messages.insert(), [message for message, _ in rows])
            connection.execute(jobs.insert(), [job for _, job in rows])

    def close(self) -> None:
        self._engine.dispose()

    def _build(
        self, chat: Chat, chat_pk: int, at: datetime
    ) -> tuple[dict[str, object], dict[str, object]]:
        """Return a question and its job, whose answer has one to eight sentences."""
        self._seq += 1
        keys = {"message_pk": self._seq, "chat_pk": chat_pk}
        text = f"What do we know about number {self._seq}?"
        content = Message(chat, f"note-{self._seq:08}", at, "1", "", text, command="ask")
        message = {"message_id": content.message_id, "edit_id": "", "content": content}
        job = {"seq": self._seq, "job_id": f"{self._seq:010}", "command": "ask", "error": ""}
        job |= {"state": "done", "outcome": "done", "attempts": 0, "crashes": 0}
        job |= {"created_at": at, "run_at": at, "finished_at": at}
        reply = Reply("A birch canoe slid on the smooth planks. " * (1 + self._seq % 8))
        return {**keys, **message, "received_at": at}, {**keys, **job, "reply": reply}


async def measure(browser: Browser, url: str, key: str, scrolls: int) -> list[float]:
    """Return the milliseconds of the list, of a chat, and of older entries each time."""
    context = await browser.new_context()
    await context.add_cookies([{"name": COOKIE, "value": key, "url": url}])
    page = await context.new_page()
    await page.add_init_script(DRAWN)
    await page.goto(url)
    took_ms = [await page.evaluate(script) for script in (LISTED, OPENED, *[OLDER] * scrolls)]
    await context.close()
    return took_ms


def fill(home: Path) -> None:
    with closing(Filling(home)) as filling:
        _fill(filling)


def _fill(filling: Filling) -> None:
    for number in range(CHATS - 1):
        filling.add(MANY, f"c{number}", OTHER_ENTRIES, timedelta(hours=1 + number))
    filling.add(MANY, LONG, ENTRIES, timedelta(0))
    filling.add(FEW, "other", OTHER_ENTRIES, timedelta(hours=1))
    filling.add(FEW, LONG, OTHER_ENTRIES, timedelta(0))


async def measure_all() -> dict[str, Figures]:
    """Return the milliseconds of each part, with many chats and with few."""
    many, few = [], []
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        async with run_program(Path(folder)) as (_, url), open_browser(SPEECH) as browser:
            for number in range(ROUNDS):
                scrolls = 0 if number else ENTRIES // HISTORY_LIMIT - 1
                many.append(await measure(browser, url, MANY, scrolls))
                few.append(await measure(browser, url, FEW, 0))
    older_ms = many[0][2:]
    return {
        LIST: Figures(*(median([one[0] for one in side]) for side in (many, few))),
        CHAT: Figures(*(median([one[1] for one in side]) for side in (many, few))),
        OLDEST: Figures(median(older_ms[-20:]), median(older_ms[:20])),
    }


@cache
def measure_once() -> dict[str, Figures]:
    if not any(map(shutil.which, CHROMIUM)):
        nothing = Figures(NEEDS_CHROMIUM, NEEDS_CHROMIUM)
        return dict.fromkeys((LIST, CHAT, OLDEST), nothing)
    return asyncio.run(measure_all())


def read(part: str) -> Callable[[], Figures]:
    return lambda: measure_once()[part]


ROWS = (
    Row(LIST, "ms", "two chats", TARGET_MS, read(LIST)),
    Row(CHAT, "ms", "five entries", TARGET_MS, read(CHAT)),
    Row(OLDEST, "ms", "its newest ones", TARGET_MS, read(OLDEST)),
)
