"""Fixtures: a local MiMo and the program between it and a virtual Telegram."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.running_program import RunningProgram
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer

#: Set by `make chaos` and `make security`, which run all cases.
IS_LONG = "HEARSAY_CHAOS" in os.environ


@pytest.fixture
async def mimo() -> AsyncIterator[MimoServer]:
    async with MimoServer() as server:
        yield server


@pytest.fixture
async def bot(
    tmp_path: Path, telegram: TelegramServer, mimo: MimoServer
) -> AsyncIterator[RunningProgram]:
    """A bot that has not been started."""
    async with RunningProgram(tmp_path / "home", telegram, mimo) as bot:
        yield bot
