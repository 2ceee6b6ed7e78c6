"""The command `hearsay init`: asks for tokens and keys, tries each one, and writes `.env`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bots.discord_bot.check import ask_account as ask_discord_account
from bots.discord_bot.permissions import PERMISSIONS
from bots.doctor.machine_checks import try_to_write
from bots.exit_codes import USAGE, exit_with
from bots.setup.draft import Draft
from bots.setup.engines import ask_for_engines
from bots.setup.people import ask_for_people
from bots.setup.terminal import tell
from bots.setup.tokens import ask_for_discord, ask_for_telegram
from bots.telegram_bot.check import PRIVACY_CURE, PRIVACY_TEXT
from bots.telegram_bot.check import ask_account as ask_telegram_account
from core.config import ENV_FILE, Settings
from core.errors import ConfigError, PlatformError
from core.logs import set_up_logs

_NO_TERMINAL = (
    "init asks its questions on a terminal; without one, copy .env.example to .env and fill it in"
)
_WELCOME = (
    "Enter skips a question, or takes what is in [brackets]. Tokens and keys are not shown while"
    " you paste them, and each one is tried at once. Ctrl-C ends without writing anything."
)
_ADMIN_TEXT = (
    "To transcribe and answer it need not be an admin. As an admin without any other right it"
    " receives all messages in spite of privacy mode:"
)


def run_setup(path: Path) -> None:
    """Ask for settings and write them to `path`.

    Raises ConfigError if the file has mistakes or its folder cannot be written to.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        exit_with(_NO_TERMINAL, USAGE)
    set_up_logs("ERROR")
    draft = Draft(path)
    draft.build()
    if refused := try_to_write(path.absolute().parent):
        raise ConfigError(f"{path} cannot be written: {refused}")
    tell(f"Settings go into {path.absolute()}.")
    tell(_WELCOME)
    ask_for_telegram(draft)
    ask_for_discord(draft)
    ask_for_engines(draft)
    ask_for_people(draft)
    names = draft.write()
    tell()
    if names:
        tell(f"Written to {path}, which only you can read: {', '.join(names)}.")
    else:
        tell("Nothing was changed.")
    asyncio.run(_tell_links(draft.build()))
    _tell_next(path)


async def _tell_links(settings: Settings) -> None:
    """Print the links that add the bot to groups and servers."""
    try:
        if settings.telegram_bot_token:
            telegram = await ask_telegram_account(settings)
            tell()
            tell(f"Telegram: https://t.me/{telegram.username}, or in a group:")
            tell(telegram.group_link)
            tell(_ADMIN_TEXT)
            tell(telegram.admin_link)
            if not telegram.can_read_groups:
                tell(f"Now {PRIVACY_TEXT}. {PRIVACY_CURE}.")
        if settings.discord_bot_token:
            discord = await ask_discord_account(settings)
            tell()
            tell("Discord: this adds the bot to a server, with the permissions that it uses:")
            tell(discord.install_link)
            tell(f"They are {', '.join(f'{one.name} ({one.use})' for one in PERMISSIONS)}.")
    except PlatformError as error:
        tell(f"{error}. hearsay doctor prints the links later.")


def _tell_next(path: Path) -> None:
    """Print how to go on."""
    is_checkout = Path("Makefile").exists() and Path("pyproject.toml").exists()
    run, doctor = ("make run", "make doctor") if is_checkout else ("hearsay run", "hearsay doctor")
    tell()
    if path.resolve() != Path(ENV_FILE).resolve():
        tell(f"hearsay reads the file {ENV_FILE} in the folder in which it is started.")
    tell(f"Start it: {run}")
    tell(f"Check everything: {doctor}")
