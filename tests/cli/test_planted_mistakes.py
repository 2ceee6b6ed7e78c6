"""`hearsay doctor` finds each of many mistakes, in one check, with a remedy, and prints no secret.

The names of the mistakes are the ids of the tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.doctor_world import OF_THE_MACHINE, DoctorWorld, make_world
from tests.support.hearsay_command import KEY, PLAIN_KEY, TOKEN
from tests.support.planting import (
    NOWHERE,
    SECRET,
    Plant,
    damage,
    empty_account,
    failing_webhook,
    foreign_webhook,
    full_disk,
    gone_channel,
    hidden_channel,
    home_file,
    kick,
    lost_key,
    mute,
    no_groups,
    no_speech,
    no_webhook,
    old_package,
    open_up,
    other_key,
    put,
    session_starts,
    set_schema,
    taken_port,
    wrong_clock,
)


@dataclass(frozen=True)
class Mistake:
    """A mistake, and how the doctor names it."""

    plant: Plant
    #: The check that finds it, what it says, and a part of the remedy.
    check: str
    text: str
    cure: str
    #: The exit code: 0 for a warning.
    code: int = 0
    #: Other checks that cannot but find it, too.
    also: tuple[str, ...] = ()


LOCKED, CONFIG, STORE, UNREACHABLE, OTHER = 77, 78, 74, 69, 70
MISTAKES = {
    # Telegram
    "the token is not Telegram's": Mistake(
        put(TELEGRAM_BOT_TOKEN=f"{TOKEN}x"), "telegram", "rejects the token", "@BotFather", LOCKED
    ),
    "another program has set a webhook": Mistake(
        foreign_webhook, "telegram", "webhook that is not", "sets or removes it at its start"
    ),
    "no webhook is set, and updates wait": Mistake(
        no_webhook, "telegram", "1 updates wait, and no webhook", "Start hearsay"
    ),
    "Telegram does not reach the webhook": Mistake(
        failing_webhook, "telegram", "Connection refused", f"must reach {NOWHERE}/telegram"
    ),
    "the webhook is not https": Mistake(
        put(
            TELEGRAM_API_BASE_URL="https://api.telegram.org",
            TELEGRAM_WEBHOOK_URL="http://bot.example",
            TELEGRAM_WEBHOOK_SECRET=SECRET,
        ),
        "settings", "TELEGRAM_WEBHOOK_URL must begin with https://", ".env", CONFIG,
    ),
    "the webhook's secret can be guessed": Mistake(
        put(TELEGRAM_WEBHOOK_URL=NOWHERE, TELEGRAM_WEBHOOK_SECRET="canarycanary"),
        "settings", "TELEGRAM_WEBHOOK_SECRET: can be guessed", ".env", CONFIG,
    ),
    "Telegram is out of reach": Mistake(
        put(TELEGRAM_API_BASE_URL=NOWHERE), "telegram", "ConnectError", "Try again", UNREACHABLE
    ),
    "the bot may not join groups": Mistake(
        no_groups, "telegram", "cannot be added to groups", "/setjoingroups"
    ),
    "the bot was removed from a group": Mistake(kick, "groups", "was removed", "Add the bot again"),
    "the bot may not write in a group": Mistake(mute, "groups", "may not send", "permissions"),
    # Discord
    "the token is not Discord's": Mistake(
        put(DISCORD_BOT_TOKEN="canarycanary"), "discord", "rejects the token", "under Bot", LOCKED
    ),
    "the intent is off": Mistake(
        lambda world: world.discord.set_privileged(),
        "discord", "lacks the Message Content intent", "Switch on", CONFIG,
    ),
    "no sessions are left": Mistake(
        session_starts, "discord", "no session starts left", "read its log", OTHER
    ),
    "the public key is another application's": Mistake(
        put(DISCORD_PUBLIC_KEY="ab" * 32), "discord", "DISCORD_PUBLIC_KEY is not", "Copy", CONFIG
    ),
    "interactions are posted elsewhere": Mistake(
        lambda world: setattr(world.discord.world, "endpoint_url", "https://other.example/"),
        "discord", "https://other.example/", "Set DISCORD_PUBLIC_KEY", CONFIG,
    ),
    "the bot lacks permissions in a channel": Mistake(
        hidden_channel, "groups", "lacks Send Messages, Attach Files", "permissions"
    ),
    "a channel is gone": Mistake(gone_channel, "groups", "lacks View Channel", "Add the bot"),
    # Engines
    "the key is not MiMo's": Mistake(
        put(MIMO_API_KEY=f"{KEY}x"), "mimo", "refuses access", "Copy the key", LOCKED
    ),
    "the key belongs to a token plan": Mistake(
        put(MIMO_API_KEY="tp-canary0123456789canary"), "mimo", "refuses", "token-plan-sgp", LOCKED
    ),
    "the account is empty": Mistake(empty_account, "mimo", "refuses calls", "Top up", LOCKED),
    "the model is unknown": Mistake(
        put(MIMO_ASR_MODEL="mimo-v1-asr"), "mimo", "does not list", "MIMO_ASR_MODEL to auto", CONFIG
    ),
    "nothing listens at the address": Mistake(
        put(MIMO_BASE_URL=f"{NOWHERE}/v1"), "mimo", "127.0.0.1:1 failed", "network", UNREACHABLE
    ),
    "the address has no server": Mistake(
        put(OPENAI_BASE_URL="http://no-such-host.invalid/v1"),
        "names", "no address is known for no-such-host.invalid", "spelling", UNREACHABLE,
        also=("openai",),
    ),
    "the address lacks /v1": Mistake(
        lambda world: world.settings.update(OPENAI_BASE_URL=world.mimo.origin, OPENAI_API_KEY=KEY),
        "openai", "refuses access", "OPENAI_BASE_URL does not end in /v1", LOCKED,
    ),
    "there is no such engine": Mistake(
        put(TRANSCRIBER="whisper"), "engine", "TRANSCRIBER is 'whisper'", ".env.example", CONFIG
    ),
    "an engine lacks its setting": Mistake(
        put(ANSWERER="openai"), "engine", "OPENAI_BASE_URL is not set", ".env.example", CONFIG
    ),
    "the engine cannot speak": Mistake(
        no_speech, "engine", "nothing synthesizes", "apt install espeak-ng"
    ),
    # The machine
    "the home is a file": Mistake(
        home_file, "home", "is not a folder", "Set HEARSAY_HOME", CONFIG
    ),
    "the disk is full": Mistake(full_disk, "disk", "1 MB free", "Free space", STORE),
    "the clock is wrong": Mistake(wrong_clock, "clock", "behind of MiMo's", "NTP", OTHER),
    "a package has a hole": Mistake(
        old_package, "packages", "aiohttp 3.13.0 is older than", "requirements.lock", OTHER
    ),
    "the port is taken": Mistake(taken_port, "page", "WEB_PORT", "another port", CONFIG),
    # The database
    "the database is damaged": Mistake(
        damage, "database", "is damaged", "a backup", STORE, also=("key",)
    ),
    "the database is newer": Mistake(
        set_schema("9999"), "database", "newer than this program", "Install the version", STORE
    ),
    "the database is older": Mistake(
        set_schema("0001"), "database", "an older schema", "hearsay migrate"
    ),
    "the database is out of reach": Mistake(
        put(DATABASE_URL="postgresql+psycopg://me:canary0123456789canary@127.0.0.1:1/hearsay"),
        "database", "cannot be read", "Start PostgreSQL", STORE, also=("key",),
    ),
    "the folder of the database is no folder": Mistake(
        put(DATABASE_URL="sqlite:////proc/nowhere/x.db"),
        "database", "/proc/nowhere cannot be used", "correct DATABASE_URL", STORE,
    ),
    "sound cannot be stored": Mistake(
        put(STORAGE_URL="file:///proc/nowhere"),
        "storage", "/proc/nowhere cannot be used", "Check STORAGE_URL", CONFIG,
    ),
    "the key is another database's": Mistake(
        other_key, "key", "is not the key of", "Put the key", CONFIG
    ),
    "the key has no form of a key": Mistake(
        put(HEARSAY_SECRET_KEY=PLAIN_KEY), "key", "is not a Fernet key", "Put the key", CONFIG
    ),
    "the key is lost": Mistake(lost_key, "key", "is missing", "Put the key", CONFIG),
    # Secrets
    "others can read the key": Mistake(
        open_up("home/secret.key", 0o644), "modes", "database key", "chmod 600", CONFIG
    ),
    "others can read the settings": Mistake(
        open_up(".env", 0o644), "modes", "can read the secrets in", "chmod 600"
    ),
    "others can look into the home": Mistake(
        open_up("home", 0o755), "modes", "can read", "chmod 700"
    ),
    "a password is common": Mistake(
        put(ADMIN_PASSWORD="Password-1234"), "secrets", "guessed: ADMIN_PASSWORD", "openssl rand"
    ),
    "a password is short": Mistake(
        put(WEB_PASSWORD="canary"), "page", "shorter than 12", "longer", CONFIG
    ),
    "one password is used twice": Mistake(
        put(ADMIN_PASSWORD="correct horse", API_KEYS="me=correct.horse.battery,you=correct horse"),
        "api", "API_KEYS: entry 2", "name=key", CONFIG, also=("secrets",),
    ),
    # Settings, and what they allow
    "a setting is misspelt": Mistake(
        put(MIMO_API_KEI=KEY), "settings", "MIMO_API_KEI: is not a known", ".env.example", CONFIG
    ),
    "the settings are no text": Mistake(
        put(LOG_FORMAT="text\udcff"), "settings", ".env is not a text in UTF-8", ".env", CONFIG
    ),
    "a setting has no such value": Mistake(
        put(LOG_LEVEL=KEY), "settings", "LOG_LEVEL: ", ".env.example", CONFIG
    ),
    "the file of a secret is missing": Mistake(
        put(OPENAI_API_KEY_FILE="/nowhere"), "settings", "OPENAI_API_KEY_FILE", ".env", CONFIG
    ),
    "anybody may spend anything": Mistake(
        put(ALLOWED_CHATS="", BUDGET_BOT="off"), "limits", "BUDGET_BOT=off", "Set BUDGET_BOT",
        also=("access",),
    ),
    "a budget allows nothing": Mistake(
        put(BUDGET_PERSON="0 min/day"), "limits", "BUDGET_PERSON allows nothing", "Raise it"
    ),
    "the page is open to strangers": Mistake(
        put(WEB_HOST="0.0.0.0"), "page", "WEB_PASSWORD", "Set WEB_PASSWORD", CONFIG
    ),
}  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DoctorWorld]:
    async with make_world(tmp_path, monkeypatch) as world:
        yield world


async def test_without_a_mistake_nothing_is_found(
    world: DoctorWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await world.ask_doctor(capsys)
    assert found.troubles == set(), found.checks
    assert "may answer in all 2" in found.checks["groups"]["text"]
    limits = "the service transcribes with 100 calls and 10000 tokens per minute"
    assert limits in found.checks["limits"]["text"]


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_named_once_with_its_remedy(
    world: DoctorWorld, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    mistake = MISTAKES[name]
    if planted := mistake.plant(world):
        await planted
    found = await world.ask_doctor(capsys)
    check = found.checks[mistake.check]
    assert mistake.text in check["text"] and mistake.cure in check["cure"], check
    assert mistake.text and mistake.cure
    assert check["status"] == ("fail" if mistake.code else "warn")
    assert check["exit_code"] == found.code == mistake.code
    expected = {mistake.check, *mistake.also} - {*OF_THE_MACHINE}
    if mistake.check == "settings":
        assert [*found.checks] == ["settings"]
    assert found.troubles == expected, {one: found.checks[one] for one in found.troubles}
