"""What systemd is told, as sd_notify(3) describes it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots import systemd
from core.clock import Clock
from tests.support.web_program import run_program


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def take(receiver: socket.socket) -> list[str]:
    states = []
    while True:
        try:
            states.append(receiver.recv(4096).decode())
        except BlockingIOError:
            return states


@pytest.mark.real_time
async def test_a_program_tells_that_it_is_ready_and_that_it_stops(
    told: socket.socket, tmp_path: Path
) -> None:
    settings = {"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "60000000"}
    async with run_program(tmp_path, **settings) as (process, _):
        states = {await asyncio.get_running_loop().sock_recv(told, 100) for _ in range(2)}
        process.terminate()
        assert await process.wait() == 0
    assert states == {b"READY=1", b"WATCHDOG=1"}
    assert take(told) == ["STOPPING=1"]


async def test_the_watchdog_hears_of_the_loop_twice_in_its_limit(
    told: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", told.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    clock = Clock()
    task = asyncio.create_task(systemd.keep_alive(clock))
    await clock.sleep(100)
    assert take(told) == [systemd.ALIVE] * 4
    task.cancel()


@pytest.mark.parametrize(
    "settings", [{}, {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}], ids=["none", "another's"]
)
async def test_no_watchdog_is_told_that_asks_nothing_of_this_process(
    told: socket.socket, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", told.getsockname())
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    clock = Clock()
    task = asyncio.create_task(systemd.keep_alive(clock))
    await clock.sleep(100)
    assert take(told) == []
    assert not task.done()
    task.cancel()


def test_an_abstract_socket_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"hearsay-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        systemd.notify(systemd.READY)
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify"])
def test_without_systemd_nothing_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify(systemd.READY)
