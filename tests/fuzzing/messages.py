"""Updates of Telegram, and messages and interactions of Discord, as our messages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import discord
from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bots.common.chat import clean
from bots.discord_bot.client import gateway
from bots.discord_bot.incoming.messages import ChannelRef, read_messages, read_raw_channel
from bots.discord_bot.interactions.modals import read_modal
from bots.discord_bot.interactions.parser import build_message, parse_interaction, read_focused
from bots.telegram_bot import errors
from bots.telegram_bot.incoming.joining import read_member_changes
from bots.telegram_bot.incoming.updates import ChatMove, read_update
from core.models import Attachment, Message, QuotedMessage
from tests.support import discord_payloads as discord_raw
from tests.support import telegram_updates as telegram_raw

_JSON = TypeAdapter(Message)
_LONGEST_NAME = 255
_HEADER = re.compile(r"[\r\n]")


def seeds() -> Iterator[bytes]:
    for update in _list_updates():
        yield b"t" + json.dumps({"update_id": 1, **update}).encode()
    for raw in _list_discord():
        yield b"d" + json.dumps(raw).encode()
    for data in _list_data():
        yield b"i" + json.dumps(_make_interaction(**data)).encode()


def _list_updates() -> Iterator[dict[str, Any]]:
    make, text = (
        telegram_raw.make,
        telegram_raw.command("/say@hearsay_test_bot cheerful: hello 👩🏽"),
    )
    voice = make(voice=telegram_raw.VOICE, caption="@hearsay_test_bot what?")
    origin = {"type": "user", "date": 1, "sender_user": telegram_raw.ANN}
    channel = {"type": "channel", "date": 1, "chat": telegram_raw.CHANNEL, "message_id": 3}
    file = {"file_id": "d", "file_unique_id": "u", "file_name": "../a.ogg", "file_size": 9}
    yield {"message": make(**text)}
    yield {"message": make(chat=telegram_raw.GROUP, reply_to_message=voice, **text)}
    yield {"edited_message": make(edit_date=1700000009, document=file, forward_origin=origin)}
    quoted = {"origin": channel, "chat": telegram_raw.GROUP, "message_id": 3, "document": file}
    yield {"message": make(text="what?", external_reply=quoted, message_thread_id=3)}
    yield {"message": make(chat=telegram_raw.GROUP, migrate_to_chat_id=-1009)}
    left = {"user": telegram_raw.ANN, "status": "left"}
    change = {"chat": telegram_raw.GROUP, "from": telegram_raw.ANN, "date": 1700000000}
    change |= {"old_chat_member": left, "new_chat_member": left | {"status": "member"}}
    yield {"my_chat_member": change}
    yield {"callback_query": {"id": "9", "from": telegram_raw.ANN, "data": "t", "message": voice}}


def _list_discord() -> Iterator[dict[str, Any]]:
    text = f"<@{discord_raw.BOT}> tell <@!{discord_raw.BOB}> about <a:dance:456> /ask what"
    yield discord_raw.make_raw(text, mentions=[discord_raw.make_user(discord_raw.BOB, "bob")])
    voice = discord_raw.make_voice(member={"nick": "Annie"})
    yield voice
    reply = {"type": 0, "message_id": "5", "channel_id": discord_raw.ROOM}
    yield discord_raw.make_raw("?", type=19, message_reference=reply, referenced_message=voice)
    forward = {"type": 1, "message_id": "1", "channel_id": "2"}
    snapshots = [{"message": {"content": "listen", "attachments": [discord_raw.make_file()]}}]
    yield discord_raw.make_raw(message_reference=forward, message_snapshots=snapshots)
    yield discord_raw.make_raw("later", edited_timestamp="2026-11-21T12:00:05+00:00")


def _list_data() -> Iterator[dict[str, Any]]:
    options = [{"name": "text", "type": 3, "value": "hello <@123>", "focused": True}]
    yield {"data": {"id": "1", "name": "say", "type": 1, "options": options}}
    file, resolved = discord_raw.make_file(waveform="AA"), {"id": "1", "type": 1}
    options = [{"name": "recording", "type": 11, "value": file["id"]}]
    resolved |= {"name": "transcribe", "resolved": {"attachments": {file["id"]: file}}}
    yield {"data": resolved | {"options": options}}
    voice = discord_raw.make_voice()
    messages = {"messages": {voice["id"]: voice}}
    names = ("Transcribe", "Translate", "Read aloud", "Ask")
    base = {"id": "1", "type": 3, "target_id": voice["id"], "resolved": messages}
    yield from ({"data": base | {"name": name}} for name in names)
    press = {"component_type": 2, "custom_id": "h:abcdefghijklmnopqrst-_"}
    yield {"type": 3, "data": press, "message": discord_raw.make_raw("What I said")}
    menu = {"component_type": 3, "custom_id": "s:0", "values": ["p:abcdefghijklmnopqrst-_"]}
    yield {"type": 3, "data": menu, "message": discord_raw.make_raw("What I said")}
    row = {"type": 1, "components": [{"type": 4, "custom_id": "text", "value": "German"}]}
    yield {"type": 5, "data": {"custom_id": "form:1:Translate", "components": [row]}}


def _make_interaction(**fields: Any) -> dict[str, Any]:
    return {
        "id": discord_raw.MESSAGE,
        "application_id": discord_raw.BOT,
        "type": 2,
        "token": "token",
        "version": 1,
        "channel_id": discord_raw.ROOM,
        "channel": {"id": discord_raw.ROOM, "type": 1, "recipients": []},
        "user": discord_raw.make_user(discriminator="0", avatar=None),
        "locale": "de",
        "context": 1,
        "authorizing_integration_owners": {"0": "0"},
        "attachment_size_limit": 10 << 20,
        "entitlements": [],
        "app_permissions": "0",
    } | fields


def check(data: bytes) -> None:
    try:
        raw = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    reader = {b"t": _read_telegram, b"d": _read_discord, b"i": _read_interaction}.get(data[:1])
    if reader and isinstance(raw, dict):
        for message in reader(raw):
            _check_message(message)


def _read_telegram(raw: dict[str, Any]) -> Iterator[Message]:
    with suppress(*errors.POISON):
        for change in read_member_changes(raw, telegram_raw.ME.bot_id):
            assert _is_storable(change.chat_id, change.person_id, change.language)
    with suppress(*errors.POISON):
        found = read_update(raw, telegram_raw.ME, telegram_raw.NOW)
        if isinstance(found, ChatMove):
            assert _is_storable(found.old_id, found.new_id)
        elif found:
            yield found


def _read_discord(raw: dict[str, Any]) -> Iterator[Message]:
    channels = [discord_raw.HERE, discord_raw.ALONE]
    with suppress(*gateway.POISON):
        channels.append(read_raw_channel(raw))
    for channel in channels:
        for is_edit in (False, True):
            with suppress(*gateway.POISON):
                yield from _read_all(raw, channel, is_edit=is_edit)


def _read_all(raw: dict[str, Any], channel: ChannelRef, *, is_edit: bool) -> Iterable[Message]:
    return read_messages(raw, channel, discord_raw.BOT, is_edit=is_edit)


@cache
def _client() -> discord.Client:
    return discord.Client(intents=discord.Intents.none())


def _read_interaction(raw: dict[str, Any]) -> Iterator[Message]:
    try:
        interaction = discord.Interaction(data=raw, state=_client()._connection)  # type: ignore[arg-type]
        data = dict(interaction.data or {})
    except Exception:  # noqa: BLE001  # the SDK's, which logs it and goes on
        return
    parsers: tuple[Callable[[], Any], ...] = (
        lambda: parse_interaction(interaction, discord_raw.BOT),
        lambda: read_modal(data),
    )
    with suppress(*gateway.POISON):
        assert _is_storable(*read_focused(data))
    for parse in parsers:
        parsed = None
        with suppress(*gateway.POISON):
            parsed = parse()
        with suppress(*gateway.POISON):
            if parsed and interaction.user:
                yield build_message(interaction, parsed, discord_raw.BOT, 1_795_262_400.0)


def _check_message(message: Message) -> None:
    """Whatever was read is stored and read again as it was, or cannot be stored at all."""
    assert message.text == clean(message.text) and message.command == clean(message.command)
    assert _is_line(message.sender_name) and _is_line(message.forwarded_from)
    with suppress(PydanticSerializationError):  # one of POISON, like what the readers raise
        stored = _JSON.dump_json(message, exclude_defaults=True)
        assert _JSON.validate_json(stored) == message
    quoted = message.reply_to
    assert quoted is None or quoted.text == clean(quoted.text)
    for holder in (message, quoted):
        _check_attachment(holder)


def _check_attachment(holder: Message | QuotedMessage | None) -> None:
    file: Attachment | None = holder.attachment if holder else None
    if file is None:
        return
    assert _is_line(file.name) and "/" not in file.name and len(file.mime) <= 100
    assert file.size_bytes is None or file.size_bytes >= 0


def _is_line(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and name == clean(name) and not _HEADER.search(name)


def _is_storable(*texts: str) -> bool:
    """Return whether these are texts, which halves of characters make unfit to be stored."""
    return all(isinstance(text, str) for text in texts)
