"""Discord's channels and raw messages as ours. Pure; names and sizes are the sender's claims.

The gateway, the REST API and interactions write a message in the same shape. On unexpected shapes
the functions raise LookupError, TypeError, ValueError or AttributeError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import discord
from discord.utils import snowflake_time

from bots.common.chat import clean, clean_line, pick_mentioned, read_length
from core.models import Attachment, Chat, Message, QuotedMessage

PLATFORM = "discord"
#: Message ids of interactions: this prefix and Discord's id of the interaction.
INTERACTION_PREFIX = "interaction:"
#: Stands for an author that Discord does not name.
UNKNOWN_AUTHOR = "?"

#: File name endings of audio and video, for files whose type does not say so.
RECORDING_ENDINGS = (
    *(".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".m4a", ".m4b", ".aac", ".wav", ".flac"),
    *(".webm", ".weba", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".3g2"),
    *(".amr", ".awb", ".aiff", ".aif", ".aifc", ".caf", ".wma", ".wmv", ".ape", ".au", ".mka"),
)
#: What files have as type whose name does not tell it.
_NO_TYPE = frozenset({"", "application/octet-stream", "binary/octet-stream"})
#: Message flags: one that a single person sees, and a voice message.
_EPHEMERAL_FLAG, VOICE_FLAG = 1 << 6, 1 << 13
#: Types of messages that people write; others report members, pins, calls.
_DEFAULT, _REPLY = 0, 19
#: Type of a message reference: a forward.
_FORWARD = 1

#: Channel types that are threads, and the one that only its own members see.
_THREADS, _PRIVATE_THREAD = frozenset({10, 11, 12}), 12

_COMMAND = re.compile(r"/(\w{1,32})(?!\S)")
_MENTION = re.compile(r"<@!?([0-9]{1,20})>")
_EMOJI = re.compile(r"<a?(:\w{1,64}:)[0-9]{1,20}>")


@dataclass(frozen=True, slots=True)
class ChannelRef:
    """A channel; public threads and forum posts belong to the chat of their parent channel.

    A private thread is a chat of its own: those who see the channel need not see the thread.
    """

    #: Empty in private chats.
    guild_id: str
    chat_id: str
    thread_id: str | None = None
    #: The channel that a private thread belongs to.
    parent_id: str = ""

    @property
    def channel_id(self) -> str:
        """The id of the channel or thread that messages are sent to."""
        return self.thread_id or self.chat_id


def read_channel(channel: discord.abc.GuildChannel | discord.Thread) -> ChannelRef:
    """Return discord.py's channel as ours."""
    guild_id, channel_id = str(channel.guild.id), str(channel.id)
    if isinstance(channel, discord.Thread):
        return _read_thread(guild_id, channel_id, str(channel.parent_id), channel.is_private())
    return ChannelRef(guild_id, channel_id)


def read_raw_channel(raw: Mapping[str, Any]) -> ChannelRef:
    """Return the REST API's channel object as ours."""
    guild_id, channel_id = str(raw.get("guild_id") or ""), str(raw["id"])
    if (kind := raw.get("type")) in _THREADS and raw.get("parent_id"):
        is_private = kind == _PRIVATE_THREAD
        return _read_thread(guild_id, channel_id, str(raw["parent_id"]), is_private)
    return ChannelRef(guild_id, channel_id)


def _read_thread(guild_id: str, thread_id: str, parent_id: str, is_private: bool) -> ChannelRef:
    if is_private:
        return ChannelRef(guild_id, thread_id, parent_id=parent_id)
    return ChannelRef(guild_id, parent_id, thread_id)


