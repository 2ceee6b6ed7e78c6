"""hearsay health: the parts of a running process, by an exit code."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from pathlib import Path

import pytest
import typer

from bots import own_process
from bots.cli.health import check_health
from tests.support.fake_inbox import make_settings
from tests.support.hearsay_command import Hearsay
from tests.support.postgresql import PostgresServer
from tests.support.telegram_webhook import find_port
from tests.support.web_inbox import FakeInbox, open_web
from tests.support.web_program import run_part


async def ask(home: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(Hearsay(home), "health", *options, **settings)


async def test_it_names_what_fails_and_exits_with_1(tmp_path: Path) -> None:
    inbox, port = FakeInbox(), find_port()
    async with open_web(make_settings(hearsay_home=tmp_path, web_port=port), inbox) as web:
        done = await ask(tmp_path, WEB_PORT=str(port), http_proxy="http://127.0.0.1:9")
        assert (done.returncode, done.stdout) == (0, "ready\n")
        inbox.engine_faults = {"mimo": "402 no balance"}
        inbox.parts["jobs"] = False
        done = await ask(tmp_path, "--url", web.url)
        assert (done.returncode, done.stdout) == (1, "jobs: away\nmimo: 402 no balance\n")
        done = await ask(tmp_path, "--live", "--url", web.url)
        assert (done.returncode, done.stdout) == (0, "alive\n")


async def test_it_exits_with_1_where_nobody_or_somebody_else_answers(tmp_path: Path) -> None:
    done = await ask(tmp_path, WEB_PORT=str(find_port()))
    assert done.returncode == 1 and "nobody answers at http://127.0.0.1:" in done.stderr
    assert (await ask(tmp_path, WEB_PORT="0")).returncode == 1

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port := find_port()):
        done = await ask(tmp_path, "--url", f"http://127.0.0.1:{port}")
    assert done.returncode == 1 and "nobody answers" in done.stderr


async def test_a_process_that_is_stuck_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(own_process, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as stuck, pytest.raises(typer.Exit):
        check_health(f"http://127.0.0.1:{stuck.getsockname()[1]}", is_live=True)
    assert capsys.readouterr().out == "process: it does not answer\n"


@pytest.mark.real_time
async def test_a_worker_answers(postgresql: PostgresServer, tmp_path: Path) -> None:
    port = str(find_port())
    own = {"HEARSAY_SECRET_KEY": "k" * 43 + "=", "WEB_PORT": port}
    own["DATABASE_URL"] = postgresql.create()
    async with run_part("worker", tmp_path, **own), asyncio.timeout(60):
        while (done := await ask(tmp_path, WEB_PORT=port)).returncode:
            await asyncio.sleep(0.2)  # the process is starting
    assert done.stdout == "ready\n"
