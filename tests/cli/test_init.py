"""`hearsay init` on a terminal: asks, tries, and writes `.env`, or leaves it as it was."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from dotenv import dotenv_values

from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.emulators.telegram import TelegramServer
from tests.support.hearsay_command import CANARIES, KEY, TOKEN, Hearsay
from tests.support.terminal import Terminal

TELEGRAM, DISCORD = (
    "Token of the Telegram bot (not shown):",
    "Token of the Discord bot (not shown):",
)
SERVICE, MIMO = "Which one [offline]:", "Key of Xiaomi MiMo (not shown):"
OPERATORS, ACCESS = "Operators: ids, separated by commas:", "Who may use the bot [ask]:"
PASSWORD, AGAIN = "Make one? [y/N]:", "What now [again]:"
EXISTING = f"""\
# my settings

export LOG_LEVEL=WARNING   # quiet
telegram_bot_token='{TOKEN}x'
MAX_FILE_MB=64 # enough
ADMIN_PASSWORD="correct horse 'battery'"
"""


@pytest.fixture(scope="module")
def telegram() -> Iterator[TelegramServer]:
    server = TelegramServer(TOKEN)
    server.start()
    server.set_privacy(is_on=True)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def discord() -> Iterator[DiscordServer]:
    server = DiscordServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def service() -> Iterator[MimoServer]:
    server = MimoServer()
    server.rules.key = KEY
    server.start()
    yield server
    server.stop()


@pytest.fixture
def at(telegram: TelegramServer, discord: DiscordServer, service: MimoServer) -> dict[str, str]:
    """The addresses of the services, which nobody types."""
    return {
        "TELEGRAM_API_BASE_URL": telegram.api_base_url,
        "DISCORD_API_BASE_URL": discord.api_base_url,
        "MIMO_BASE_URL": service.base_url,
    }


def check_hidden(terminal: Terminal, *secrets: str) -> None:
    for secret in (*CANARIES, *secrets):
        assert secret not in terminal.shown


def test_a_whole_setup_is_asked_for_tried_and_written(
    hearsay: Hearsay, at: dict[str, str], telegram: TelegramServer, discord: DiscordServer
) -> None:
    discord.set_privileged()  # nobody has turned the intent on yet
    with Terminal(hearsay, "init", **at) as terminal:
        terminal.answer(TELEGRAM, f"{TOKEN}x")
        terminal.expect("fail: Telegram rejects the token. Copy the token from @BotFather")
        terminal.answer(TELEGRAM, f" {TOKEN} ")
        terminal.expect("ok: @hearsay_test_bot")
        terminal.answer(DISCORD, discord.token)
        terminal.expect("lacks the Message Content intent")
        discord.set_privileged("MESSAGE_CONTENT")
        terminal.answer(AGAIN)
        terminal.answer(SERVICE, "mimo")
        terminal.answer(MIMO, f"{KEY}x")
        terminal.expect("fail: MiMo refuses access")
        terminal.answer(MIMO, KEY)
        terminal.expect("mimo transcribes (mimo-v2.5-asr)")
        terminal.answer(OPERATORS, "find")
        terminal.expect("No message has come yet.")
        ann = telegram.add_user("Ann \x1b[31m")
        telegram.send_text(ann, ann, "hello")
        terminal.answer(OPERATORS, "find")
        terminal.answer(f"{ann}: is that you? [y/N]:", "y")
        terminal.answer(ACCESS)
        terminal.answer(PASSWORD, "y")
        terminal.expect("Written to .env, which only you can read: TELEGRAM_BOT_TOKEN")
        terminal.expect("https://t.me/hearsay_test_bot?startgroup=true ")
        terminal.expect("https://t.me/hearsay_test_bot?startgroup=true&admin=manage_chat ")
        terminal.expect("privacy mode is on")
        terminal.expect("/setprivacy")
        terminal.expect("https://discord.com/oauth2/authorize?client_id=")
        terminal.expect("They are View Channel (sees the channel), Send Messages (answers)")
        terminal.expect("Start it: hearsay run")
        assert terminal.wait() == 0
    path = hearsay.folder / ".env"
    written = dotenv_values(path)
    check_hidden(terminal, discord.token, written["ADMIN_PASSWORD"] or "")
    assert "\x1b[31m" not in terminal.shown
    assert written | {"ADMIN_PASSWORD": ""} == {
        "TELEGRAM_BOT_TOKEN": TOKEN, "DISCORD_BOT_TOKEN": discord.token, "MIMO_API_KEY": KEY,
        "ADMIN_IDS": f"telegram:{ann}", "ALLOWED_CHATS": "ask", "ADMIN_PASSWORD": "",
    }  # fmt: skip
    assert path.stat().st_mode & 0o777 == 0o600
    # The message by which the operator was found is still to be answered.
    assert len(telegram.pending()) == 1
    found = hearsay.doctor(**at)
    assert (found.code, found.failed) == (0, [])
    assert found.checks["modes"]["status"] == found.checks["secrets"]["status"] == "ok"


def test_everything_may_be_skipped(hearsay: Hearsay) -> None:
    with Terminal(hearsay, "init") as terminal:
        for question in (TELEGRAM, DISCORD, SERVICE, PASSWORD):
            terminal.answer(question)
        terminal.expect("Nothing was changed.")
        assert terminal.wait() == 0
    assert "offline transcribes" in terminal.shown or "make offline" in terminal.shown
    assert [*hearsay.folder.iterdir()] == []


@pytest.mark.parametrize("moment", ["at a question", "during a try"])
def test_an_interruption_writes_nothing(
    hearsay: Hearsay, at: dict[str, str], telegram: TelegramServer, moment: str
) -> None:
    telegram.clear_requests()
    if moment == "during a try":
        telegram.fault("getMe", "hang")
    with Terminal(hearsay, "init", **at) as terminal:
        terminal.answer(TELEGRAM, TOKEN)
        if moment == "during a try":
            while not telegram.requests_to("getMe"):
                time.sleep(0.01)  # another process makes the request
        else:
            terminal.expect(DISCORD)
        terminal.interrupt()
        assert terminal.wait() != 0
    check_hidden(terminal)
    assert "Traceback" not in terminal.shown
    assert [*hearsay.folder.iterdir()] == []


def test_what_is_there_stays_unless_it_is_to_be_replaced(
    hearsay: Hearsay, at: dict[str, str]
) -> None:
    path = hearsay.folder / "settings"
    path.write_text(EXISTING)
    path.chmod(0o644)
    link = hearsay.folder / ".env"
    link.symlink_to(path)
    at = at | {"MIMO_API_KEY": KEY}
    with Terminal(hearsay, "init", **at) as terminal:
        terminal.answer("TELEGRAM_BOT_TOKEN is set. Keep it? [Y/n]:")
        terminal.expect("fail: Telegram rejects the token")
        terminal.answer(TELEGRAM, TOKEN)
        terminal.answer(DISCORD)
        terminal.expect("MIMO_API_KEY is set in the environment, which counts before the file.")
        terminal.answer(OPERATORS, "Ann")
        terminal.expect("ADMIN_IDS: ")
        terminal.answer(OPERATORS, "7, 8")
        terminal.answer(ACCESS, "nobody")
        terminal.answer("[ask]:", "ids")
        terminal.answer("such as telegram:12345:", "7,-1001")
        terminal.answer("ADMIN_PASSWORD is set. Keep it? [Y/n]:")
        assert terminal.wait() == 0
    check_hidden(terminal)
    added = "ADMIN_IDS='telegram:7, telegram:8'\nALLOWED_CHATS=7,-1001\n"
    replaced = EXISTING.replace(f"telegram_bot_token='{TOKEN}x'", f"TELEGRAM_BOT_TOKEN={TOKEN}")
    assert path.read_text() == replaced + added and link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in hearsay.folder.iterdir()) == [".env", "settings"]


def test_without_a_network_a_token_may_be_kept_untested(hearsay: Hearsay) -> None:
    nowhere = {"TELEGRAM_API_BASE_URL": "http://127.0.0.1:1", "DENIED_CHATS": "9"}
    with Terminal(hearsay, "init", "--file", "other.env", **nowhere) as terminal:
        terminal.answer(TELEGRAM, TOKEN)
        terminal.expect("fail: ")
        terminal.answer(AGAIN, "keep")
        terminal.answer(DISCORD)
        terminal.answer(SERVICE, "openai")
        terminal.answer("http://127.0.0.1:8000/v1:", "127.0.0.1:1/v1")
        terminal.answer("if it wants one (not shown):")
        terminal.answer(AGAIN, "other")
        terminal.answer("http://127.0.0.1:8000/v1:")
        terminal.answer(OPERATORS)
        terminal.answer("Who may use the bot [all]:")
        terminal.answer(PASSWORD)
        terminal.expect("hearsay reads the file .env")
        assert terminal.wait() == 0
    check_hidden(terminal)
    assert dotenv_values(hearsay.folder / "other.env") == {"TELEGRAM_BOT_TOKEN": TOKEN}


def test_a_key_of_a_token_plan_needs_its_region(hearsay: Hearsay) -> None:
    key = "tp-canary0123456789canary"
    # Nothing of it leaves this machine: there is no such proxy.
    with Terminal(hearsay, "init", HTTPS_PROXY="http://127.0.0.1:1") as terminal:
        terminal.answer(TELEGRAM)
        terminal.answer(DISCORD)
        terminal.answer(SERVICE, "m")
        terminal.answer(MIMO, key)
        terminal.answer("Its region [sgp]:", "ams")
        terminal.answer(AGAIN, "keep")
        terminal.answer(PASSWORD)
        assert terminal.wait() == 0
    check_hidden(terminal)
    address = "https://token-plan-ams.xiaomimimo.com/v1"
    written = {"MIMO_API_KEY": key, "MIMO_BASE_URL": address}
    assert dotenv_values(hearsay.folder / ".env") == written


def test_without_a_terminal_it_says_what_to_do(hearsay: Hearsay) -> None:
    done = hearsay("init")
    assert done.returncode == 2
    assert re.fullmatch(r"hearsay: .* copy \.env\.example to \.env .*\n", done.stderr)


def test_a_file_with_mistakes_is_named_first(hearsay: Hearsay) -> None:
    (hearsay.folder / ".env").write_text(f"MIMO_API_KEI={KEY}\n")
    with Terminal(hearsay, "init") as terminal:
        assert terminal.wait() == 78
        terminal.expect("MIMO_API_KEI: is not a known setting")
        assert "Settings go into" not in terminal.shown
    check_hidden(terminal)
    with Terminal(hearsay, "init", "--file", f"{os.devnull}/x") as terminal:
        assert terminal.wait() == 78
