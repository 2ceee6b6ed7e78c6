"""The program between a virtual Telegram and a local MiMo, and actions of its users."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from core.models import OPEN_STATES, Chat, Job
from core.store import Store, make_cipher
from tests.acceptance.watch import LIMIT_BYTES, MemoryWatch
from tests.chaos.notes import make_note, read_number
from tests.chaos.running_program import RunningProgram
from tests.emulators.mimo import MimoServer, Rules
from tests.emulators.telegram import Message, TelegramServer

#: Secrets that must never appear. The key matches no pattern of secrets.
TELEGRAM_TOKEN = "700700700:CANARYtelegramTokenABCDEFGHIJKLMNOP"
MIMO_KEY = "canary mimo key 7f3a91"
STORE_KEY = "Q0FOQVJZLXNlY3JldC1rZXktb2YtdGhlLXN0b3JlISE="
SECRETS = (TELEGRAM_TOKEN, TELEGRAM_TOKEN.partition(":")[2], MIMO_KEY, STORE_KEY)
#: Part of every name, text and title.
CONTENT = "Zebrafink"

_numbers = count(1)


def make_telegram() -> TelegramServer:
    """Return a virtual Telegram that knows our token."""
    return TelegramServer(TELEGRAM_TOKEN)


def make_mimo() -> MimoServer:
    """Return a local MiMo that knows our key."""
    return MimoServer(Rules(key=MIMO_KEY))


class WatchedBot(RunningProgram):
    """The program with known secrets, debug logs and a watched data folder."""

    def __init__(
        self, home: Path, servers: tuple[TelegramServer, MimoServer], watch: MemoryWatch
    ) -> None:
        super().__init__(home / "hearsay", *servers)
        # The log is not a file of the program.
        self.log_path.unlink()
        self.log_path = home.parent / f"{home.name}.log"
        self.log_path.touch()
        self.temp = home / "tmp"
        self.temp.mkdir()
        self.watch = watch
        self.settings |= {
            "HOME": str(home),
            "TMPDIR": str(self.temp),
            "HEARSAY_SECRET_KEY": STORE_KEY,
            "LOG_LEVEL": "DEBUG",
        }

    async def start(self, *, is_awaited: bool = True, **overrides: Any) -> None:
        await super().start(is_awaited=is_awaited, **overrides)
        self.watch.add(self.pid)


def check_traces(bot: WatchedBot) -> None:
    """Check memory, files and logs of a program after its end."""
    assert 20 * 2**20 < bot.watch.peak_bytes < LIMIT_BYTES
    assert not list(bot.temp.iterdir())
    known = ("hearsay.db", "hearsay.lock", "secret.key", "backup")
    assert all(path.name.startswith(known) for path in bot.home.iterdir())
    log = bot.whole_log
    assert "telegram_started" in log
    transcripts = {call.text for call in bot.mimo.requests if len(call.text) > 6}
    assert not [text for text in (*SECRETS, CONTENT, *transcripts) if text in log]
    for secret in SECRETS:
        assert not any(secret in str(call.params) for call in bot.telegram.requests)


class Stage:
    """One running program and its users."""

    def __init__(self, bot: WatchedBot) -> None:
        self.bot = bot
        self.telegram = bot.telegram
        self.mimo = bot.mimo
        self._store: Store | None = None

    async def close(self) -> None:
        """Close the database."""
        if self._store:
            await self._store.close()

    @property
    def store(self) -> Store:
        """The database of the program, on a second connection."""
        if self._store is None:
            url = f"sqlite:///{self.bot.home / 'hearsay.db'}"
            self._store = Store(url, make_cipher(STORE_KEY, self.bot.home))
        return self._store

    def person(self, name: str = "") -> int:
        """Add a person; return the id, which is also that of the private chat."""
        return self.telegram.add_user(name or f"Ann {CONTENT}")

    def group(self, *, kind: Any = "supergroup", person: int | None = None, **fields: Any) -> int:
        """Add a group with one member, its owner."""
        members = {person or self.person(): "creator"}
        return self.telegram.add_chat(kind, title=f"Group {CONTENT}", members=members, **fields)

    async def note(self) -> tuple[int, bytes]:
        """Return a new number and a voice note with it."""
        number = next(_numbers)
        return number, await asyncio.to_thread(make_note, number)

    async def send_note(self, chat: int, user: int | None = None, **more: Any) -> tuple[int, int]:
        """Send a new note; return its message id and number."""
        number, sound = await self.note()
        return self.telegram.send_voice(chat, user or chat, sound, duration=2, **more), number

    async def ask_note(self, chat: int, user: int, **more: Any) -> tuple[int, int]:
        """Send a note to a group, then /transcribe; return the id of the command and the number."""
        note, number = await self.send_note(chat, user, **more)
        ask = self.telegram.send_command(chat, user, "/transcribe", reply_to=note, **more)
        return ask, number

    @asynccontextmanager
    async def slow_engine(self, latency_s: float = 0.7) -> AsyncIterator[Callable[[], Any]]:
        """Delay each engine call. Yields a function that waits for the next call."""
        before = len(self.mimo.billed)
        self.mimo.rules.latency_s = latency_s
        try:
            yield lambda: self.telegram.wait_for(lambda: len(self.mimo.billed) > before)
        finally:
            self.mimo.rules.latency_s = 0.0

    def chat(self, chat: int) -> Chat:
        """Return the program's `Chat`."""
        return Chat("telegram", TELEGRAM_TOKEN.partition(":")[0], str(chat))

    async def jobs(self, chat: int) -> list[Job]:
        """Return the jobs of a chat, the oldest first."""
        if not (self.bot.home / "hearsay.db").exists():
            return []
        return (await self.store.jobs.history(self.chat(chat)))[::-1]

    async def settle(self, chat: int, count: int = 1, timeout_s: float = 20.0) -> list[Job]:
        """Wait until a chat has `count` jobs, none of them open, and return them."""
        end_s = time.monotonic() + timeout_s
        while True:
            jobs = await self.jobs(chat)
            if len(jobs) >= count and not any(job.state in OPEN_STATES for job in jobs):
                return jobs
            if time.monotonic() > end_s:
                found = [(job.command, job.state, job.error) for job in jobs]
                raise AssertionError(f"{found}\n{self.bot.log[-4000:]}")
            await asyncio.sleep(0.05)

    async def reply(self, chat: int, count: int = 1, timeout_s: float = 20.0) -> Message:
        """Wait for all jobs; return the only message of the bot in the chat."""
        await self.settle(chat, count, timeout_s)
        answers = self.telegram.replies(chat)
        assert len(answers) == 1, [answer.text for answer in answers]
        return answers[0]

    async def check_answer(self, chat: int, number: int, *, timeout_s: float = 20.0) -> Message:
        """Wait for the only reply, check its number, and return it."""
        answer = await self.reply(chat, timeout_s=timeout_s)
        assert read_number(answer.text) == number, answer.text
        return answer

    async def is_alive(self) -> bool:
        """Return whether /help is answered."""
        ann = self.person()
        self.telegram.send_command(ann, ann, "/help")
        return "/transcribe" in (await self.reply(ann)).text

    async def metric(self, name: str) -> float:
        """Return the value of a metric, 0 if there is none."""
        for line in (await self.web("/metrics")).splitlines():
            if line.startswith(name):
                return float(line.rpartition(" ")[2])
        return 0.0

    async def web(self, path: str) -> str:
        """Return the body of a path of the web page, with the status of an error."""
        status, body = await asyncio.to_thread(self.bot.page, path)
        return body if status < 400 else f"{status} {body}"
