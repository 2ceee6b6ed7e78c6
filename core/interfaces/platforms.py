"""The contract of a chat platform, and the values it gets.

A new platform is a class with these methods, listed in `bots.PLATFORMS`. It receives events, makes
a `Message` of each and hands it to `core.inbox.Inbox.accept`; the reply comes back through
`deliver`. Whatever happens in between is the same for all platforms.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Protocol

from core.interfaces.recordings import Recording
from core.models import Chat, Membership, Message, PartDelivery, Reply


class DeliveryLedger(Protocol):
    """The stored state of each part of one job's reply, so that `deliver` can be repeated.

    Parts are numbered 0, 1, ... as the platform splits the reply; PLACEHOLDER is the message that
    shows partial text. Around each call that sends or edits: `find`, `start`, the call, `finish`.
    """

    async def refresh(self) -> None:
        """Take notice of what a live message has recorded since the delivery began."""

    def expect(self, count: int) -> None:
        """Let the job end with part `count` - 1, if nothing was known when the delivery began.

        Else there may be something to edit or to delete after it.
        """

    async def find(self, part: int) -> PartDelivery | None:
        """Return the state of `part`, None if it was never attempted.

        PENDING: a call was started and its result is not known. STALE: sent, to be edited.
        """

    async def wait_for(self, part: int) -> PartDelivery | None:
        """Return the state of `part` as `find` does, once no other process is just sending it."""

    async def has_reply(self) -> bool:
        """Return whether there is a reply, beside which nothing else may be shown."""

    async def start(self, part: int) -> None:
        """Record that `part` is about to be sent. The id of a message to be edited stays.

        Raises PlatformBusy for a PLACEHOLDER beside which the reply is being sent elsewhere.
        """

    async def finish(self, part: int, platform_id: str) -> None:
        """Record that `part` was sent, and its id on the platform."""

    async def forget(self, part: int) -> None:
        """Record that the message of `part` is gone. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """Where a reply goes, and what of it was sent already."""

    job_id: str
    #: The message to reply to. Its id is empty once its chat has moved.
    message: Message
    ledger: DeliveryLedger
    #: True if the chat refused a voice message: voice goes there as an audio file.
    has_no_voice: bool = False
    #: True if the reply is a refusal: shown to the sender alone where the platform can do that.
    is_refusal: bool = False


class VoiceChannels(Protocol):
    """The voice channels of a platform that has them.

    Each method takes a message, which stands for the server of its chat. The bot is in at most one
    channel per server.
    """

    def is_reachable(self, message: Message) -> bool:
        """Return whether this process can join the channels there: another one may have to."""

    def find(self, message: Message) -> str:
        """Return the name of the channel the bot is in, empty if it is in none."""

    def is_present(self, message: Message) -> bool:
        """Return whether the sender is in the bot's channel."""

    async def join(self, message: Message) -> str:
        """Join the channel of the sender and return its name. Safe to repeat.

        Raises UserError if that is not possible.
        """

    async def leave(self, message: Message) -> None:
        """Leave the channel and drop all queued audio."""

    def stop(self, message: Message) -> None:
        """Stop playing and drop all queued audio."""

    def read(self, message: Message, *, is_on: bool) -> None:
        """Turn on or off that messages in this chat are read aloud.

        It is turned off when the bot leaves the channel.
        """

    def is_read(self, message: Message) -> bool:
        """Return whether messages in this chat are read aloud."""


#: An ASGI application: it gets scope, receive and send.
Endpoint = Callable[[Any, Any, Any], Awaitable[None]]


class Platform(Protocol):
    """A chat platform.

    Its class takes `(settings, inbox, clock=...)`, and has the class method
    `is_configured(settings)`, which returns whether it can start.
    """

    #: The name in PLATFORMS, and in `Chat.platform`.
    name: str
    #: Texts of the core that read differently on this platform, and what they read.
    wording: Mapping[str, str]
    #: Commands that its menu and /help leave out.
    hidden_commands: Set[str]
    #: Whether private chats may begin without a text that says that an AI answers.
    needs_introduction: bool
    #: Ids of the people on this platform who operate the bot, as in ADMIN_IDS.
    operators: Set[str]
    #: Size of the largest recording that it takes, and of the largest file that it is sent.
    max_file_bytes: int
    max_upload_bytes: int
    #: Endpoints that the platform itself calls, by their paths on the web server of this process:
    #: "/telegram/webhook". They check by themselves who calls, before they read a body.
    endpoints: Mapping[str, Endpoint]

    @property
    def is_ready(self) -> bool:
        """True while messages can come in."""

    @property
    def is_locked(self) -> bool:
        """True while it has been rejecting the bot for a while: only the operator can fix it."""

    @property
    def voice(self) -> VoiceChannels | None:
        """The voice channels, None if the platform has none."""

    async def run(self) -> None:
        """Receive messages until cancelled."""

    async def connect(self) -> None:
        """Do what replies need, without receiving anything, until cancelled.

        Raises PlatformLocked, ConfigError: what the operator must fix.
        """

    async def fetch(self, message: Message) -> Recording:
        """Download the recording of a message, or of the one it quotes.

        Raises TooLong before the download if the size is known to exceed the limit, PlatformError.
        """

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show partial text. Rate-limited by the platform, best effort: it never raises.

        is_lasting: the text must stay visible until the reply replaces it.
        """

    async def offer_cancel(self, target: DeliveryTarget) -> None:
        """Show a button that cancels the job, below what is shown. As `show`: it never raises."""

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Play audio while it is being made, if the platform can. It never raises.

        pcm: a chunk of 16-bit mono samples.
        """

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send every part that the ledger does not know as sent.

        Raises PlatformError: PlatformBusy to be called again, ChatMoved, ChatGone.
        """

    def is_allowed(self, message: Message) -> bool:
        """Return False for messages that nothing is done about: the operator has said so."""

    async def membership(self, chat: Chat, person_id: str, *, is_live: bool = False) -> Membership:
        """Ask the platform what a person is in a chat; cached for a minute at most.

        is_live: ask, whatever is cached. Returns NONE for accounts that several people share. Not
        called for private chats. Raises PlatformError.
        """

    async def explain_blindness(self, message: Message) -> str:
        """Return a text on why the bot does not see all messages of a group, and the remedy.

        Empty if it sees them all. Raises PlatformError.
        """

    def is_ephemeral(self, message: Message) -> bool:
        """Return whether the sender alone sees the reply, though the chat is none of their own."""

    async def private_chat(self, person_id: str) -> Chat:
        """Return the private chat with a person, to send something there unasked.

        Raises PlatformError: PlatformBusy before the login, ChatGone if there is none, or if the
        bot may not write there.
        """

    async def close(self) -> None:
        """Close all connections."""
