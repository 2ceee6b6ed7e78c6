"""Bot API methods by name in lower case (Telegram ignores case), except those that wait."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.emulators.telegram import files, sending
from tests.emulators.telegram.api import ApiRequest
from tests.emulators.telegram.errors import QUERY_TOO_OLD, bad_request

Method = Callable[[ApiRequest], Any]

MAX_MENU = 100
MAX_CALLBACK_CHARS = 200
_COMMAND_NAME = re.compile(r"[a-z0-9_]{1,32}")
_ACTIONS = """
typing upload_photo record_video upload_video record_voice upload_voice upload_document
choose_sticker find_location record_video_note upload_video_note
"""
_RIGHTS = """
can_send_messages can_send_audios can_send_documents can_send_photos can_send_videos
can_send_video_notes can_send_voice_notes can_send_polls can_send_other_messages
"""
_NO_GIFTS = dict.fromkeys(
    (
        "unlimited_gifts",
        "limited_gifts",
        "unique_gifts",
        "premium_subscription",
        "gifts_from_channels",
    ),
    False,
)
_EMOJIS = """
❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥
🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨
🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡
"""
ACTIONS = frozenset(_ACTIONS.split())
#: What bots may react with (Bot API, ReactionTypeEmoji), without variation selectors.
_VARIATION = "\ufe0f"
REACTIONS = frozenset(_EMOJIS.split())


def get_me(request: ApiRequest) -> Any:
    return request.world.bot.to_json() | {
        "can_join_groups": request.world.can_join_groups,
        "can_read_all_group_messages": not request.world.is_privacy_on,
        "supports_inline_queries": False, "can_connect_to_business": False,
        "has_main_web_app": False,
    }  # fmt: skip


def get_chat_member(request: ApiRequest) -> Any:
    chat = request.open_chat()
    user_id = request.number("user_id")
    if user_id not in request.world.users:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return request.world.member_json(chat, user_id)


def get_chat(request: ApiRequest) -> Any:
    """Run getChat: of what it has in full, what every member may do."""
    chat = request.open_chat()
    full = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": _NO_GIFTS}
    if not chat.is_private:
        full["permissions"] = dict.fromkeys(_RIGHTS.split(), not chat.is_write_forbidden)
    return request.world.chat_json(chat) | full


def send_chat_action(request: ApiRequest) -> Any:
    chat = request.open_chat()
    request.topic(chat)
    action = request.text("action")
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    if chat.is_write_forbidden:
        raise bad_request("CHAT_WRITE_FORBIDDEN")
    chat.actions.append(action)
    return True


def set_message_reaction(request: ApiRequest) -> Any:
    """Run setMessageReaction: set at most one emoji, or remove it."""
    chat = request.open_chat()
    message = chat.messages.get(request.number("message_id"))
    if message is None or message.is_deleted:
        raise bad_request("message to react not found")
    emojis = [one.get("emoji", "") for one in request.json("reaction", [])]
    if len(emojis) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    known = {emoji.replace(_VARIATION, "") for emoji in emojis}
    if known and not (chat.has_reactions and REACTIONS.issuperset(known)):
        raise bad_request("REACTION_INVALID")
    message.reactions[request.world.bot.user_id] = emojis
    request.recorded.message_id = message.message_id
    return True


def answer_callback_query(request: ApiRequest) -> Any:
    """Run answerCallbackQuery, within 150 s of the press."""
    text = request.text("text")
    query = request.world.callbacks.get(request.text("callback_query_id"))
    if query is None or query.expires_at <= request.world.clock.now():
        raise bad_request(QUERY_TOO_OLD)
    if len(text) > MAX_CALLBACK_CHARS:
        raise bad_request("MESSAGE_TOO_LONG")
    query.answer = text
    return True


def set_my_commands(request: ApiRequest) -> Any:
    """Run setMyCommands: replace the commands of one scope and language."""
    commands = request.json("commands", [])
    if len(commands) > MAX_MENU:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not _COMMAND_NAME.fullmatch(command.get("command", "").removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(command.get("description", "")) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    request.api.menus[_menu_key(request)] = commands
    return True


def get_my_commands(request: ApiRequest) -> Any:
    return request.api.menus.get(_menu_key(request), [])


def _menu_key(request: ApiRequest) -> tuple[str, str]:
    scope = request.json("scope") or {"type": "default"}
    return json.dumps(scope, sort_keys=True), request.text("language_code")


METHODS: dict[str, Method] = {
    "getme": get_me,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "sendchataction": send_chat_action,
    "setmessagereaction": set_message_reaction,
    "answercallbackquery": answer_callback_query,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "getfile": files.get_file,
    "sendmessage": sending.send_message,
    "sendvoice": sending.send_voice,
    "sendaudio": sending.send_audio,
    "senddocument": sending.send_document,
    "sendmessagedraft": sending.send_message_draft,
    "editmessagetext": sending.edit_message_text,
    "deletemessage": sending.delete_message,
}
