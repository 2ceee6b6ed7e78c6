"""A day of the whole program at DEBUG, in which every secret has a word: it appears nowhere."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from tests.chaos.notes import make_note
from tests.chaos.running_program import PAGE, RunningProgram, wait_for
from tests.emulators.discord import TOKEN as DISCORD_TOKEN
from tests.emulators.discord import DiscordServer
from tests.emulators.local_server import AsgiServer
from tests.emulators.mimo import MimoServer, Rules
from tests.emulators.telegram import TelegramServer
from tests.support.hearsay_command import Hearsay

pytestmark = pytest.mark.real_time

#: Every secret setting, with characters that Python, JSON and URLs escape where it may have any.
SECRETS = {
    "TELEGRAM_BOT_TOKEN": "700700700:CANARYtelegramTokenABCDEFGHIJKLMNOP",
    "TELEGRAM_WEBHOOK_SECRET": "canary-webhook-0123456789_ABCDEFGH",
    "DISCORD_BOT_TOKEN": f"{DISCORD_TOKEN[:32]}canaryCANARYcanaryCANARYcanaryCANARY01",
    "MIMO_API_KEY": 'canary-mimo "key" \\ 7f3a91',
    "OPENAI_API_KEY": "canary-openai 'key' \\ \"81b2\"",
    "HEARSAY_SECRET_KEY": "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTMyYiE=",
    "WEB_PASSWORD": "canary \\page 'password'",
    "ADMIN_PASSWORD": 'canary admin "password" é',
    "API_KEYS": "alice=canary-api-key-0123456789,bob=canary-api-key-9876543210",
}
#: In each of them; the key of the database is base64.
CANARY = re.compile(rb"canary|Y2FuYXJ5|c\0a\0n\0a\0r\0y", re.IGNORECASE)
OPEN = ("/", "/login", "/livez", "/readyz", "/nothing", "/login/state", "/static/app.js")
GUARDED = (
    *("/metrics", "/api/session", "/api/history", "/api/commands", "/api/openapi.json"),
    *("/operator", "/operator/api/state", "/operator/api/figures", "/operator/api/problems"),
    *("/operator/api/jobs", "/operator/api/jobs/0123456789"),
)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse to speak a text with the status in it, and repeat all that the request says."""
    request = Request(scope, receive)
    told = f"{request.url} {dict(request.headers)}"
    error = {"message": told, "param": told, "type": request.headers["authorization"][7:]}
    status = int(re.findall("[0-9]{3}", (await request.json())["input"])[0])
    await JSONResponse({"error": error}, status)(scope, receive, send)


def check(what: str, told: bytes) -> None:
    found = CANARY.search(told)
    assert not found, (what, told[max(0, found.start() - 300) : found.end() + 100])


