"""What `hearsay run` refuses, `hearsay doctor` finds before; both name the remedy."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.discord_bot.errors import TOKEN_REFUSED
from bots.doctor.results import Status
from core.store import make_cipher
from tests.cli.conftest import check
from tests.emulators.openai import OpenAIServer
from tests.emulators.telegram import TelegramServer
from tests.support.hearsay_command import PLAIN_KEY, TOKEN, Hearsay
from tests.support.paths import ROOT

pytestmark = pytest.mark.finding(26)


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(TOKEN) as server:
        yield server


def test_the_form_of_the_key_is_checked_before_there_is_a_database(hearsay: Hearsay) -> None:
    refused = hearsay("run", HEARSAY_SECRET_KEY=PLAIN_KEY, WEB_PORT="0")
    found = hearsay.doctor(HEARSAY_SECRET_KEY=PLAIN_KEY)
    assert refused.returncode == found.code == 78 and found.failed == ["key"]
    assert found.checks["key"]["text"] in refused.stderr
    assert [*hearsay.folder.iterdir()] in ([], [hearsay.home])


async def test_the_address_of_a_local_bot_api_server_needs_no_bot(telegram: TelegramServer) -> None:
    for base_url in (telegram.api_base_url, telegram.api_base_url.removesuffix("/bot")):
        values = {"telegram_bot_token": TOKEN, "telegram_api_base_url": base_url}
        assert (await check("telegram", **values)).status is Status.OK


def test_a_taken_port_is_found(hearsay: Hearsay) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = hearsay("run", WEB_PORT=port)
        found = hearsay.doctor(WEB_PORT=port)
    assert refused.returncode == found.code == 78 and found.failed == ["page"]
    assert f"WEB_PORT {port}" in refused.stderr and f"WEB_PORT {port}" in str(found.checks["page"])
    assert "another port" in found.checks["page"]["cure"]
    assert "Errno" not in found.checks["page"]["text"]


async def test_its_own_port_is_not_taken(tmp_path: Path) -> None:
    from bots.home import lock_home

    with lock_home(tmp_path / "home"), socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        found = await check("page", hearsay_home=tmp_path / "home", web_port=port)
    assert found.status is Status.OK and found.text.startswith("hearsay is running; http")


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/proc/self"])
def test_a_database_folder_that_cannot_be_used_is_found(hearsay: Hearsay, folder: str) -> None:
    url = f"sqlite:///{folder}/x.db"
    refused = hearsay("run", DATABASE_URL=url, WEB_PORT="0")
    found = hearsay.doctor(DATABASE_URL=url)
    assert refused.returncode == found.code == 74 and found.failed == ["database"]
    assert f"the folder {folder} cannot be used" in found.checks["database"]["text"]
    assert f"{folder}/x.db" in refused.stderr


async def test_a_base_url_without_v1_is_named(tmp_path: Path) -> None:
    async with OpenAIServer() as server:
        address = server.base_url.removesuffix("/v1")
        found = await check("openai", openai_base_url=address)
        assert found.status is Status.FAIL
        assert found.cure.startswith("OPENAI_BASE_URL does not end in /v1")
        assert (await check("openai", openai_base_url=f"{address}/v1")).status is Status.OK


@pytest.mark.real_time
async def test_run_names_the_bot_or_the_remedy(hearsay: Hearsay, telegram: TelegramServer) -> None:
    for token, words in (
        (TOKEN, ('"bot": "@', '"url": "https://t.me/')),
        (f"{TOKEN}x", ("Copy the token from @BotFather into TELEGRAM_BOT_TOKEN",)),
    ):
        settings = {
            "TELEGRAM_BOT_TOKEN": token,
            "TELEGRAM_API_BASE_URL": telegram.api_base_url,
            "WEB_PORT": "0",
        }
        log = await read_log(hearsay, settings, "telegram_start")
        assert all(word in log for word in words), log
    assert "DISCORD_BOT_TOKEN" in TOKEN_REFUSED


async def read_log(hearsay: Hearsay, settings: dict[str, str], event: str) -> str:
    """Start `hearsay run` and return its log up to `event`."""
    from tests.support.hearsay_command import HEARSAY

    program = await asyncio.create_subprocess_exec(
        HEARSAY, "run", env=hearsay.environment(settings), stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL, cwd=hearsay.folder,
    )  # fmt: skip
    assert program.stderr
    log = ""
    try:
        async with asyncio.timeout(60):
            while event not in log:
                log += (await program.stderr.readline()).decode()
    finally:
        program.terminate()
        await program.communicate()
    return log


@pytest.mark.parametrize(("format", "begin"), [("text", "20"), ("json", "{")])
def test_the_log_is_plain_or_json_as_set(hearsay: Hearsay, format: str, begin: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = hearsay("run", WEB_PORT=port, LOG_FORMAT=format, LOG_LEVEL="debug")
    assert done.stderr.startswith(begin) and "\x1b" not in done.stderr


@pytest.mark.parametrize("name", ["doctor", "init"])
def test_there_is_a_make_target_that_installs_first(name: str) -> None:
    assert f"\n{name}: $(VENV)/run.stamp" in (ROOT / "Makefile").read_text()


def test_a_made_key_is_accepted(hearsay: Hearsay) -> None:
    hearsay.home.mkdir(mode=0o700)
    make_cipher(None, hearsay.home)
    assert hearsay.doctor().checks["key"]["status"] == "ok"
