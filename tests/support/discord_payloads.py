"""Raw Discord messages, users and attachments."""

from __future__ import annotations

from typing import Any

from bots.discord_bot.incoming.messages import ChannelRef

BOT, ANN, BOB = "900000000000000001", "800000000000000001", "800000000000000002"
GUILD, ROOM, THREAD = "700000000000000001", "600000000000000001", "600000000000000002"
#: 2026-11-21 12:00:00 UTC.
MESSAGE = str((1795262400000 - 1420070400000) << 22)
HERE = ChannelRef(GUILD, ROOM)
ALONE = ChannelRef("", ROOM)


def make_user(user_id: str = ANN, name: str = "ann", **fields: Any) -> dict[str, Any]:
    return {"id": user_id, "username": name, "global_name": name.title(), **fields}


def make_raw(content: str = "", **fields: Any) -> dict[str, Any]:
    """Return a message by Ann, updated with `fields`."""
    return {
        "id": MESSAGE,
        "channel_id": ROOM,
        "author": make_user(),
        "content": content,
        "timestamp": "2026-11-21T12:00:00.000000+00:00",
        "edited_timestamp": None,
        "type": 0,
        "flags": 0,
        "attachments": [],
        "embeds": [],
        "mentions": [],
    } | fields


def make_file(name: str = "voice-message.ogg", **fields: Any) -> dict[str, Any]:
    return {
        "id": "500000000000000001",
        "filename": name,
        "content_type": "audio/ogg",
        "size": 4321,
        "url": f"https://cdn.discordapp.com/attachments/1/2/{name}?ex=1&is=2&hm=3&",
    } | fields


def make_voice(**fields: Any) -> dict[str, Any]:
    file = make_file(duration_secs=2.5, waveform="AAAA")
    return make_raw(flags=1 << 13, attachments=[file], **fields)
