"""`hearsay doctor` names every mistake with its remedy, and no secret."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import telegram as sdk

from bots.doctor.checks import CHECKS, run_check
from bots.doctor.results import CheckRun, Status
from bots.telegram_bot.check import TelegramAccount, ask_account
from core.config import Settings
from core.models import Transcript
from tests.cli.conftest import check
from tests.emulators.mimo import MimoServer
from tests.emulators.openai import OpenAIServer
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import ask_database, open_store
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


def test_invalid_settings_are_the_only_result(hearsay: Hearsay) -> None:
    (hearsay.folder / ".env").write_text(f"MIMO_API_KEI={KEY}\nMODEL_PROBE={TOKEN}\n")
    found = hearsay.doctor()
    assert (found.code, [*found.checks]) == (78, ["settings"])
    text = found.checks["settings"]["text"]
    assert "MIMO_API_KEI: is not a known setting" in text and "MODEL_PROBE: " in text


async def test_a_foreign_webhook_is_found(telegram: TelegramServer) -> None:
    async with sdk.Bot(TOKEN, base_url=telegram.api_base_url) as bot:
        await bot.set_webhook("http://127.0.0.1:1/canary")
    polls = {"telegram_bot_token": TOKEN, "telegram_api_base_url": telegram.api_base_url}
    receives = polls | {
        "telegram_webhook_url": "http://127.0.0.1:2",
        "telegram_webhook_secret": "canary-0123456789_ABCDEFGHIJKLMNOP",
    }
    for values in (polls, receives):
        found = await check("telegram", **values)
        assert (found.status, found.code) == (Status.WARN, 0)
        assert "webhook" in found.text and "hearsay sets or removes it" in found.cure
        assert "canary" not in found.text + found.cure


async def test_the_state_of_the_own_webhook_is_told(telegram: TelegramServer) -> None:
    values = {
        "telegram_bot_token": TOKEN,
        "telegram_api_base_url": telegram.api_base_url,
        "telegram_webhook_url": "http://127.0.0.1:1",
        "telegram_webhook_secret": "canary-0123456789_ABCDEFGHIJKLMNOP",
    }
    found = await check("telegram", **values)
    assert found.status is Status.OK and "by webhook, 0 pending" in found.text
    ann = telegram.add_user("Ann")
    telegram.send_text(ann, ann, "hello")
    found = await check("telegram", **values)
    assert found.status is Status.WARN
    assert "1 updates wait, and no webhook is set" in found.text
    async with sdk.Bot(TOKEN, base_url=telegram.api_base_url) as bot:
        await bot.set_webhook("http://127.0.0.1:1/telegram/webhook")
    await telegram.wait_for(lambda: "last_error_date" in telegram.webhook())
    found = await check("telegram", **values)
    assert found.status is Status.WARN
    assert "1 updates wait: Connection refused" in found.text
    assert "http://127.0.0.1:1/telegram/webhook" in found.cure
    assert "canary" not in found.text + found.cure


async def test_privacy_mode_is_noted_and_a_wrong_token_fails(telegram: TelegramServer) -> None:
    telegram.set_privacy(is_on=True)
    values = {"telegram_bot_token": TOKEN, "telegram_api_base_url": telegram.api_base_url}
    found = await check("telegram", **values)
    assert found.status is Status.OK and "privacy mode is on" in found.text
    for wrong in (f"{TOKEN}x", "nonsense"):
        found = await check("telegram", **{**values, "telegram_bot_token": wrong})
        assert (found.status, found.code) == (Status.FAIL, 77)


async def test_telegram_is_unreachable() -> None:
    values = {"telegram_bot_token": TOKEN, "telegram_api_base_url": f"{UNREACHABLE}/bot"}
    found = await check("telegram", **values)
    assert (found.status, found.code) == (Status.FAIL, 69)
    assert TOKEN not in found.text


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


async def test_a_machine_without_speech_synthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.engines.offline.espeak.find_program", lambda: None)
    monkeypatch.setattr("core.engines.offline.espeak.has_library", lambda: False)
    found = await check("engine")
    assert found.status is Status.WARN and found.text.endswith("nothing synthesizes")
    assert "apt install espeak-ng" in found.cure
    found = await check("engine", mimo_api_key=KEY)
    assert found.status is Status.OK


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


async def test_a_key_of_another_plan_and_an_unreachable_service(mimo: MimoServer) -> None:
    found = await check("mimo", mimo_api_key="tp-canary", mimo_base_url=mimo.base_url)
    assert (found.status, found.code) == (Status.FAIL, 77)
    assert "token-plan-cn" in found.cure and "tp-canary" not in found.text
    found = await check("mimo", mimo_api_key=KEY, mimo_base_url=f"{UNREACHABLE}/v1")
    assert (found.status, found.code) == (Status.FAIL, 69)
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


@pytest.mark.parametrize("service", ["telegram", "mimo"])
async def test_a_wrong_clock(
    telegram: TelegramServer, mimo: MimoServer, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {key.lower(): value for key, value in at(telegram, mimo).items()}
    run = CheckRun(Settings(_env_file=None, **values))  # type: ignore[call-arg]
    account = await ask_account(run.settings)
    now = format_datetime(datetime.now(UTC), usegmt=True)

    async def ask(_: Settings) -> TelegramAccount:
        return replace(account, date=now)

    monkeypatch.setattr("bots.doctor.platform_checks.ask_telegram", ask)
    late = SimpleNamespace(now=lambda: datetime.now(UTC) - timedelta(hours=1))
    monkeypatch.setattr("bots.doctor.results.CLOCK", late)
    assert (await run_check(service, run)).status is Status.OK
    found = await run_check("clock", run)
    assert (found.status, found.code) == (Status.FAIL, 70)
    assert found.text.startswith("this machine's clock is 3") and "behind" in found.text


async def test_a_database_that_is_newer_or_damaged(tmp_path: Path) -> None:
    home = tmp_path / "home"
    await fill(home)
    ask_database(home, "UPDATE alembic_version SET version_num = '9999'")
    found = await check("database", hearsay_home=home)
    assert (found.status, found.code) == (Status.FAIL, 74)
    assert "newer than this program" in found.text
    path = home / "hearsay.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xaa" * 4096
    path.write_bytes(data)
    found = await check("database", hearsay_home=home)
    assert (found.status, found.code) == (Status.FAIL, 74)


async def test_a_home_that_is_not_writable(tmp_path: Path) -> None:
    # /proc takes no files from anybody, root included.
    found = await check("home", hearsay_home=Path("/proc/hearsay"))
    assert (found.status, found.code) == (Status.FAIL, 78)
    assert "/proc cannot be written to" in found.text
    file = tmp_path / "home"
    file.write_text("a file where the folder should be")
    found = await check("home", hearsay_home=file)
    assert (found.status, found.code) == (Status.FAIL, 78)
    assert (found.text, found.cure) == (f"{file} is not a folder", "Set HEARSAY_HOME to a folder.")
