"""State of the local Discord: users, guilds, channels, messages, files and clock."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import re
import threading
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.emulators.discord import permissions
from tests.emulators.discord.errors import ApiError, refused
from tests.emulators.discord.records import (
    DM,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    Channel,
    File,
    Guild,
    Interaction,
    Message,
    Ping,
    User,
)
from tests.emulators.telegram.world import Clock

EPOCH_MS = 1_420_070_400_000
#: Lifetime of a signed file URL.
LINK_S = 24 * 3600
#: Maximum file size.
MAX_FILE_BYTES = 10 << 20


class World:
    """All state. Hold `lock` while using it: test and server run in two threads."""

    def __init__(self, token: str) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self.token = token
        self._numbers = itertools.count(1)
        self.users: dict[str, User] = {}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        #: Interactions by id.
        self.interactions: dict[str, Interaction] = {}
        self.pings: list[Ping] = []
        #: Application commands by id.
        self.commands: dict[str, dict[str, Any]] = {}
        #: Grants in the settings of guilds: guild, name of the command, user.
        self.command_grants: set[tuple[str, str, str]] = set()
        #: The server's URL; known once it listens.
        self.base_url = "http://127.0.0.1"
        #: Privileged intents enabled in the developer portal: keys of events.PRIVILEGED.
        self.privileged = {"MESSAGE_CONTENT", "GUILD_MEMBERS", "PRESENCES"}
        self.link_key = 0
        #: Sends an event to the sessions: see `Sessions.emit`.
        self.emit: Callable[..., None] = lambda *args, **more: None
        self.bot = self.add_user("Hearsay", is_bot=True)
        self.application_id = self.bot.user_id
        #: Signs what is posted to the interactions endpoint of the application, if it has one.
        self.signing_key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        self.endpoint_url = ""
        #: Posts an interaction to the endpoint: see `Endpoint.push`.
        self.push: Callable[[Interaction, Any], None] = lambda interaction, payload: None
        self.developer = self.add_user("Developer")

    @property
    def public_key(self) -> str:
        """The application's public key, in hexadecimal digits."""
        return self.signing_key.public_key().public_bytes_raw().hex()

    # --- creating

    def snowflake(self) -> str:
        """Return a new id, greater than all earlier ones."""
        made_ms = int(self.clock.now() * 1000) - EPOCH_MS
        return str((made_ms << 22) + (next(self._numbers) & 0x3FFFFF))

    def add_user(self, name: str, **fields: Any) -> User:
        """Create a user; fields: those of User."""
        user = User(self.snowflake(), name, **fields)
        self.users[user.user_id] = user
        return user

    def add_channel(self, **fields: Any) -> Channel:
        """Create a channel; fields: those of Channel."""
        channel = Channel(self.snowflake(), **fields)
        self.channels[channel.channel_id] = channel
        return channel

    def add_thread(
        self, parent: Channel, owner: str, name: str, thread_id: str = "", kind: int = PUBLIC_THREAD
    ) -> Channel:
        """Create a thread. thread_id: the id of the message it is started from, if any."""
        place = (thread_id or self.snowflake(), kind, parent.guild_id, name)
        thread = Channel(*place, parent.channel_id, owner, thread_members={owner})
        self.channels[thread.channel_id] = thread
        return thread

    def add_message(
        self, channel: Channel, author_id: str, content: str = "", **more: Any
    ) -> Message:
        """Add a message to a channel; more: fields of Message."""
        message = Message(
            self.snowflake(), channel.channel_id, author_id, self.clock.now(), content, **more
        )
        message.versions.append(content)
        channel.messages[message.message_id] = message
        if not message.is_ephemeral:
            channel.last_message_id = message.message_id
        return message

    def add_file(self, channel_id: str, name: str, data: bytes, **claims: Any) -> File:
        """Store a file under a sanitized name; claims: fields of File."""
        clean = re.sub(r"[^\w.\-]+", "_", name).strip("_") or "unknown"
        title = name.rpartition(".")[0] if clean != name else ""
        file = File(self.snowflake(), channel_id, clean, data, title=title, **claims)
        self.files[file.file_id] = file
        return file

    # --- finding

    def find_channel(self, channel_id: str) -> Channel:
        """Return a channel. Raises ApiError 10003."""
        if channel_id not in self.channels:
            raise refused(10003)
        return self.channels[channel_id]

    def find_message(self, channel: Channel, message_id: str) -> Message:
        """Return a message, not deleted or ephemeral. Raises ApiError 10008."""
        message = channel.messages.get(message_id)
        if message is None or message.is_deleted or message.is_ephemeral:
            raise refused(10008)
        return message

    def any_message(self, message_id: str) -> Message:
        """Return a message by its id alone. Raises KeyError."""
        for channel in self.channels.values():
            if message_id in channel.messages:
                return channel.messages[message_id]
        raise KeyError(message_id)

    def dm_with(self, user_id: str) -> Channel:
        """Return the DM channel of the bot and a user."""
        for channel in self.channels.values():
            if channel.kind == DM and channel.recipient_id == user_id and not channel.owner_id:
                return channel
        return self.add_channel(kind=DM, recipient_id=user_id, name="")

    def permissions_of(self, user_id: str, channel: Channel) -> int:
        """Return a user's permissions in a channel, 0 if they are no member."""
        if channel.guild_id is None:
            is_in = user_id in (channel.recipient_id, channel.owner_id or self.bot.user_id)
            return permissions.PRIVATE if is_in else 0
        guild = self.guilds[channel.guild_id]
        member = guild.members.get(user_id)
        if member is None:
            return 0
        place = (
            self.channels[channel.parent_id] if channel.is_thread and channel.parent_id else channel
        )
        granted = permissions.in_channel(guild, member, place)
        # Source: Discord, "Threads", Permissions: one must be invited, or be a moderator.
        is_hidden = channel.kind == PRIVATE_THREAD and user_id not in channel.thread_members
        return 0 if is_hidden and not permissions.has(granted, "MANAGE_THREADS") else granted

    def require(self, channel: Channel, *names: str) -> None:
        """Check the bot's permissions in a channel. Raises ApiError 50001 or 50013."""
        granted = self.permissions_of(self.bot.user_id, channel)
        if not permissions.has(granted, "VIEW_CHANNEL"):
            raise refused(50001)
        if not all(permissions.has(granted, name) for name in names):
            raise refused(50013)

    # --- file URLs

    def link(self, file: File) -> str:
        """Return a signed URL of a file that is valid for a day."""
        now = int(self.clock.now())
        path = f"/attachments/{file.channel_id}/{file.file_id}/{file.name}"
        issued, expires = f"{now:x}", f"{now + LINK_S:x}"
        signature = self.sign_link(path, issued, expires)
        return f"{self.base_url}{path}?ex={expires}&is={issued}&hm={signature}&"

    def sign_link(self, path: str, issued: str, expires: str) -> str:
        """Return the signature of a file URL."""
        words = f"{path}|{issued}|{expires}".encode()
        return hmac.new(f"key {self.link_key}".encode(), words, hashlib.sha256).hexdigest()

    def open_link(self, path: str, query: dict[str, str]) -> File:
        """Return the file of a signed URL. Raises ApiError 404."""
        gone = ApiError(404, 0, "This content is no longer available.")
        issued, expires = query.get("is", ""), query.get("ex", "")
        signature = self.sign_link(path, issued, expires)
        if not hmac.compare_digest(signature, query.get("hm", "")):
            raise gone
        file = self.files.get(path.split("/")[3])
        if file is None or int(expires, 16) <= self.clock.now():
            raise gone
        return file
