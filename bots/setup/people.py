"""Questions about who may use the bot, and who operates it."""

from __future__ import annotations

import asyncio
import re
from secrets import token_urlsafe

from bots.common.chat import clean
from bots.setup.draft import Draft
from bots.setup.terminal import ask, choose, confirm, tell, title
from bots.setup.tokens import keep
from bots.telegram_bot.check import list_senders
from core.config import Settings
from core.errors import ConfigError, PlatformError
from core.models import ASK

_OPERATORS = (
    "Operators are told when something needs them, and use /admin in their private chat with the"
    " bot."
)
_TELEGRAM_ID = "Your id on Telegram: send your bot any message, then type find here."
_DISCORD_ID = (
    "Your id on Discord: User Settings, Advanced, Developer Mode on; then right-click your name and"
    " Copy User ID."
)
_FIND = "find"
_PASSWORD_BYTES = 18
_ACCESS = {
    ASK: "everybody who is new waits until an operator approves",
    "ids": "only chats, people and servers that you name",
    "all": "anybody who finds the bot, within the budgets",
}


def ask_for_people(draft: Draft) -> None:
    """Ask for operators, for who may use the bot, and for the operator's view."""
    settings = draft.build()
    if settings.telegram_bot_token or settings.discord_bot_token:
        title("People")
        if not keep(draft, "admin_ids"):
            _ask_for_operators(draft)
        if not keep(draft, "allowed_chats"):
            _ask_for_access(draft)
    title("Operator's view")
    tell("The page /operator shows the queue, failures and costs, and wants a password.")
    if not keep(draft, "admin_password") and confirm("Make one?", default=False):
        draft.set("admin_password", token_urlsafe(_PASSWORD_BYTES))
        tell("It will be in the file, as ADMIN_PASSWORD.")


def _ask_for_operators(draft: Draft) -> None:
    settings = draft.build()
    tell(_OPERATORS)
    if settings.telegram_bot_token:
        tell(_TELEGRAM_ID)
    if settings.discord_bot_token:
        tell(_DISCORD_ID)
    while answer := ask("Operators: ids, separated by commas"):
        found = _find_sender(settings) if answer.lower() == _FIND else _complete(answer, settings)
        if found and _try_to_set(draft, "admin_ids", found):
            return


def _find_sender(settings: Settings) -> str:
    """Return who has written to the bot and is the operator, empty if nobody is."""
    if not settings.telegram_bot_token:
        tell("There is no Telegram bot to ask.")
        return ""
    try:
        senders = asyncio.run(list_senders(settings))
    except PlatformError as error:
        tell(f"Telegram does not tell: {error}")
        return ""
    for sender in senders:
        name = clean(sender.name).strip()
        if confirm(f"{name}, {sender.person_id}: is that you?", default=False):
            return f"telegram:{sender.person_id}"
    if not senders:
        tell("No message has come yet.")
    return ""


def _complete(answer: str, settings: Settings) -> str:
    """Return ids with their platform, where there is only one."""
    both = settings.telegram_bot_token and settings.discord_bot_token
    platform = "telegram" if settings.telegram_bot_token else "discord"
    return answer if both else re.sub(r"(?<![\w:])(?=\d)", f"{platform}:", answer)


def _ask_for_access(draft: Draft) -> None:
    has_operators = draft.is_set("admin_ids")
    choices = {word: text for word, text in _ACCESS.items() if has_operators or word != ASK}
    answer = choose("Who may use the bot", choices, ASK if has_operators else "all")
    if answer == ASK:
        draft.set("allowed_chats", ASK)
    elif answer == "all" and draft.is_set("allowed_chats"):
        draft.set("allowed_chats", "")
    elif answer == "ids":
        while ids := ask("Ids, separated by commas, such as telegram:12345"):
            if _try_to_set(draft, "allowed_chats", ids):
                return


def _try_to_set(draft: Draft, name: str, value: str) -> bool:
    """Note an answer unless it is malformed; return whether it was noted."""
    try:
        draft.build(**{name: value})
    except ConfigError as error:
        tell(str(error))
        return False
    draft.set(name, value)
    return True
