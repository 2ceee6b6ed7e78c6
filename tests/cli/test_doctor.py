"""`hearsay doctor` names every mistake with its remedy, and no secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.doctor.checks import CHECKS
from bots.doctor.results import Status
from core.models import Transcript
from tests.cli.conftest import check
from tests.emulators.mimo import MimoServer
from tests.emulators.openai import OpenAIServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import open_store
from tests.support.hearsay_command import KEY, TOKEN, Hearsay

#: A port that nothing listens on.
UNREACHABLE = "http://127.0.0.1:1"


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer(TOKEN) as server:
        yield server


def at(telegram: TelegramServer, mimo: MimoServer) -> dict[str, str]:
    return {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_BASE_URL": telegram.api_base_url,
        "MIMO_API_KEY": KEY,
        "MIMO_BASE_URL": mimo.base_url,
        "ALLOWED_CHATS": "7",
    }


async def fill(home: Path) -> None:
    """Make a database with something in it."""
    home.mkdir(mode=0o700)
    store = open_store(home)
    await store.results.save("0" * 64, Transcript("secret words"))
    await store.close()


@pytest.mark.real_time
@pytest.mark.pocketsphinx
async def test_a_good_setup_passes_every_check(
    hearsay: Hearsay, telegram: TelegramServer, mimo: MimoServer
) -> None:
    telegram.set_privacy(is_on=False)
    await fill(hearsay.home)
    found = await asyncio.to_thread(hearsay.doctor, **at(telegram, mimo))
    assert (found.code, found.failed, found.stderr) == (0, [], "")
    assert [*found.checks] == ["settings", *CHECKS]
    statuses = {name: check["status"] for name, check in found.checks.items()}
    for own in ("disk", "sqlite", "user"):  # these are this machine's
        statuses.pop(own)
    assert set(statuses.values()) == {"ok"}
    texts = {name: check["text"] for name, check in found.checks.items()}
    assert texts["mimo"] == "accepts the key and has mimo-v2.5-asr, mimo-v2.6-flash, mimo-v2.5-tts"
    assert texts["engine"] == (
        "mimo transcribes (mimo-v2.5-asr), mimo answers (mimo-v2.6-flash),"
        " mimo synthesizes (mimo-v2.5-tts)"
    )
    assert "secret.key, beside the database" in texts["key"]
    assert texts["clock"] == "agrees with MiMo's"
    assert "receives all messages in groups" in texts["telegram"]
    assert texts["sandbox"] == "decoders reach no files, network, programs or other processes"
    assert ("runs as root" in texts["user"]) is (os.geteuid() == 0)


def test_it_creates_nothing_and_prints_a_line_per_check(hearsay: Hearsay) -> None:
    done = hearsay("doctor")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [name for _, name, *_ in lines] == ["settings", *CHECKS]
    assert {status for status, *_ in lines} <= {"ok", "warn"}
    assert [*hearsay.folder.iterdir()] == []


@pytest.mark.real_time
async def test_wrong_token_wrong_key_and_damaged_database(
    hearsay: Hearsay, telegram: TelegramServer, mimo: MimoServer
) -> None:
    hearsay.home.mkdir(mode=0o700)
    hearsay.database.write_bytes(b"this is no database at all" * 100)
    settings = at(telegram, mimo) | {"MIMO_API_KEY": f"{KEY}x", "TELEGRAM_BOT_TOKEN": f"{TOKEN}x"}
    found = await asyncio.to_thread(hearsay.doctor, **settings)
    assert found.failed == ["database", "key", "telegram", "mimo"]
    assert found.code == 74  # that of the first
    assert "file is not a database" in found.checks["database"]["text"]
    assert found.checks["telegram"]["text"] == "Telegram rejects the token"
    assert "@BotFather" in found.checks["telegram"]["cure"]
    assert "tp-" in found.checks["mimo"]["cure"]


async def test_what_telegram_keeps_from_the_bot_and_how_it_is_added(
    telegram: TelegramServer,
) -> None:
    telegram.set_privacy(is_on=True)
    values = {
        "telegram_bot_token": TOKEN,
        "telegram_api_base_url": telegram.api_base_url,
        "telegram_webhook_url": "http://127.0.0.1:1",
        "telegram_webhook_secret": "canary-0123456789_ABCDEFGHIJKLMNOP",
    }
    found = await check("telegram", **values)
    assert found.status is Status.OK and ", by webhook, 0 pending; " in found.text
    assert "https://t.me/hearsay_test_bot?startgroup=true " in found.text
    assert "https://t.me/hearsay_test_bot?startgroup=true&admin=manage_chat" in found.text
    for words in ("privacy mode is on", "/summary", "/setprivacy", "add it again"):
        assert words in found.text
    found = await check("telegram", **{**values, "telegram_bot_token": "nonsense"})
    assert (found.status, found.code) == (Status.FAIL, 77)


@pytest.mark.parametrize(
    ("values", "text", "cure"),
    [
        ({"mimo_asr_model": "mimo-v1-asr"}, "does not list mimo-v1-asr", "MIMO_ASR_MODEL"),
        ({"mimo_tts_model": "mimo-v2-tts"}, "2.6-flash, but does not list mimo-v2-tts", "MIMO_TTS"),
        ({"mimo_chat_model": "mimo-v1"}, "-tts, but does not list mimo-v1", "_CHAT_MODEL to auto"),
    ],
)
async def test_a_retired_model(
    mimo: MimoServer, values: dict[str, str], text: str, cure: str
) -> None:
    found = await check("mimo", mimo_api_key=KEY, mimo_base_url=mimo.base_url, **values)
    # Without transcription it can do nothing.
    is_useless = "mimo_asr_model" in values
    assert (found.status, found.code) == ((Status.FAIL, 78) if is_useless else (Status.WARN, 0))
    assert text in found.text and cure in found.cure


@pytest.mark.parametrize("name", ["transcriber", "answerer", "synthesizer"])
async def test_a_role_without_its_setting(name: str) -> None:
    found = await check("engine", **{name: "mimo"})
    assert (found.status, found.code) == (Status.FAIL, 78)
    assert found.text == f"{name.upper()} is 'mimo', but MIMO_API_KEY is not set"
    found = await check("engine", mimo_api_key=KEY, mimo_chat_model="mimo-x[1m]")
    assert "mimo answers (mimo-x[1m])" in found.text


@pytest.mark.finding(26)
async def test_a_machine_without_offline_transcription(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Python 3.14 where no compiler built it."""
    monkeypatch.setattr("core.engines.offline.transcriber.find_spec", lambda name: None)
    found = await check("engine")
    assert found.status is Status.WARN and "offline transcribes" not in found.text
    assert found.text.startswith("nothing transcribes")
    assert "make offline" in found.cure and "gcc" in found.cure
    found = await check("engine", mimo_api_key=KEY)
    assert found.status is Status.OK


