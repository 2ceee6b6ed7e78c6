"""Start-up time, idle memory and idle work of the program; its libraries alone beside them.

    python -m benchmarks.idle

`hearsay run` with Telegram, Discord and the web page, started twice with one HEARSAY_HOME: the
first start migrates the database.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.support.processes import ROOT, Emulator, Telegram, free_port, show, wait_for

#: Until what is done once after a start is over; then the time in which work is measured.
QUIET_S, IDLE_S = 25.0, 30.0
RSS_TARGET_MIB, READY_TARGET_S = 130, 3.0
LIBRARIES = "telegram, discord, fastapi, uvicorn, sqlalchemy.ext.asyncio, httpx, pydantic_settings"


class Discord(Emulator):
    """The local Discord server."""

    def __init__(self) -> None:
        super().__init__("tests.emulators.discord")

    def connected(self) -> int:
        """Return the number of connected shards."""
        url = f"{self.addresses['base_url']}/control/connected"
        found: int = self.http.post(url, json={}).json()["result"]
        return found


@contextmanager
def run_bot(home: str, port: int, telegram: Telegram, discord: Discord) -> Iterator[int]:
    environment = {
        "HEARSAY_HOME": home,
        "PYTHONPATH": str(ROOT),
        "WEB_PORT": str(port),
        "TELEGRAM_BOT_TOKEN": telegram.addresses["token"],
        "TELEGRAM_API_BASE_URL": telegram.addresses["api_base_url"],
        "TELEGRAM_FILE_BASE_URL": telegram.addresses["file_base_url"],
        "DISCORD_BOT_TOKEN": discord.addresses["token"],
        "DISCORD_API_BASE_URL": discord.addresses["api_base_url"],
    }
    with (Path(home) / "log").open("ab") as log:
        command = [sys.executable, "-m", "bots", "run"]
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def rss_mib(pid: int) -> float:
    size: int = psutil.Process(pid).memory_info().rss
    return size / 2**20


def cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def measure_bot(home: str, telegram: Telegram, discord: Discord) -> tuple[float, ...]:
    """Return seconds to READY, from READY to /readyz, MiB and milliseconds a second when idle."""
    port, started_s = free_port(), time.monotonic()
    with run_bot(home, port, telegram, discord) as pid:
        wait_for(discord.connected, step_s=0.01)
        connected_s = time.monotonic()
        wait_for(lambda: is_ready(port), step_s=0.01)
        ready_s = time.monotonic()
        time.sleep(QUIET_S)
        size_mib, busy_s = rss_mib(pid), cpu_s(pid)
        time.sleep(IDLE_S)
        idle_ms = 1000 * (cpu_s(pid) - busy_s) / IDLE_S
    wait_for(lambda: not discord.connected())
    return connected_s - started_s, ready_s - connected_s, size_mib, idle_ms


def measure_libraries() -> tuple[float, float]:
    started_s = time.monotonic()
    code = f"import {LIBRARIES}; print(1, flush=True); input()"
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout and process.stdin
        process.stdout.readline()
        took_s, size_mib = time.monotonic() - started_s, rss_mib(process.pid)
        process.stdin.write(b"\n")
    return took_s, size_mib


def main() -> None:
    took_s, base_mib = measure_libraries()
    head = ("", "READY, s", "then /readyz, s", "RSS, MiB", "RSS / libraries", "CPU, ms/s")
    rows: list[tuple[object, ...]] = [head]
    rows.append(("libraries alone", f"{took_s:.2f}", "", f"{base_mib:.0f}", "1.00", ""))
    with ExitStack() as stack:
        telegram = stack.enter_context(closing(Telegram()))
        discord = stack.enter_context(closing(Discord()))
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="hearsay-benchmark-"))
        for name in ("first start", "later start"):
            connected_s, ready_s, size_mib, idle_ms = measure_bot(home, telegram, discord)
            times = (f"{connected_s:.2f}", f"{ready_s:.2f}")
            share = f"{size_mib / base_mib:.2f}"
            rows.append((name, *times, f"{size_mib:.0f}", share, f"{idle_ms:.1f}"))
    rows.append(("target", "", f"<= {READY_TARGET_S:.0f}", f"<= {RSS_TARGET_MIB}", "", ""))
    show("Start-up and idle memory: Telegram, Discord and the web page", rows)


if __name__ == "__main__":
    main()
