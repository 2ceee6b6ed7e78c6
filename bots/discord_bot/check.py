"""Checks of the bot's account before it starts, for `hearsay doctor` and `init`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp

from bots.discord_bot.errors import TOKEN_REFUSED
from bots.discord_bot.permissions import build_install_link
from core.config import Settings
from core.errors import PlatformBusy, PlatformError, PlatformLocked

_DEADLINE_S = 10.0
#: Application flags: the Message Content intent is on, for a verified app or a small one.
_MESSAGE_CONTENT = 1 << 18 | 1 << 19


@dataclass(frozen=True, slots=True)
class DiscordAccount:
    """The account behind a bot token."""

    name: str
    application_id: str
    #: False while the Message Content intent is off: the gateway then refuses the bot.
    can_read: bool
    #: Recommended shard count, and sessions left until the daily reset.
    shards: int
    remaining: int
    #: What verifies the application's requests, and where interactions are posted, "" = nowhere.
    public_key: str
    endpoint_url: str
    #: The Date header of Discord's response, empty if it has none.
    date: str

    @property
    def install_link(self) -> str:
        """The link that adds the bot to a server, with the permissions that it uses."""
        return build_install_link(self.application_id)


async def ask_account(settings: Settings) -> DiscordAccount:
    """Return the account of the token. Raises PlatformLocked, other PlatformErrors."""
    base = settings.discord_api_base_url.rstrip("/")
    headers = {"Authorization": f"Bot {settings.secret('discord_bot_token')}"}
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            me, date = await _get(session, f"{base}/users/@me")
            application, _ = await _get(session, f"{base}/applications/@me")
            gateway, _ = await _get(session, f"{base}/gateway/bot")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise PlatformBusy(f"Discord cannot be reached: {type(error).__name__}") from None
    try:
        return DiscordAccount(
            name=str(me["username"]),
            application_id=str(application["id"]),
            can_read=bool(int(application.get("flags") or 0) & _MESSAGE_CONTENT),
            shards=int(gateway["shards"]),
            remaining=int(gateway["session_start_limit"]["remaining"]),
            public_key=str(application.get("verify_key") or ""),
            endpoint_url=str(application.get("interactions_endpoint_url") or ""),
            date=date,
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        raise PlatformError("DISCORD_API_BASE_URL does not answer as Discord does") from None


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[dict[str, Any], str]:
    async with session.get(url, allow_redirects=False) as response:
        if response.status == 401:
            raise PlatformLocked(TOKEN_REFUSED)
        if response.status == 429 or response.status >= 500:
            raise PlatformBusy(f"Discord answered {response.status}")
        if response.status != 200:
            raise PlatformError(f"Discord answered {response.status}")
        try:
            body = await response.json(content_type=None)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise PlatformError("DISCORD_API_BASE_URL does not answer as Discord does")
        return body, response.headers.get("Date", "")