def read_messages(
    raw: Mapping[str, Any], channel: ChannelRef, bot_id: str, *, is_edit: bool = False
) -> list[Message]:
    """Return what a person wrote: one message per recording in it, one if there is none, or []."""
    if not is_from_person(raw, bot_id) or (is_edit and not raw.get("edited_timestamp")):
        return []
    author, attachments = raw["author"], [*read_attachments(raw, may_guess=not channel.guild_id)]
    message = Message(
        chat=Chat(PLATFORM, bot_id, channel.chat_id),
        message_id=str(raw["id"]),
        sent_at=_read_time(int(raw["id"])),
        sender_id=str(author["id"]), sender_name=read_name(author, raw.get("member")),
        thread_id=channel.thread_id, parent_id=channel.parent_id,
        server_id=channel.guild_id, is_private=not channel.guild_id,
        edit_id=_read_edit_id(raw) if is_edit else "",
        text=read_content(raw, bot_id),
        attachment=attachments[0] if attachments else None,
        has_other_file=not (attachments or channel.guild_id) and any(list_files(raw)),
        reply_to=_read_reply(raw, bot_id),
        forwarded_from=UNKNOWN_AUTHOR if raw.get("message_snapshots") else "",
    )  # fmt: skip
    message = _read_command(raw, message, bot_id)
    # An edit that leaves nothing still replaces what a group chat's summary would quote.
    is_something = message.text or attachments or message.command or message.has_other_file
    if not (is_something or (is_edit and channel.guild_id)):
        return []
    # A question is asked once, and an edit cannot add files.
    others = [] if is_edit or message.command not in ("", "transcribe") else attachments[1:]
    return [message, *(_copy(message, one, n) for n, one in enumerate(others, 1))]


def _copy(message: Message, attachment: Attachment, number: int) -> Message:
    """Return the message for a further recording; its edit id sorts before those of real edits."""
    return replace(message, attachment=attachment, edit_id=f"0:{number}")


def is_from_person(raw: Mapping[str, Any], bot_id: str) -> bool:
    """Tell people from bots, webhooks and Discord itself: replying to those makes loops."""
    author = raw.get("author") or {}
    if author.get("bot") or author.get("system") or str(author.get("id")) == bot_id:
        return False
    if not author or raw.get("webhook_id") or raw.get("application_id"):
        return False
    return raw.get("type", _DEFAULT) in (_DEFAULT, _REPLY)


def read_quoted(raw: Mapping[str, Any], bot_id: str, *, has_links: bool = False) -> QuotedMessage:
    """Return a message as one that is replied to. has_links: see `read_attachments`."""
    sender_id = str((raw.get("author") or {}).get("id") or "")
    attachment = next(read_attachments(raw, has_links=has_links, may_guess=True), None)
    return QuotedMessage(
        str(raw["id"]),
        read_content(raw, bot_id),
        attachment,
        sender_id,
        origin_id=read_origin(raw),
        is_forwarded=bool(raw.get("message_snapshots")),
    )


def read_origin(raw: Mapping[str, Any]) -> str:
    """Return where the original of a forward is, "CHANNEL/MESSAGE", empty if it is none.

    Discord does not say who wrote it: see `ForwardOrigins`.
    """
    reference = raw.get("message_reference") or {}
    if not raw.get("message_snapshots") or not reference.get("message_id"):
        return ""
    return f"{reference.get('channel_id')}/{reference['message_id']}"


def read_content(raw: Mapping[str, Any], bot_id: str) -> str:
    """Return the text of a message, or of what it forwards, with names in place of mentions.

    Mentions of the bot are left out.
    """
    if snapshots := raw.get("message_snapshots"):
        raw = snapshots[0].get("message") or {}
    names = {str(u["id"]): read_name(u) for u in raw.get("mentions") or ()}

    def name(match: re.Match[str]) -> str:
        user_id = match[1]
        return "" if user_id == bot_id else f"@{names[user_id]}" if user_id in names else match[0]

    text = _EMOJI.sub(r"\1", _MENTION.sub(name, raw.get("content") or ""))
    return clean(text).strip()


def _read_time(message_id: int) -> datetime:
    """Return when a message was sent. Raises ValueError if that is no id of 63 bits."""
    if not 0 <= message_id < 1 << 63:
        raise ValueError("no id of a message")
    return snowflake_time(message_id)


