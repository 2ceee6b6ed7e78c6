"""Endpoints of users, the application, guilds, members, voice states, and Get Gateway Bot."""

from __future__ import annotations

from tests.emulators.discord.api import NO_CONTENT, ApiRequest, ApiResponse
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import emit_voice_state
from tests.emulators.discord.payloads import channel_json, guild_json, member_json, user_json
from tests.emulators.discord.records import STAGE, Guild

DAY_S = 24 * 3600.0
IDENTIFIES_A_DAY = 1000


def get_me(request: ApiRequest) -> ApiResponse:
    extra = {"mfa_enabled": False, "locale": "en-US", "verified": True, "email": None, "flags": 0}
    return 200, user_json(request.world.bot) | extra


def open_dm(request: ApiRequest) -> ApiResponse:
    user_id = str(request.form.get("recipient_id"))
    if user_id not in request.world.users:
        raise bad_field("recipient_id", "NUMBER_TYPE_COERCE", f"Value {user_id} is not snowflake.")
    if request.world.users[user_id].is_bot:
        raise refused(50007)
    return 200, channel_json(request.world, request.world.dm_with(user_id))


def get_application(request: ApiRequest) -> ApiResponse:
    world = request.world
    return 200, {
        "id": world.application_id, "name": world.bot.name, "description": "", "icon": None,
        "bot_public": True, "bot_require_code_grant": False, "owner": user_json(world.developer),
        "team": None, "verify_key": world.public_key, "flags": application_flags(world.privileged),
        "integration_types_config": {"0": {}, "1": {}}, "bot": user_json(world.bot),
        "approximate_guild_count": len(world.guilds),
        "interactions_endpoint_url": world.endpoint_url or None,
    }  # fmt: skip


def application_flags(privileged: set[str]) -> int:
    """Return the application flags of the privileged intents, in their limited form."""
    flags = {"PRESENCES": 1 << 13, "GUILD_MEMBERS": 1 << 15, "MESSAGE_CONTENT": 1 << 19}
    return sum(flag for name, flag in flags.items() if name in privileged)


def get_gateway_bot(request: ApiRequest) -> ApiResponse:
    now = request.world.clock.monotonic()
    used = sum(moment > now - DAY_S for moment in request.api.identifies)
    limit = {
        "total": IDENTIFIES_A_DAY, "remaining": max(0, IDENTIFIES_A_DAY - used),
        "reset_after": int(DAY_S * 1000), "max_concurrency": 1,
    }  # fmt: skip
    return 200, {
        "url": request.api.gateway_url,
        "shards": request.api.shards,
        "session_start_limit": limit,
    }


# --- guilds


def _guild(request: ApiRequest) -> Guild:
    guild = request.world.guilds.get(request.params["guild"])
    if guild is None:
        raise refused(10004)
    if request.world.bot.user_id not in guild.members:
        raise refused(50001)
    return guild


def get_guild(request: ApiRequest) -> ApiResponse:
    return 200, guild_json(request.world, _guild(request))


def get_member(request: ApiRequest) -> ApiResponse:
    member = _guild(request).members.get(request.params["user"])
    if member is None:
        raise refused(10007)
    return 200, member_json(request.world, member)


def edit_voice_state(request: ApiRequest) -> ApiResponse:
    """Modify Current User Voice State: become a speaker on a stage, with MUTE_MEMBERS."""
    guild, me = _guild(request), request.world.bot.user_id
    channel = request.world.find_channel(str(request.form["channel_id"]))
    if channel.kind != STAGE or guild.voices.get(me) != channel.channel_id:
        raise refused(50024)
    if request.form.get("suppress") is False:
        request.world.require(channel, "MUTE_MEMBERS")
        guild.listeners.discard(me)
        emit_voice_state(request.world, guild, me)
    return NO_CONTENT
