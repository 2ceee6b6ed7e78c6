"""One program for each file, between a virtual Telegram and a local MiMo."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.bot import Bot
from tests.chaos.kills import open_bot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bot]:
    async with open_bot(tmp_path_factory.mktemp("home")) as bot:
        await bot.start()
        yield bot
        assert await bot.stop() == 0
