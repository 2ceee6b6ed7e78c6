"""Checks of the bot's accounts on Telegram and Discord, and of the groups that it is used in."""

from __future__ import annotations

from bots.discord_bot.channel_check import find_faults as find_discord_faults
from bots.discord_bot.check import DiscordAccount
from bots.discord_bot.check import ask_account as ask_discord
from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG, LOCKED, OTHER
from bots.telegram_bot.check import PRIVACY_CURE, PRIVACY_TEXT, TelegramAccount
from bots.telegram_bot.check import ask_account as ask_telegram
from bots.telegram_bot.check import find_faults as find_telegram_faults
from bots.telegram_bot.client import TOKEN_REMEDY as TELEGRAM_CURE
from core.config import Settings
from core.errors import AssistantError, ConfigError, PlatformLocked, StoreError
from core.models import Chat
from core.store.database.check import examine, list_recent_chats
from core.store.database.encryption import build_cipher
from core.store.database.key import KeyFit, examine_key, find_keys

_DISCORD_CURE = "Copy the token from discord.com/developers/applications, under Bot."
_INTENT_CURE = (
    "Switch on the Message Content intent at discord.com/developers/applications, under Bot."
)
_KEY_CURE = "Copy the public key from discord.com/developers/applications, General Information."
_ENDPOINT_CURE = (
    "Enter the address at which Discord reaches this program, https://…/discord/interactions, at"
    " discord.com/developers/applications, General Information, Interactions Endpoint URL."
)
_NO_KEY_CURE = (
    "Set DISCORD_PUBLIC_KEY, or empty the Interactions Endpoint URL at"
    " discord.com/developers/applications, General Information."
)
_GROUPS_CURE = "Send /setjoingroups to @BotFather and choose Enable."
_RIGHTS_CURE = "Add the bot again, or give it these permissions in the settings of the chat."
#: How many chats of each platform are asked about, and how many are named.
_ASKED, _NAMED = 20, 5


async def check_telegram(run: CheckRun) -> Result:
    """Check that the token is accepted and updates can be polled or delivered."""
    if run.settings.telegram_bot_token is None:
        return ok("not set up: TELEGRAM_BOT_TOKEN is empty")
    try:
        account = await ask_telegram(run.settings)
    except PlatformLocked:
        return fail("Telegram rejects the token", TELEGRAM_CURE, LOCKED)
    run.note_clock("Telegram", account.date)
    name = f"@{account.username}"
    if result := _check_webhook(run.settings.telegram_webhook_url, account):
        return result
    if not account.can_join_groups:
        return warn(f"{name} cannot be added to groups", _GROUPS_CURE)
    groups = "receives all messages in groups"
    if not account.can_read_groups:
        # Not a mistake: as an admin of a group it receives everything all the same.
        groups = f"{PRIVACY_TEXT}. {PRIVACY_CURE}, or add it as an admin: {account.admin_link}"
    way = ", by webhook" if run.settings.telegram_webhook_url else ""
    add = f"to add it to a group: {account.group_link}"
    return ok(f"{name}{way}, {account.pending} pending; {add} ; {groups}")


def _check_webhook(url: str | None, account: TelegramAccount) -> Result | None:
    """Return what is wrong with where updates are delivered, None if nothing is."""
    name, is_ours = f"@{account.username}", account.webhook_url == url
    if account.webhook_url and not is_ours:
        cure = "hearsay sets or removes it at its start. Another program needs a bot of its own."
        return warn(f"{name} has a webhook that is not TELEGRAM_WEBHOOK_URL", cure)
    if url and not is_ours and account.pending:
        waiting = f"{account.pending} updates wait, and no webhook is set"
        return warn(f"{name}: {waiting}", "Start hearsay, which sets it.")
    if is_ours and account.webhook_error:
        failure = f"{account.pending} updates wait: {account.webhook_error}"
        cure = f"Telegram must reach {url} through the proxy; without the secret it answers 403."
        return warn(f"{name} cannot deliver, {failure}", cure)
    return None


