"""The program in several processes on one PostgreSQL, which tests kill, stop and restart."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import psycopg

from core.models import Chat, ChatSettings
from core.store import Store, make_cipher
from tests.chaos.running_program import RunningProgram, wait_for
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

#: Nobody checks it, and no log may have it.
PASSWORD = "correct-horse-battery"
KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
#: What each part logs once it is up.
STARTED = {"worker": "worker started", "web": "web chat started"}
#: The death of a process is noticed sooner: tests wait for it.
QUICK: dict[str, float] = {
    "core.jobs.shared_queue:HEARTBEAT_S": 0.4,
    "core.jobs.queue_runner:DEAD_AFTER_S": 2.0,
    "core.jobs.queue_runner:TAKE_OVER_S": 0.4,
    "core.store.operations.processes:ALIVE_S": 2.0,
    "core.store.operations.processes:RENEW_S": 0.4,
    "core.operations.shares:LEASE_S": 2.0,
    "core.operations.shares:RENEW_S": 0.5,
}


class SharedProgram(RunningProgram):
    """One of several processes: a part of the program with a data folder of its own."""

    def __init__(
        self, home: Path, command: str, url: str, servers: tuple[TelegramServer, MimoServer]
    ) -> None:
        super().__init__(home, *servers)
        self.command, self.url = command, url
        self.started = STARTED.get(command, "telegram_started")
        self.settings = {
            "DATABASE_URL": url.replace("hearsay@", f"hearsay:{PASSWORD}@"),
            "HEARSAY_SECRET_KEY": KEY,
        }
        if command == "web":
            self.settings["WEB_PASSWORD"] = "sesame-open-sesame"

    def make_database(self) -> None:
        """Do nothing: it is there."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, read by a connection of its own."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()


class Cluster:
    """Intakes and workers on one database; all are killed at the end."""

    def __init__(
        self,
        folder: Path,
        url: str,
        servers: tuple[TelegramServer, MimoServer],
        commands: Iterable[str] = ("intake", "intake", "worker", "worker"),
    ) -> None:
        self.telegram, self.mimo = servers
        self.url = url
        self.processes = [
            SharedProgram(folder / f"{number} {command}", command, url, servers)
            for number, command in enumerate(commands)
        ]
        #: Differences from a normal start, of all processes.
        self.overrides: dict[str, Any] = {"constants": QUICK}

    def use_proxy(self, port: int, proxy_port: int) -> None:
        """Let the processes reach PostgreSQL on `port` by a proxy."""
        for one in self.processes:
            address = one.settings["DATABASE_URL"]
            one.settings["DATABASE_URL"] = address.replace(f":{port}/", f":{proxy_port}/")

    @property
    def workers(self) -> list[SharedProgram]:
        return self._list("worker")

    @property
    def intakes(self) -> list[SharedProgram]:
        return self._list("intake")

    def _list(self, command: str) -> list[SharedProgram]:
        return [one for one in self.processes if one.command == command]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.processes:
            if one.pid and one.code is None:
                await one.kill()

    async def start(self, *, is_awaited: bool = True) -> None:
        """Start all processes that do not run."""
        ended = [one for one in self.processes if not one.pid or one.code is not None]
        starts = (one.start(is_awaited=is_awaited, **self.overrides) for one in ended)
        await asyncio.gather(*starts)

    async def stop(self) -> list[int]:
        """Stop all with SIGTERM; return their exit codes."""
        return await asyncio.gather(*(one.stop() for one in self.processes))

    async def wait_for_kill(self) -> SharedProgram:
        """Return the first process that has ended."""
        ended: list[SharedProgram] = await wait_for(self._list_ended, 60)
        return ended[0]

    def _list_ended(self) -> list[SharedProgram] | None:
        return [one for one in self.processes if one.pid and one.code is not None] or None

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.processes[0].rows(query)

    def states(self) -> Counter[str]:
        """Return the number of jobs in each state."""
        return self.processes[0].states()

    async def settle(self, count: int, timeout_s: float = 60.0) -> Counter[str]:
        """Wait until there are `count` jobs and none is open; return the number in each state."""
        try:
            return await self.processes[0].settle(count, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.whole_log[-12000:]}") from None

    @property
    def whole_log(self) -> str:
        """Log of all processes."""
        return "\n".join(f"{one.home.name}:\n{one.whole_log}" for one in self.processes)

    async def enable_auto(self, chat: int) -> None:
        """Turn automatic transcription on in a group, as /auto on does."""
        store = Store(self.url, make_cipher(KEY, self.processes[0].home))
        bot_id = self.telegram.token.partition(":")[0]
        try:
            here = Chat("telegram", bot_id, str(chat))
            await store.chats.save_settings(here, ChatSettings(is_auto=True))
        finally:
            await store.close()
