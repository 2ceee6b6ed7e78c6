"""What the virtual Discord is made of: people, servers, channels, messages, interactions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEXT, DM, VOICE_CHANNEL, PUBLIC_THREAD, PRIVATE_THREAD, STAGE, FORUM = 0, 1, 2, 11, 12, 13, 15
THREADS = (PUBLIC_THREAD, PRIVATE_THREAD)

# Flags of messages.
EPHEMERAL = 1 << 6
LOADING = 1 << 7
VOICE = 1 << 13
HAS_SNAPSHOT = 1 << 14

# Kinds of interactions, and of the answers to them.
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFER, DEFER_UPDATE, CHOICES, MODAL = 4, 5, 6, 8, 9


@dataclass(slots=True)
class User:
    """A person or a bot."""

    user_id: str
    name: str
    is_bot: bool = False
    locale: str = "en-US"
    #: Has added the app to their own account, so that it follows them everywhere.
    has_app: bool = False
    #: Takes no private messages: 50007.
    is_closed: bool = False


@dataclass(slots=True)
class Role:
    """A role of a server; @everyone has the server's own id."""

    role_id: str
    name: str
    permissions: int = 0
    is_mentionable: bool = False


@dataclass(slots=True)
class Member:
    """A user in a server."""

    user_id: str
    roles: list[str] = field(default_factory=list)
    nick: str = ""


@dataclass(slots=True)
class Guild:
    """A server."""

    guild_id: str
    name: str
    owner_id: str
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    locale: str = "en-US"
    #: Who is in a voice channel: user -> channel.
    voices: dict[str, str] = field(default_factory=dict)
    #: Of these, who only listens: everybody who comes onto a stage.
    listeners: set[str] = field(default_factory=set)


@dataclass(slots=True)
class File:
    """A file in a message. What it claims need not be true."""

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
    """A message as it stands now."""

    message_id: str
    channel_id: str
    author_id: str
    #: Unix time.
    sent_at: float
    content: str = ""
    #: 0 plain, 19 reply, 18 thread created, 20 slash command, 23 context menu.
    kind: int = 0
    flags: int = 0
    files: list[File] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    #: The message it answers, in the same channel.
    reply_to: str | None = None
    #: What it forwards, as it was then.
    snapshots: list[Message] = field(default_factory=list)
    edited_at: float | None = None
    is_deleted: bool = False
    #: Every content it has had, the first one first.
    versions: list[str] = field(default_factory=list)
    nonce: str | None = None
    #: The interaction that it answers.
    interaction_id: str | None = None
    #: The thread that was made from it.
    thread_id: str | None = None
    #: Whom it names, as Discord tells it: not always who is pinged.
    mentions: list[str] = field(default_factory=list)
    mention_roles: list[str] = field(default_factory=list)
    is_everyone: bool = False
    webhook_id: str | None = None
    #: Raw fields of the payload on top, for unusual messages.
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def is_ephemeral(self) -> bool:
        """Whether only the person who asked sees it."""
        return bool(self.flags & EPHEMERAL)

    @property
    def is_loading(self) -> bool:
        """Whether it says only that the bot is thinking."""
        return bool(self.flags & LOADING)

    @property
    def is_voice(self) -> bool:
        """Whether it is a voice message."""
        return bool(self.flags & VOICE)

    @property
    def parts(self) -> list[dict[str, Any]]:
        """All components that can be pressed or chosen from, in order."""
        found, open_ones = [], list(self.components)
        while open_ones:
            one = open_ones.pop(0)
            open_ones = one.get("components", []) + open_ones
            if "custom_id" in one or "url" in one:
                found.append(one)
        return found

    @property
    def labels(self) -> list[str]:
        """The texts of its buttons."""
        return [part.get("label", "") for part in self.parts if part["type"] == 2]


@dataclass(slots=True)
class Channel:
    """A channel, a thread, a forum or a private chat."""

    channel_id: str
    kind: int = TEXT
    guild_id: str | None = None
    name: str = "general"
    #: Of a thread: its channel or forum.
    parent_id: str | None = None
    #: Who opened a thread; of a private chat without the bot, one of the two.
    owner_id: str = ""
    #: Of a private chat: the other one.
    recipient_id: str = ""
    #: Role or user -> allowed and denied bits.
    overwrites: dict[str, tuple[int, int]] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    last_message_id: str | None = None
    is_archived: bool = False
    is_locked: bool = False
    #: Moments (Unix time) at which the bot showed that it types.
    typing: list[float] = field(default_factory=list)

    @property
    def is_thread(self) -> bool:
        """Whether it is a thread or a forum post."""
        return self.kind in THREADS


@dataclass(slots=True)
class Interaction:
    """A command given, a button pressed, and what came of it."""

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
    #: The bot is there only because the person has added it to their account.
    is_user_install: bool = False
    #: The kind of the first answer, None while there is none.
    response_type: int | None = None
    responded_at: float | None = None
    #: The message of the first answer: `@original`.
    original_id: str | None = None
    followups: list[str] = field(default_factory=list)
    #: What autocomplete offered: name and value.
    choices: list[dict[str, Any]] = field(default_factory=list)
    #: The form that was opened.
    modal: dict[str, Any] | None = None

    @property
    def latency_s(self) -> float | None:
        """Seconds until the first answer, None while there is none."""
        return None if self.responded_at is None else self.responded_at - self.created_at


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody whose phone has rung because of the bot."""

    message_id: str
    channel_id: str
    #: "everyone", "here", "role:ID" or "user:ID".
    target: str
    #: "send", "edit", "response" or "followup".
    by: str
