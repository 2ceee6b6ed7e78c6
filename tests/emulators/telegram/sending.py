"""Methods that send, edit and delete messages."""

from __future__ import annotations

from typing import Any

from tests.emulators.telegram.api import ApiRequest
from tests.emulators.telegram.entities import Entity, check_entities, is_link, utf16_length
from tests.emulators.telegram.errors import NOT_MODIFIED, ApiError, bad_request
from tests.emulators.telegram.records import Button, Chat, Message, StoredFile
from tests.emulators.telegram.wire import Upload

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
MAX_UPLOAD_BYTES = 50_000_000
#: A larger voice message is sent as a document.
MAX_VOICE_BYTES = 1 << 20
MAX_CALLBACK_BYTES = 64
DELETE_S = 48 * 3600
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_CONTROLS = {code: " " for code in range(32) if chr(code) not in "\n\r"}


def send_message(request: ApiRequest) -> Any:
    """Run sendMessage: a text of at most 4096 UTF-16 code units."""
    return _send(request, *_read_text(request), None)


def send_voice(request: ApiRequest) -> Any:
    """Run sendVoice: a voice message for OGG/Opus, MP3 or M4A up to 1 MB, else a document."""
    return _send_file(request, "voice")


def send_audio(request: ApiRequest) -> Any:
    return _send_file(request, "audio")


def send_document(request: ApiRequest) -> Any:
    return _send_file(request, "document")


def edit_message_text(request: ApiRequest) -> Any:
    """Run editMessageText: replace text and buttons of one of the bot's messages."""
    text, entities = _read_text(request)
    message = _own_message(request)
    if message.file is not None:
        raise bad_request("there is no text in the message to edit")
    return _edit(request, message, text, entities)


def delete_message(request: ApiRequest) -> Any:
    """Run deleteMessage: the bot's messages for 48 hours; those of others as an administrator."""
    chat = request.open_chat()
    message = chat.messages.get(request.number("message_id"))
    if message is None or message.is_deleted:
        raise bad_request("message to delete not found")
    me = chat.members.get(request.world.bot.user_id)
    is_admin = me is not None and me.status in ("administrator", "creator")
    is_own = message.sender_id == request.world.bot.user_id
    is_old = message.date < request.world.clock.now() - DELETE_S
    if (is_old and not is_admin) or not (is_own or is_admin or chat.is_private):
        raise bad_request("message can't be deleted")
    message.is_deleted = True
    request.recorded.message_id = message.message_id
    return True


def send_message_draft(request: ApiRequest) -> Any:
    """Run sendMessageDraft: a partial message, in private chats only."""
    text, _ = _read_text(request, is_needed=False)
    chat = request.open_chat()
    request.topic(chat)
    if not chat.is_private:
        raise bad_request("TEXTDRAFT_PEER_INVALID")
    draft_id = request.number("draft_id")
    if not draft_id:
        raise bad_request("RANDOM_ID_INVALID")
    chat.drafts.setdefault(draft_id, []).append(text)
    return True


def _read_text(request: ApiRequest, *, is_needed: bool = True) -> tuple[str, list[Entity]]:
    text = request.text("text")
    if not text and is_needed:
        raise bad_request("message text is empty")
    text, entities = _read_entities(request, text, "entities")
    if not text and is_needed:
        raise bad_request("text must be non-empty")
    if utf16_length(text) > MAX_TEXT_UNITS:
        raise bad_request("message is too long")
    return text, entities


def _read_entities(request: ApiRequest, text: str, name: str) -> tuple[str, list[Entity]]:
    text, entities = text.translate(_CONTROLS), request.json(name, [])
    if request.text("parse_mode"):
        raise bad_request("unsupported parse_mode")  # the bot sends entities, never markup
    return _trim(text, check_entities(text, entities))


