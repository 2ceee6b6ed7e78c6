"""The whole program as a process, or its parts as several, with the offline engines."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.clean_start import make_database
from tests.support.paths import ROOT


@asynccontextmanager
async def run_program(
    home: Path, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run the program; yield the process and the URL of its page.

    settings: further environment variables.
    """
    make_database(home)
    async with run_part("run", home, **settings) as process:
        yield process, await asyncio.wait_for(read_url(process), 120)


@asynccontextmanager
async def run_part(
    part: str, home: Path, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command of the program that runs until it is stopped; kill it at the end.

    Its log is the file "log" in `home`.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HEARSAY_HOME": str(home),
        "WEB_PORT": "0",
        "TRANSCRIBER": "offline",
        "SYNTHESIZER": "offline",
        **settings,
    }
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bots",
            part,
            cwd=home,  # without a .env
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_url(process: asyncio.subprocess.Process) -> str:
    """Return the URL of the page, once it is open."""
    assert process.stdout is not None
    async for line in process.stdout:
        if b"http://" in line:
            return line.decode().split()[-1]
    raise AssertionError("the program ended before its page was open")
