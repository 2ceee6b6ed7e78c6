"""Routes of threads: from a message, from nothing, as a post in a forum."""

from __future__ import annotations

from tests.emulators.discord.api import Answer, Ask, route
from tests.emulators.discord.channel_routes import open_channel
from tests.emulators.discord.errors import bad_field, refused
from tests.emulators.discord.events import tell_channel
from tests.emulators.discord.payloads import channel_json
from tests.emulators.discord.records import FORUM, PUBLIC_THREAD, Channel


@route("POST", "/channels/{channel}/messages/{message}/threads")
def thread_from_message(ask: Ask) -> Answer:
    channel = open_channel(ask, "CREATE_PUBLIC_THREADS")
    message = ask.world.find_message(channel, ask.params["message"])
    if channel.is_thread or channel.guild_id is None:
        raise refused(50008)
    if message.thread_id:
        raise refused(160004)
    thread = _open_thread(ask, channel)
    # A thread has the id of the message that it was made from.
    del ask.world.channels[thread.channel_id]
    thread.channel_id = message.thread_id = message.message_id
    ask.world.channels[thread.channel_id] = thread
    tell_channel(ask.world, thread, "CREATE")
    return 201, channel_json(ask.world, thread)


def _open_thread(ask: Ask, channel: Channel) -> Channel:
    name = ask.form.get("name") or ""
    if not 1 <= len(name) <= 100:
        raise bad_field("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    kind = PUBLIC_THREAD if channel.kind == FORUM else ask.form.get("type", PUBLIC_THREAD)
    return ask.world.add_channel(
        kind=kind,
        guild_id=channel.guild_id,
        name=name,
        parent_id=channel.channel_id,
        owner_id=ask.world.bot.user_id,
    )