async def test_the_remedy_for_a_key_fits_its_plan_and_the_address(mimo: MimoServer) -> None:
    region = f"{mimo.base_url}/token-plan-sgp"
    for key, url, words in (
        (
            "tp-canary0",
            mimo.base_url,
            "set MIMO_BASE_URL to the address of its region: https://tok",
        ),
        ("tp-canary0", region, "works in its own region alone: try another of https://token-plan"),
        ("sk-canary0", region, "belongs to no token plan: remove MIMO_BASE_URL"),
        ("sk-canary0", mimo.base_url, "Copy the key from platform.xiaomimimo.com"),
    ):
        found = await check("mimo", mimo_api_key=key, mimo_base_url=url)
        assert (found.status, found.code) == (Status.FAIL, 77), url
        assert words in found.cure and key not in found.text + found.cure
    found = await check("mimo", mimo_api_key=KEY, mimo_base_url="ftp://x")
    assert (found.status, found.code) == (Status.FAIL, 78)


async def test_an_openai_style_server(mimo: MimoServer) -> None:
    found = await check("openai", openai_base_url=mimo.base_url, openai_api_key=KEY)
    text = "answers, but does not list whisper-1, gpt-4o-mini, tts-1"
    assert (found.status, found.text) == (Status.WARN, text)
    assert found.cure == "Check OPENAI_ASR_MODEL, OPENAI_CHAT_MODEL, OPENAI_TTS_MODEL."
    async with OpenAIServer() as server:
        found = await check("openai", openai_base_url=server.base_url)
        assert (found.status, found.text) == (Status.OK, "has whisper-1, gpt-4o-mini, tts-1")
        found = await check("openai", openai_base_url=server.base_url, openai_chat_model="gpt-9")
        assert (found.status, found.cure) == (Status.WARN, "Check OPENAI_CHAT_MODEL.")
    found = await check("openai", openai_base_url=mimo.base_url)
    assert (found.status, found.code) == (Status.FAIL, 77)


async def test_a_home_that_is_not_writable() -> None:
    # /proc takes no files from anybody, root included.
    found = await check("home", hearsay_home=Path("/proc/hearsay"))
    assert (found.status, found.code) == (Status.FAIL, 78)
    assert "/proc cannot be written to" in found.text


async def test_a_proxy_looks_names_up_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"openai_base_url": "http://no-such-host.invalid/v1", "discord_bot_token": "x"}
    monkeypatch.setenv("HTTPS_PROXY", UNREACHABLE)
    found = await check("names", **values, discord_api_base_url="http://localhost/")
    assert (found.status, found.text) == (Status.OK, "found: localhost")
    found = await check("names", **values, discord_api_base_url="http://no-such-host.invalid/")
    assert (found.status, found.code) == (Status.FAIL, 69)
    assert "no network or no name server" in found.cure