def read_name(user: Mapping[str, Any], member: Mapping[str, Any] | None = None) -> str:
    """Return a person's nickname in the server, else their display name or user name."""
    nick = (member or {}).get("nick")
    return clean_line(nick or user.get("global_name") or user.get("username") or "")


def list_files(raw: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Yield a message's files, forwarded ones too, and whether each is a voice message."""
    snapshots = raw.get("message_snapshots") or ()
    for holder in (raw, *(one.get("message") or {} for one in snapshots)):
        for file in holder.get("attachments") or ():
            yield file, bool((holder.get("flags") or 0) & VOICE_FLAG)


def read_attachments(
    raw: Mapping[str, Any], *, has_links: bool = False, may_guess: bool = False
) -> Iterator[Attachment]:
    """Yield the recordings of a message and of what it forwards.

    has_links: add links to their ids, for messages that the bot cannot fetch. may_guess: take
    files of no stated type for recordings, since their content may be sound.
    """
    is_ephemeral = (raw.get("flags") or 0) & _EPHEMERAL_FLAG
    for file, is_voice in list_files(raw):
        # Links are signed anew each time: they are no part of a recording's id.
        url = str(file.get("url") or "") if has_links else ""
        file_id = f"{raw['channel_id']}/{raw['id']}/{file['id']} {url}".rstrip()
        if url and is_ephemeral:
            # The API knows no such message, so by its ids it would count as deleted.
            file_id = url
        attachment = build_attachment(file, file_id, is_voice=is_voice)
        has_type = attachment.mime.startswith(("audio/", "video/", "application/ogg"))
        has_type |= may_guess and attachment.mime in _NO_TYPE
        if has_type or attachment.name.lower().rstrip(" .").endswith(RECORDING_ENDINGS):
            yield attachment


def build_attachment(
    file: Mapping[str, Any], file_id: str, *, is_voice: bool = False
) -> Attachment:
    """Return Discord's attachment object as ours."""
    mime = clean(file.get("content_type") or "").lower().split(";")[0].strip()[:100]
    kind: Literal["voice", "audio", "video", "document"] = "document"
    if is_voice:
        kind = "voice"
    elif mime.startswith("audio/"):
        kind = "audio"
    elif mime.startswith("video/"):
        kind = "video"
    size = file.get("size")
    return Attachment(
        file_id=file_id,
        kind=kind,
        # Without a path: it is shown to people, never opened.
        name=clean_line((file.get("filename") or "").replace("\\", "/").split("/")[-1]),
        mime=mime,
        size_bytes=size if isinstance(size, int) and size >= 0 else None,
        duration_s=read_length(file.get("duration_secs")),
    )


def _read_edit_id(raw: Mapping[str, Any]) -> str:
    edited_at = datetime.fromisoformat(raw["edited_timestamp"])
    return str(int(edited_at.timestamp() * 1000))


def _read_reply(raw: Mapping[str, Any], bot_id: str) -> QuotedMessage | None:
    """Return the message that this one replies to, None if it is no reply."""
    reference = raw.get("message_reference") or {}
    if reference.get("type", 0) == _FORWARD or not reference.get("message_id"):
        return None
    if quoted := raw.get("referenced_message"):
        return read_quoted(quoted, bot_id)
    # Deleted since, or not loaded by Discord.
    return QuotedMessage(str(reference["message_id"]))


def _read_command(raw: Mapping[str, Any], message: Message, bot_id: str) -> Message:
    """Return the message with what a mention of the bot asks for, or with the typed command.

    A forward asks for nothing, and gets its origin.

    Discord sends "/name" as a text if it knows no such command. In servers it may be another bot's.
    """
    if message.forwarded_from:
        return replace(message, origin_id=read_origin(raw))
    if message.is_private and (typed := _COMMAND.match(message.text)):
        return replace(message, command=typed[1].lower(), text=message.text[typed.end() :].strip())
    if bot_id not in _MENTION.findall(raw.get("content") or ""):
        return message
    return replace(message, command=pick_mentioned(message, bot_id))
