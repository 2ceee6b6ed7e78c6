"""Checks of the services: Telegram, Discord and the engines."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from bots.discord_bot.check import DiscordAccount
from bots.discord_bot.check import ask_account as ask_discord
from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG, LOCKED, OTHER
from bots.telegram_bot.check import TelegramAccount
from bots.telegram_bot.check import ask_account as ask_telegram
from bots.telegram_bot.client import TOKEN_REMEDY as TELEGRAM_CURE
from core.config import Settings
from core.engines import OFFLINE, Engines
from core.engines.check import check_service, try_answerer
from core.engines.offline.transcriber import OfflineTranscriber, is_installed
from core.engines.wire.role import HttpRole
from core.engines.wire.speech import make_silence
from core.errors import (
    AssistantError,
    EngineBadReply,
    EngineError,
    EngineLocked,
    ModelGone,
    PlatformLocked,
)

_MAX_SKEW_S = 60.0
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
_MIMO_CURE = (
    "Check MIMO_API_KEY and MIMO_BASE_URL: keys that begin with sk- belong to"
    " https://api.xiaomimimo.com/v1, those with tp- to the token plan's address of their own"
    " region (token-plan-cn, -sgp or -ams)."
)
_BALANCE_CURE = "Top up the account at platform.xiaomimimo.com."
_ESPEAK_CURE = "Run: apt install espeak-ng (on macOS: brew install espeak-ng)"
_OFFLINE_CURE = (
    "A speech service replaces it. To build it: apt install gcc python3-dev, then: make offline"
)
_VERBS = {"transcriber": "transcribes", "answerer": "answers", "synthesizer": "synthesizes"}


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
    groups = "receives all messages in groups"
    if not account.can_read_groups:
        # Not a mistake: as an admin of a group it receives everything all the same.
        groups = "privacy mode is on: in groups it receives commands and replies, unless admin"
    way = ", by webhook" if run.settings.telegram_webhook_url else ""
    return ok(f"{name}{way}, {account.pending} pending; {groups}")


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
        return ok(f"{account.name}, interactions at {account.endpoint_url}, no gateway")
    if not account.can_read:
        return fail(f"{account.name} lacks the Message Content intent", _INTENT_CURE, CONFIG)
    if account.remaining < account.shards:
        cure = "It starts too often: stop it until tomorrow and read its log."
        return fail(f"{account.name} has no session starts left today", cure, OTHER)
    return ok(f"{account.name}, {account.shards} connection(s)")


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


async def check_engine(run: CheckRun) -> Result:
    """Check that each role has an engine that is set up."""
    engines = Engines(run.settings)
    try:
        transcriber, answerer = engines.transcriber(), engines.answerer()
        synthesizer = engines.synthesizer()
        models = [await _find_model(one) for one in (transcriber, answerer, synthesizer)]
    finally:
        await engines.close()
    cures = []
    text = f"{transcriber.name} transcribes ({models[0]})"
    if transcriber.name == OFFLINE and not is_installed():
        text = "nothing transcribes: the offline transcription is not installed"
        cures.append(_OFFLINE_CURE)
    if answerer.name == OFFLINE:
        text += ", questions are answered with extracts"
    else:
        text += f", {answerer.name} answers ({models[1]})"
    if synthesizer.name == OFFLINE and not synthesizer.voices():
        text += ", nothing synthesizes"
        cures.append(_ESPEAK_CURE)
    else:
        text += f", {synthesizer.name} synthesizes ({models[2]})"
    return warn(text, " ".join(cures)) if cures else ok(text)


async def _find_model(engine: Any) -> str:
    """Return the model that the engine will really use."""
    name: str = await engine.find_model() if isinstance(engine, HttpRole) else engine.model
    return name


async def check_mimo(run: CheckRun) -> Result:
    """Check that MiMo accepts the key and has the models."""
    if run.settings.mimo_api_key is None:
        return ok("not set up: MIMO_API_KEY is empty")
    try:
        service = await check_service(run.settings, "mimo")
    except (EngineLocked, EngineBadReply) as error:
        cure = _find_address_cure(run.settings.mimo_base_url, "MIMO_BASE_URL") or _MIMO_CURE
        return fail(f"MiMo refuses access: {error}", cure, LOCKED)
    run.note_clock("MiMo", service.date)
    try:
        # An account without balance may list its models, and refuses calls only.
        with suppress(ModelGone):  # below
            await try_answerer(run.settings, "mimo")
    except EngineLocked as error:
        cure = _BALANCE_CURE if error.status == 402 else _MIMO_CURE
        return fail(f"MiMo refuses calls: {error}", cure, LOCKED)
    except EngineError as error:
        return warn(f"accepts the key, but a test call failed: {error}", "Try again later.")
    listed = ", ".join(model.found for model in service.models if model.found)
    missing = next((model for model in service.models if model.found is None), None)
    if missing is None:
        return ok(f"accepts the key and has {listed}")
    text = f"does not list {' or '.join(missing.wanted)}"
    verb = _VERBS[missing.role]
    cure = f"Set {missing.setting} to auto or to a model that {verb} from MiMo's list."
    if missing.role == "transcriber":
        return fail(f"MiMo {text}", cure, CONFIG)
    return warn(f"has {listed}, but {text}", cure)


async def check_openai(run: CheckRun) -> Result:
    """Check that the OpenAI-style server answers; not every one lists its models."""
    if run.settings.openai_base_url is None:
        return ok("not set up: OPENAI_BASE_URL is empty")
    try:
        service = await check_service(run.settings, "openai")
    except (EngineLocked, EngineBadReply) as error:
        address = run.settings.openai_base_url
        cure = _find_address_cure(address, "OPENAI_BASE_URL") or "Check OPENAI_API_KEY."
        return fail(f"the server refuses access: {error}", cure, LOCKED)
    missing = [model for model in service.models if model.found is None]
    if missing:
        text = f"answers, but does not list {', '.join(model.wanted[0] for model in missing)}"
        return warn(text, f"Check {', '.join(model.setting for model in missing)}.")
    return ok(f"has {', '.join(model.wanted[0] for model in service.models)}")


def _find_address_cure(url: str, setting: str) -> str:
    """Return what is wrong with the address of an API, empty if it looks right."""
    if "/v1" in urlsplit(url).path:
        return ""
    return f"{setting} does not end in /v1, as the addresses of nearly all servers do: add it."


async def check_clock(run: CheckRun) -> Result:
    """Check this machine's clock against those of the services that answered."""
    if not run.skews_s:
        return ok("no service to compare it with")
    service, skew_s = max(run.skews_s.items(), key=lambda item: abs(item[1]))
    if abs(skew_s) > _MAX_SKEW_S:
        text = f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead'}"
        return fail(f"{text} of {service}'s", "Set it from the network (NTP).", OTHER)
    return ok(f"agrees with {service}'s")


async def check_offline(_: CheckRun) -> Result:
    """Check that the offline transcriber works: silence has no words."""
    if not is_installed():
        return warn("offline transcription is not installed", _OFFLINE_CURE)
    engine = OfflineTranscriber()
    try:
        transcript = await engine.transcribe(make_silence(1.0))
    except AssistantError as error:
        cure = "Install hearsay again: pocketsphinx or its model is missing."
        return fail(f"the offline engine does not work: {error}", cure, OTHER)
    finally:
        await engine.close()
    if transcript.text:
        return warn("transcribes words from silence", "Report this.")
    return ok("loads and transcribes")
