"""Records of the local Discord: users, guilds, channels, messages, interactions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEXT, DM, VOICE_CHANNEL, PUBLIC_THREAD, PRIVATE_THREAD, STAGE, FORUM = 0, 1, 2, 11, 12, 13, 15
THREADS = (PUBLIC_THREAD, PRIVATE_THREAD)

# Message flags.
EPHEMERAL = 1 << 6
LOADING = 1 << 7
VOICE = 1 << 13
HAS_SNAPSHOT = 1 << 14

# Interaction types and interaction callback types.
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFER, DEFER_UPDATE, CHOICES, MODAL = 4, 5, 6, 8, 9


@dataclass(slots=True)
class User:
    """A user or a bot."""

    user_id: str
    name: str
    is_bot: bool = False
    locale: str = "en-US"
    #: Has installed the app to their account (user install).
    has_app: bool = False
    #: Does not accept DMs: error 50007.
    is_closed: bool = False


@dataclass(slots=True)
class Role:
    """A role; the id of @everyone is that of the guild."""

    role_id: str
    name: str
    permissions: int = 0
    is_mentionable: bool = False


@dataclass(slots=True)
class Member:
    """A guild member."""

    user_id: str
    roles: list[str] = field(default_factory=list)
    nick: str = ""
    #: Unix time.
    joined_at: float = 0.0


@dataclass(slots=True)
class Guild:
    """A guild."""

    guild_id: str
    name: str
    owner_id: str
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    locale: str = "en-US"
    #: Voice channel of each connected user.
    voices: dict[str, str] = field(default_factory=dict)
    #: Users on a stage who are suppressed, as everybody is at first.
    listeners: set[str] = field(default_factory=set)


@dataclass(slots=True)
class File:
    """An attachment. Its metadata need not be true."""

    file_id: str
    channel_id: str
    name: str
    data: bytes
    mime: str = ""
    duration_s: float | None = None
    #: Base64 of at most 256 bytes.
    waveform: str | None = None
    claimed_bytes: int | None = None
    title: str = ""


@dataclass(slots=True)
class Message:
    """A message in its current state."""

    message_id: str
    channel_id: str
    author_id: str
    #: Unix time.
    sent_at: float
    content: str = ""
    #: Message type: 0 default, 18 thread created, 19 reply, 20 slash command, 23 context menu.
    kind: int = 0
    flags: int = 0
    files: list[File] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    #: The message it replies to, in the same channel.
    reply_to: str | None = None
    #: Snapshots of forwarded messages.
    snapshots: list[Message] = field(default_factory=list)
    edited_at: float | None = None
    is_deleted: bool = False
    #: Every content it has had, oldest first.
    versions: list[str] = field(default_factory=list)
    nonce: str | None = None
    #: The interaction that it responds to.
    interaction_id: str | None = None
    #: The thread that was started from it.
    thread_id: str | None = None
    #: Mentioned users; not all of them are pinged.
    mentions: list[str] = field(default_factory=list)
    mention_roles: list[str] = field(default_factory=list)
    is_everyone: bool = False
    webhook_id: str | None = None
    #: Additional fields of the payload, for unusual messages.
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ephemeral(self) -> bool:
        """Whether only the user of the interaction sees it."""
        return bool(self.flags & EPHEMERAL)

    @property
    def is_loading(self) -> bool:
        """Whether it only shows that the bot is thinking."""
        return bool(self.flags & LOADING)

    @property
    def is_voice(self) -> bool:
        """Whether it is a voice message."""
        return bool(self.flags & VOICE)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """All interactive components and link buttons, in order."""
        found, open_ones = [], list(self.components)
        while open_ones:
            one = open_ones.pop(0)
            open_ones = one.get("components", []) + open_ones
            if "custom_id" in one or "url" in one:
                found.append(one)
        return found

    @property
    def labels(self) -> list[str]:
        """The labels of the message's buttons."""
        return [part.get("label", "") for part in self.parts if part["type"] == 2]


@dataclass(slots=True)
class Channel:
    """A channel, thread, forum or DM channel."""

    channel_id: str
    kind: int = TEXT
    guild_id: str | None = None
    name: str = "general"
    #: The channel or forum of a thread.
    parent_id: str | None = None
    #: The creator of a thread; one user of a DM channel without the bot.
    owner_id: str = ""
    #: Users who were added to a thread.
    thread_members: set[str] = field(default_factory=set)
    #: The other user of a DM channel.
    recipient_id: str = ""
    #: Role or user -> allowed and denied permissions.
    overwrites: dict[str, tuple[int, int]] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    last_message_id: str | None = None
    is_archived: bool = False
    is_locked: bool = False
    #: Unix times of the bot's typing indicators.
    typing: list[float] = field(default_factory=list)

    @property
    def is_thread(self) -> bool:
        """Whether it is a thread or a forum post."""
        return self.kind in THREADS


@dataclass(slots=True)
class Interaction:
    """An interaction and the bot's response to it."""

    interaction_id: str
    token: str
    kind: int
    user_id: str
    channel_id: str
    guild_id: str | None
    #: Seconds of the server's monotonic clock.
    created_at: float
    data: dict[str, Any] = field(default_factory=dict)
    #: The message whose component was used.
    message_id: str | None = None
    #: The bot is no member there; only the user's install makes it available.
    is_user_install: bool = False
    #: Interaction callback type of the response, None before it.
    response_type: int | None = None
    responded_at: float | None = None
    #: The original response: `@original`.
    original_id: str | None = None
    followups: list[str] = field(default_factory=list)
    #: Autocomplete choices: name and value.
    choices: list[dict[str, Any]] = field(default_factory=list)
    #: HTTP statuses of the endpoint's answers, 0 = none within 3 s; empty over the gateway.
    posts: list[int] = field(default_factory=list)
    #: The modal that was opened.
    modal: dict[str, Any] | None = None

    @property
    def latency_s(self) -> float | None:
        """Seconds until the response, None before it."""
        return None if self.responded_at is None else self.responded_at - self.created_at


@dataclass(frozen=True, slots=True)
class Ping:
    """A notification that a message of the bot caused."""

    message_id: str
    channel_id: str
    #: "everyone", "here", "role:ID" or "user:ID".
    target: str
    #: "send", "edit", "response" or "followup".
    by: str