async def check_discord(run: CheckRun) -> Result:
    """Check that the token is accepted and the gateway will take the bot."""
    if run.settings.discord_bot_token is None:
        return ok("not set up: DISCORD_BOT_TOKEN is empty")
    try:
        account = await ask_discord(run.settings)
    except PlatformLocked:
        return fail("Discord rejects the token", _DISCORD_CURE, LOCKED)
    run.note_clock("Discord", account.date)
    if fault := _find_endpoint_fault(run.settings, account):
        return fault
    if run.settings.discord_gateway == "off":
        way = f"interactions at {account.endpoint_url}, no gateway"
        return ok(f"{account.name}, {way}; to add it to a server: {account.install_link}")
    if not account.can_read:
        return fail(f"{account.name} lacks the Message Content intent", _INTENT_CURE, CONFIG)
    if account.remaining < account.shards:
        cure = "It starts too often: stop it until tomorrow and read its log."
        return fail(f"{account.name} has no session starts left today", cure, OTHER)
    way = f"{account.shards} connection(s)"
    return ok(f"{account.name}, {way}; to add it to a server: {account.install_link}")


def _find_endpoint_fault(settings: Settings, account: DiscordAccount) -> Result | None:
    """Return why interactions do not arrive, None if they do."""
    key, url = settings.discord_public_key, account.endpoint_url
    if key and key != account.public_key:
        return fail(f"DISCORD_PUBLIC_KEY is not that of {account.name}", _KEY_CURE, CONFIG)
    if url and not key:
        text = f"Discord posts the interactions of {account.name} to {url}, not to the gateway"
        return fail(text, _NO_KEY_CURE, CONFIG)
    if settings.discord_gateway == "off" and not url:
        # It can be saved only while the program runs.
        return warn(f"Discord does not know where to post what {account.name} gets", _ENDPOINT_CURE)
    return None


async def check_groups(run: CheckRun) -> Result:
    """Check that the bot may answer in the groups and channels that used it last."""
    found = await _list_groups(run.settings)
    if found is None:
        return ok("not checked: the database cannot be read")
    if not found:
        return ok("none has used the bot yet")
    try:
        faults = await _find_faults(run.settings, found)
    except AssistantError as error:
        # The check of the platform has told it.
        return ok(f"not checked: {error}")
    if not faults:
        return ok(f"the bot may answer in all {len(found)} that used it last")
    named = "; ".join(f"{chat} {fault}" for chat, fault in [*faults.items()][:_NAMED])
    rest = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return warn(
        f"the bot cannot work in {len(faults)} of {len(found)}: {named}{rest}", _RIGHTS_CURE
    )


async def _list_groups(settings: Settings) -> list[Chat] | None:
    """Return the groups and channels that were used last, None if the database cannot be read."""
    platforms = {"telegram": settings.telegram_bot_token, "discord": settings.discord_bot_token}
    try:
        condition = await examine(settings.url)
        source = find_keys(settings)
        if not condition.is_there:
            return []
        if condition.damage or condition.schema != "current":
            return None
        if await examine_key(settings.url, source, is_complete=False) is KeyFit.EMPTY:
            return []
        cipher = build_cipher(source)
        found = [
            await list_recent_chats(settings.url, cipher, name)
            for name, token in platforms.items()
            if token
        ]
    except (StoreError, ConfigError, OSError):
        return None
    return [chat for one in found for chat in filter(_is_group, one)][: 2 * _ASKED]


def _is_group(chat: Chat) -> bool:
    """Return whether a chat is a group of Telegram or a channel of Discord."""
    is_telegram = chat.platform == "telegram"
    return chat.chat_id.startswith("-") if is_telegram else chat.chat_id.isdecimal()


async def _find_faults(settings: Settings, chats: list[Chat]) -> dict[str, str]:
    """Return why the bot cannot work in chats: "telegram:ID" -> reason. Raises PlatformError."""
    faults: dict[str, str] = {}
    kinds = (("telegram", find_telegram_faults), ("discord", find_discord_faults))
    for platform, find_faults in kinds:
        ids = [chat.chat_id for chat in chats if chat.platform == platform][:_ASKED]
        if ids:
            found = await find_faults(settings, ids)
            faults |= {f"{platform}:{chat_id}": fault for chat_id, fault in found.items()}
    return faults
