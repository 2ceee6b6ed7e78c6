"""Questions for tokens and keys, each of which is tried with its service at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bots.doctor.checks import run_check
from bots.doctor.results import CheckRun, Result, Status
from bots.exit_codes import LOCKED
from bots.setup.draft import Draft
from bots.setup.terminal import ask_secret, choose, confirm, tell, title
from core.config import Settings
from core.logs import list_forms, redact

_TELEGRAM = (
    "In Telegram, send /newbot to @BotFather (https://t.me/BotFather), choose a name, and copy the"
    " token that it answers with."
)
_DISCORD = (
    "At https://discord.com/developers/applications create an application. Under Bot, press Reset"
    " Token and copy it, and turn on the Message Content intent, without which Discord refuses the"
    " bot; it needs no other one."
)
_WHAT_NOW = {
    "again": "try it again",
    "keep": "keep it as it is",
    "other": "type another one",
}


@dataclass(frozen=True, slots=True)
class Secret:
    """A token or key to ask for."""

    #: The setting.
    name: str
    #: What it is, in the question.
    what: str
    #: The check of `hearsay doctor` that tries it.
    check: str


TELEGRAM_TOKEN = Secret("telegram_bot_token", "Token of the Telegram bot", "telegram")
DISCORD_TOKEN = Secret("discord_bot_token", "Token of the Discord bot", "discord")


def ask_for_telegram(draft: Draft) -> None:
    """Ask for the token of the Telegram bot."""
    title("Telegram")
    ask_for_secret(draft, TELEGRAM_TOKEN, _TELEGRAM)


def ask_for_discord(draft: Draft) -> None:
    """Ask for the token of the Discord bot."""
    title("Discord")
    ask_for_secret(draft, DISCORD_TOKEN, _DISCORD)


def ask_for_secret(draft: Draft, secret: Secret, where: str) -> None:
    """Ask for a secret until its service accepts it, or it is kept all the same.

    where: says where to get it. One that is there already is replaced only if that is wanted.
    """
    is_kept = keep(draft, secret.name)
    if is_kept and (try_until_decided(draft, secret.check) or draft.is_fixed(secret.name)):
        return
    tell(where)
    while value := ask_secret(f"{secret.what} (not shown)"):
        if try_until_decided(draft, secret.check, **{secret.name: value}):
            return


def keep(draft: Draft, name: str) -> bool:
    """Return whether a setting has a value that is to stay."""
    if draft.is_fixed(name):
        tell(f"{name.upper()} is set in the environment, which counts before the file.")
        return True
    return draft.is_set(name) and confirm(f"{name.upper()} is set. Keep it?", default=True)


def try_out(settings: Settings, check: str) -> Result:
    """Run one of the checks of `hearsay doctor` and print what it found."""
    result = asyncio.run(run_check(check, CheckRun(settings)))
    # What is good is said in short: the rest comes at the end.
    text = result.text if result.cure else result.text.partition(";")[0]
    cure = f". {result.cure}" if result.cure else ""
    tell(redact(f"{result.status.value}: {text}{cure}", list_forms(settings.secrets())))
    return result


def try_until_decided(draft: Draft, check: str, **tried: str) -> bool:
    """Try values as often as is wanted; note them and return True unless others are to be typed."""
    while (answer := decide(try_out(draft.build(**tried), check))) == "again":
        pass
    if answer == "keep":
        for name, value in tried.items():
            draft.set(name, value)
    return answer == "keep"


def decide(result: Result) -> str:
    """Return what to do after a try: "keep" the value, try it "again" or ask for an "other"."""
    if result.status is not Status.FAIL:
        return "keep"
    if result.code == LOCKED:
        return "other"
    return choose("What now", _WHAT_NOW, "again")
