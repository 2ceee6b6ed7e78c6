"""What can be found out about a bot before it starts: for `hearsay doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from core.config import Settings
from core.errors import PlatformBusy, PlatformError, PlatformLocked

_DEADLINE_S = 10.0
#: Flags of an application: it may read messages, by approval or because it is small.
_MAY_READ = 1 << 18 | 1 << 19


@dataclass(frozen=True, slots=True)
class DiscordAccount:
    """What Discord says of the bot behind a token."""

    name: str
    #: False while the Message Content intent is switched off: then the gateway refuses us.
    can_read: bool
    #: Connections that Discord recommends, and how many may still be begun until the reset.
    shards: int
    remaining: int
    #: Discord's clock as the Date header says it, empty if it does not.
    date: str


async def ask_account(settings: Settings) -> DiscordAccount:
    """Return what Discord says of the token. Raises PlatformLocked, other PlatformErrors."""
    base = settings.discord_api_base_url.rstrip("/")
    headers = {"Authorization": f"Bot {settings.secret('discord_bot_token')}"}
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            me, date = await _ask(session, f"{base}/users/@me")
            application, _ = await _ask(session, f"{base}/applications/@me")
            gateway, _ = await _ask(session, f"{base}/gateway/bot")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PlatformBusy(f"Discord cannot be reached: {type(error).__name__}") from None
    try:
        return DiscordAccount(
            name=str(me["username"]),
            can_read=bool(int(application.get("flags") or 0) & _MAY_READ),
            shards=int(gateway["shards"]),
            remaining=int(gateway["session_start_limit"]["remaining"]),
            date=date,
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        raise PlatformError("DISCORD_API_BASE_URL does not answer as Discord does") from None


async def _ask(session: aiohttp.ClientSession, url: str) -> tuple[dict[str, Any], str]:
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status == 401:
            raise PlatformLocked("Discord does not take the bot's token")
        if answer.status == 429 or answer.status >= 500:
            raise PlatformBusy(f"Discord answered {answer.status}")
        if answer.status != 200:
            raise PlatformError(f"Discord answered {answer.status}")
        try:
            found = await answer.json(content_type=None)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise PlatformError("DISCORD_API_BASE_URL does not answer as Discord does")
        return found, answer.headers.get("Date", "")
