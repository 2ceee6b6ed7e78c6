"""The same story where another process of ours is the engine: it serves OpenAI's endpoints."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.chaos.bot import PAGE, START_S, Bot, wait_for
from tests.emulators.mimo import MimoServer
from tests.support.scenario_story import check, tell
from tests.support.scenario_world import make_mimo_engine, open_town

KEY = "hk-of-the-story-0123456789"


class Gateway(Bot):
    """The program with no platform but its page, for other programs."""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HEARSAY_HOME": str(self.home),
            "MIMO_API_KEY": self.mimo.key,
            "MIMO_BASE_URL": self.mimo.base_url,
            "API_KEYS": f"story={KEY}",
            "WEB_PORT": "0",
        }


@asynccontextmanager
async def open_gateway(home: Path, mimo: MimoServer) -> AsyncIterator[str]:
    """Let the program serve its endpoints; yield their address."""
    async with Gateway(home, cast("Any", None), mimo) as gateway:
        await gateway.start(is_awaited=False)
        found = await wait_for(lambda: PAGE.search(gateway.log), START_S)
        yield f"{found[0]}/v1"
        assert await gateway.stop() == 0
        assert KEY not in gateway.whole_log


@pytest.mark.real_time
async def test_the_story_goes_the_same_way_through_our_own_endpoints(tmp_path: Path) -> None:
    async with MimoServer() as mimo, open_gateway(tmp_path / "gateway", mimo) as url:
        engine = await make_mimo_engine(mimo)
        environment = {
            "OPENAI_BASE_URL": url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_ASR_MODEL": "xiaomi/mimo-v2.5-asr",
            "OPENAI_CHAT_MODEL": "xiaomi/mimo-v2.6-flash",
            "OPENAI_TTS_MODEL": "xiaomi/mimo-v2.5-tts",
        }
        engine = replace(engine, environment=environment)
        async with open_town(tmp_path / "home", engine) as town:
            # The platforms are alike with any engine.
            check(await tell(town.telegram, engine), engine)
            assert KEY not in town.program.whole_log
        assert {call.model for call in mimo.billed} == {
            *("mimo-v2.5-asr", "mimo-v2.6-flash", "mimo-v2.5-tts")
        }
