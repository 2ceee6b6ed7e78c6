"""Checks of who may use the bot, of what that may cost, and of secrets that can be guessed."""

from __future__ import annotations

import re
from itertools import combinations

from bots.doctor.results import CheckRun, Result, ok, warn
from core.config import Settings
from core.engines import Engines
from core.errors import ConfigError
from core.models import ASK, parse_budget

#: Budget settings, and whom each one is for.
_BUDGETS = {
    "budget_person": "each person",
    "budget_chat": "each group",
    "budget_key": "each API key",
    "budget_bot": "the whole bot",
}
#: Passwords and keys that people choose. Tokens are made by the services.
_CHOSEN = ("web_password", "admin_password", "telegram_webhook_secret")
#: Words and rows of keys that count for nothing, and what must be left of a secret without them.
_COMMON = re.compile(
    r"password|passwort|hearsay|telegram|discord|admin|operator|change.?(me|this)|let.?me.?in"
    r"|secret|welcome|qwerty|asdf|iloveyou|default|example|abc|test|0?1234567890?|0?987654321|[\W_]"
)
_MIN_KINDS = 5
#: Shorter numbers are tried out.
_MIN_DIGITS = 20


async def check_access(run: CheckRun) -> Result:
    """Check that the operator knows who may use the bot, and at whose cost."""
    settings = run.settings
    if not _has_platform(settings):
        return ok("no chat platform is on")
    listed = [one for one in settings.allowed_chats if one != ASK]
    if not settings.allowed_chats:
        text = "anybody who finds the bot can use it and spend the budget"
        cure = "Name chats and people in ALLOWED_CHATS, or set it to ask, with ADMIN_IDS."
        return warn(text, cure)
    who = f"{len(listed)} listed in ALLOWED_CHATS" if listed else "those that an operator approves"
    if listed and ASK in settings.allowed_chats:
        who += ", and those that an operator approves"
    return ok(who)


async def check_limits(run: CheckRun) -> Result:
    """Check that budgets allow something, and that they end what strangers may spend."""
    settings = run.settings
    budgets = {name: getattr(settings, name) for name in _BUDGETS}
    nothing = [
        name.upper()
        for name, text in budgets.items()
        if any(limit.most == 0 for limit in parse_budget(text))
    ]
    if nothing:
        text = f"{', '.join(nothing)} allows nothing at all: a limit in it is 0"
        return warn(text, "Raise it; off means that there is no limit.")
    is_paid = settings.mimo_api_key or settings.openai_base_url
    is_open = _has_platform(settings) and not settings.allowed_chats
    if is_paid and is_open and not parse_budget(settings.budget_bot):
        text = "anybody may use the bot, and nothing limits what all together spend: BUDGET_BOT=off"
        return warn(text, "Set BUDGET_BOT, such as 5 USD/day, 20 USD/month, or ALLOWED_CHATS.")
    shown = [f"{who}: {budgets[name]}" for name, who in _BUDGETS.items()]
    return ok("; ".join([*shown, *await _list_service_limits(settings)]))


async def check_secrets(run: CheckRun) -> Result:
    """Check that no password or key can be guessed, and that none opens two things."""
    found = _list_chosen(run.settings)
    weak = [name for name, secret in found if can_be_guessed(secret)]
    if weak:
        cure = "Make a random one: openssl rand -hex 24"
        return warn(f"can be guessed: {', '.join(weak)}", cure)
    pairs = [(a[0], b[0]) for a, b in combinations(found, 2) if a[1] == b[1]]
    if pairs:
        text = "; ".join(f"{one} and {other} are the same" for one, other in pairs)
        return warn(text, "Whoever has one has both: make another for each.")
    return ok("none is easy to guess" if found else "none is set")


async def _list_service_limits(settings: Settings) -> list[str]:
    """Return what the service that transcribes allows its account per minute, if that is known."""
    engines = Engines(settings)
    try:
        limits = engines.transcriber().limits
    except ConfigError:  # the check of the engines tells it
        return []
    finally:
        await engines.close()
    most = ((limits.calls_per_minute, "calls"), (limits.tokens_per_minute, "tokens"))
    known = [f"{number} {what}" for number, what in most if number]
    return [f"the service transcribes with {' and '.join(known)} per minute"] if known else []


def can_be_guessed(secret: str) -> bool:
    """Return whether a secret is made of common words, a few digits or few characters."""
    is_number = secret.isdecimal() and len(secret) < _MIN_DIGITS
    return is_number or len({*_COMMON.sub("", secret.lower())}) < _MIN_KINDS


def _list_chosen(settings: Settings) -> list[tuple[str, str]]:
    """Return the names and values of the secrets that the operator has chosen."""
    chosen = [(name.upper(), settings.secret(name) or "") for name in _CHOSEN]
    keys = [part.partition("=") for part in (settings.secret("api_keys") or "").split(",")]
    chosen += [(f"the API key {name.strip()}", secret) for name, _, secret in keys]
    return [(name, secret) for name, secret in chosen if secret]


def _has_platform(settings: Settings) -> bool:
    return bool(settings.telegram_bot_token or settings.discord_bot_token)