def _trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Strip white space like Telegram: at the start only up to the first entity."""
    if not text.strip().strip(_INVISIBLE):
        return "", []
    text = text.rstrip()
    first = min((entity["offset"] for entity in entities), default=len(text))
    cut = min(first, len(text) - len(text.lstrip(" \n")))
    text = text[cut:]
    units = utf16_length(text)
    moved = [entity | {"offset": entity["offset"] - cut} for entity in entities]
    fitted = [one | {"length": min(one["length"], units - one["offset"])} for one in moved]
    return text, [entity for entity in fitted if entity["length"] > 0]


def _read_buttons(request: ApiRequest) -> list[list[Button]]:
    markup = request.json("reply_markup", {})
    rows = markup.get("inline_keyboard", []) if isinstance(markup, dict) else []
    for button in (button for row in rows for button in row):
        data = button.get("callback_data")
        if data is not None and len(data.encode()) > MAX_CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
        if "url" in button and not is_link(button["url"]):
            raise bad_request("BUTTON_URL_INVALID")
        if not data and len(button.keys() - {"text", "callback_data", "style"}) == 0:
            raise bad_request("text buttons are unallowed in the inline keyboard")
    return [row for row in rows if row]


def _send_file(request: ApiRequest, kind: str) -> Any:
    text, entities = _read_entities(request, request.text("caption"), "caption_entities")
    if utf16_length(text) > MAX_CAPTION_UNITS:
        raise bad_request("message caption is too long")
    source = request.upload(kind)
    chat = request.open_chat()
    is_voice_refused = chat.is_private and request.world.users[chat.chat_id].is_voice_forbidden
    if kind == "voice" and is_voice_refused:
        raise bad_request("VOICE_MESSAGES_FORBIDDEN")
    if not isinstance(source, Upload):  # the bot never sends a file by its file_id
        raise bad_request("wrong file identifier/HTTP URL specified")
    return _send(request, text, entities, _keep_upload(request, kind, source))


def _keep_upload(request: ApiRequest, kind: str, source: Upload) -> StoredFile:
    data = source.data
    if not data:
        raise bad_request("file must be non-empty")
    if len(data) > MAX_UPLOAD_BYTES:
        raise ApiError(413, "Request Entity Too Large")
    if kind == "voice" and (len(data) > MAX_VOICE_BYTES or not _is_voice(data)):
        kind = "document"
    duration = request.number("duration")
    return request.world.keep_file(
        kind, data, name=source.name, mime=source.mime, duration_s=duration
    )


def _is_voice(data: bytes) -> bool:
    is_opus = data.startswith(b"OggS") and b"OpusHead" in data[:128]
    is_mp3 = data.startswith(b"ID3") or (data[0] == 0xFF and data[1:2] >= b"\xe0")
    return is_opus or is_mp3 or data[4:8] == b"ftyp"


def _send(request: ApiRequest, text: str, entities: list[Entity], file: StoredFile | None) -> Any:
    buttons = _read_buttons(request)
    chat = request.open_chat()
    thread = request.topic(chat)
    reply_to = _read_reply(request, chat)
    if thread is None and reply_to is not None:
        thread = chat.messages[reply_to].thread_id
    _check_rights(request, chat, thread)
    request.count(chat)
    fields = {"entities": entities, "buttons": buttons, "reply_to": reply_to, "thread_id": thread}
    message = request.world.add_message(chat, request.world.bot.user_id, text, file=file, **fields)
    request.recorded.message_id = message.message_id
    return request.world.message_json(message)


def _read_reply(request: ApiRequest, chat: Chat) -> int | None:
    reply = request.json("reply_parameters", {})
    message_id: int | None = reply.get("message_id")
    if not message_id:
        return None
    quoted = chat.messages.get(message_id)
    if quoted is not None and not quoted.is_deleted:
        return message_id
    if reply.get("allow_sending_without_reply"):
        return None
    raise bad_request("message to be replied not found")


def _check_rights(request: ApiRequest, chat: Chat, thread: int | None) -> None:
    if chat.is_write_forbidden:
        raise bad_request("CHAT_WRITE_FORBIDDEN")
    me = chat.members.get(request.world.bot.user_id)
    is_admin = me is not None and me.status in ("administrator", "creator")
    if thread is not None and chat.topics[thread].is_closed and not is_admin:
        raise bad_request("TOPIC_CLOSED")


def _own_message(request: ApiRequest) -> Message:
    chat = request.open_chat()
    message = chat.messages.get(request.number("message_id"))
    if message is None or message.is_deleted:
        raise bad_request("message to edit not found")
    if message.sender_id != request.world.bot.user_id:
        raise bad_request("message can't be edited")
    return message


def _edit(request: ApiRequest, message: Message, text: str, entities: list[Entity]) -> Any:
    buttons = _read_buttons(request)
    chat = request.world.chats[message.chat_id]
    if chat.is_write_forbidden:
        raise bad_request("CHAT_WRITE_FORBIDDEN")
    request.count(chat)
    is_same = (message.text, message.entities, message.buttons) == (text, entities, buttons)
    if is_same:
        raise bad_request(NOT_MODIFIED)
    message.text, message.entities, message.buttons = text, entities, buttons
    message.versions.append(text)
    message.edit_date = int(request.world.clock.now())
    request.recorded.message_id = message.message_id
    return request.world.message_json(message)