class Day:
    """The program with all platforms and two services, and people who use it."""

    def __init__(self, program: RunningProgram, telegram: TelegramServer) -> None:
        self.program, self.telegram = program, telegram
        self.ann = telegram.add_user("Ann")
        found = PAGE.search(program.log)
        assert found, program.log
        self.url = found[0]

    async def talk(self) -> None:
        """Use the bot; the service that speaks refuses everything."""
        ann, telegram = self.ann, self.telegram
        telegram.send_voice(ann, ann, await asyncio.to_thread(make_note, 7), duration=2)
        await self.program.settle(1)
        commands = [f"/say Hello {status}" for status in (400, 422)]
        commands += [f"/ask Why {number}?" for number in range(2)]
        commands += ["/privacy", "/usage", "/admin status", "/admin budget", "/export", "/summary"]
        for count, command in enumerate(commands, 2):
            telegram.send_command(ann, ann, command)
            await self.program.settle(count)

    async def browse(self) -> None:
        """Ask for every kind of page, without, with wrong and with right passwords."""
        async with httpx.AsyncClient(base_url=self.url, verify=False, timeout=30) as client:
            for path in (*OPEN, *GUARDED):
                await self._get(client, path)
            for area in ("", "/operator"):
                await self._log_in(client, area)
            for path in (*OPEN, *GUARDED):
                await self._get(client, path)

    async def _log_in(self, client: httpx.AsyncClient, area: str) -> None:
        password = SECRETS["ADMIN_PASSWORD" if area else "WEB_PASSWORD"]
        path, typed = f"{area}/login", json.dumps({"password": password})
        other = typed.replace("password", "pass", 1), f"[{typed}]", typed.encode("utf-16")
        for body in (typed[:-1], *other, '{"password": "wrong"}'):
            answer = await client.post(path, content=body)
            assert answer.status_code in (400, 403)
            self._check(answer)
        answer = await client.post(path, content=typed)
        assert answer.status_code == 200
        self._check(answer)

    async def call_api(self) -> None:
        """Call the endpoints with wrong keys and with a right one."""
        right = SECRETS["API_KEYS"].partition(",")[0].partition("=")[2]
        async with httpx.AsyncClient(base_url=f"{self.url}/v1", verify=False, timeout=60) as client:
            for key in ("wrong", SECRETS["WEB_PASSWORD"], right[:-1], f"{right}x", right):
                client.headers["Authorization"] = f"Bearer {key}"
                for path in ("/models", "/nothing", "/openapi.json", "/audio/voices"):
                    await self._get(client, path)
                for status in (400, 422, 401):
                    body = {"model": "tts-1", "input": f"Hello {status}", "voice": "alloy"}
                    self._check(await client.post("/audio/speech", json=body))
                question = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}
                self._check(await client.post("/chat/completions", json=question))

    async def _get(self, client: httpx.AsyncClient, path: str) -> None:
        self._check(await client.get(path))

    def _check(self, answer: httpx.Response) -> None:
        head = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        check(str(answer.url.path), head.encode() + answer.content)


@asynccontextmanager
async def run_day(folder: Path, log_format: str) -> AsyncIterator[Day]:
    """Run the program with all that has a secret."""
    (temp := folder / "tmp").mkdir()
    async with (
        TelegramServer(SECRETS["TELEGRAM_BOT_TOKEN"]) as telegram,
        DiscordServer(SECRETS["DISCORD_BOT_TOKEN"]) as discord,
        MimoServer(Rules(key=SECRETS["MIMO_API_KEY"])) as mimo,
        AsgiServer(echo) as echoing,
        RunningProgram(folder / "home", telegram, mimo) as program,
    ):
        program.settings |= {
            **SECRETS,
            "DISCORD_API_BASE_URL": discord.api_base_url,
            "OPENAI_BASE_URL": echoing.base_url,
            "SYNTHESIZER": "openai",
            "LOG_LEVEL": "DEBUG",
            "LOG_FORMAT": log_format,
            "TMPDIR": str(temp),
        }
        await program.start()
        await wait_for(lambda: discord.connected() > 0 or program.code is not None, 30)
        yield Day(program, telegram)
        assert await program.stop() == 0
        doctor = Hearsay(folder)("doctor", **program.environment)
        assert "sandbox" in doctor.stdout, "it comes to its last checks"
        check("doctor", (doctor.stdout + doctor.stderr).encode())
        for call in telegram.requests:
            check(call.method, repr(call.params).encode())
        for sent in discord.requests:
            check(sent.route, repr(sent.body).encode())


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_no_secret_is_told_written_or_logged(tmp_path: Path, log_format: str) -> None:
    async with run_day(tmp_path, log_format) as day:
        await day.talk()
        await day.browse()
        await day.call_api()
    # The log is in the folder too, with what the program printed.
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"hearsay.db", "stderr.log"} <= {path.name for path in files}
    for path in files:
        check(path.name, path.read_bytes())
    assert b"debug" in day.program.log_path.read_bytes()
