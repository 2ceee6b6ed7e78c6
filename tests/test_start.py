"""The start of `hearsay run`: what is loaded when Telegram is first asked for updates."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bots import program
from core.clock import Clock
from tests.support.clean_start import make_database
from tests.support.fake_inbox import make_settings
from tests.support.paths import ROOT

#: Packages that are loaded while the first request is under way, or never.
LATE = {
    "alembic",
    "av",
    "babel",
    "bots.program",
    "bots.web_chat",
    "core.answering",
    "core.assistant",
    "core.audio.media",
    "core.commands",
    "core.jobs",
    "core.store",
    "core.summaries",
    "core.synthesis",
    "core.transcription",
    "discord",
    "fastapi",
    "limits",
    "markdown_it",
    "pydub",
    "rapidfuzz",
    "rich",
    "sentencex",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "websockets",
}
#: Packages that only some other command, platform or moment needs.
UNUSED = {
    "aiosqlite",
    "alembic",
    "av",
    "babel.messages.pofile",
    "bots.openai_api.app",
    "bots.telemetry",
    "discord",
    "opentelemetry.sdk",
    "pydub",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
}
#: A worker takes a piece of a recording and gives another: it knows no service and no store.
FOREIGN_TO_WORKERS = {
    "asyncio",
    "babel",
    "bots",
    "httpx",
    "multiprocessing",
    "numpy",
    "pydantic",
    "socket",
    "sqlalchemy",
    "ssl",
    "structlog",
    "telegram",
}
#: There were 1,496 when everything was loaded first.
MOST_MODULES = 800

#: Prints what is loaded when the program opens its first connection, and ends.
WATCH = """
import json, os, sys

def watch(event, arguments):
    if event == "socket.connect" and arguments[1] == ("127.0.0.1", 9):
        print(json.dumps([name for name, module in sys.modules.items() if module]), flush=True)
        os._exit(0)

sys.addaudithook(watch)
sys.argv = ["hearsay", "run"]
from bots.cli import main
main()
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the modules that are loaded at the first request to Telegram."""
    environment = {
        "HEARSAY_HOME": str(tmp_path_factory.mktemp("home")),
        "PYTHONPATH": str(ROOT),
        "TELEGRAM_BOT_TOKEN": "123456:" + "a" * 35,
        "TELEGRAM_API_BASE_URL": "http://127.0.0.1:9/bot",
        "WEB_PORT": "0",
    }
    command = [sys.executable, "-c", WATCH]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    return set(json.loads(done.stdout))


def test_telegram_is_asked_for_updates_before_the_rest_is_loaded(loaded: set[str]) -> None:
    assert "telegram" in loaded
    assert sorted(loaded & LATE) == []


def test_what_a_bot_at_rest_needs_nothing_of_is_not_loaded() -> None:
    code = (
        "import json, sys; from bots.program import preload; from core.config import Settings;"
        "preload(Settings(_env_file=None, telegram_bot_token='1:a'));"
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, check=True, capture_output=True
    )
    found = set(json.loads(done.stdout))
    assert {"bots.telegram_bot.bot", "bots.web_chat.bot", "core.commands.help"} <= found
    assert sorted(found & UNUSED) == []


def test_a_worker_that_decodes_loads_little_else() -> None:
    code = "import json, sys, core.audio.worker; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True)
    found = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert {"av", "pydub"} <= found
    assert sorted(found & FOREIGN_TO_WORKERS) == []


def test_few_modules_are_loaded_before_the_first_request(loaded: set[str]) -> None:
    assert len(loaded) <= MOST_MODULES


@pytest.mark.parametrize("user", [0, 1000])
async def test_the_program_hides_its_memory_and_warns_of_root_once(
    user: int, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[bool] = []
    monkeypatch.setattr(program, "hide_memory", lambda: hidden.append(True))
    monkeypatch.setattr(program, "is_root", lambda: user == 0)
    make_database(tmp_path)
    with capture_logs() as logs:
        running = asyncio.create_task(
            program.run(make_settings(hearsay_home=tmp_path, web_port=0), {}, clock=clock)
        )
        await clock.sleep(60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert hidden == [True]
    assert sum("root" in log["event"] for log in logs) == (user == 0)
