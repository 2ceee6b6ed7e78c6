"""What a chat platform must be able to do, and what it is given for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.models import (
    Chat,
    ChatSettings,
    Conversation,
    Job,
    Message,
    PartDelivery,
    Reply,
    SpeechSettings,
    Suggestion,
    Transcript,
)


class Ledger(Protocol):
    """What is known of the parts of one job's reply; kept, so that a repeat is safe."""

    async def find(self, part: int) -> PartDelivery | None:
        """Return what is known of `part`, None if it was never tried."""

    async def start(self, part: int) -> None:
        """Note that `part` is about to be sent. Call it before the platform is called.

        What is known of a message that is to be edited stays: its id.
        """

    async def finish(self, part: int, platform_id: str) -> None:
        """Note that `part` was sent and what the platform calls it."""

    async def forget(self, part: int) -> None:
        """Note that `part` stands there no longer. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class DeliveryTarget:
    """Where an answer goes, and what of it has gone already."""

    job_id: str
    message: Message
    ledger: Ledger
    #: True where the chat refused voice messages: see `Inbox.note_no_voice`.
    has_no_voice: bool = False
    #: True where it is only told why it cannot be done: for whoever asked, where nobody else
    #: need see it.
    is_refusal: bool = False


class Inbox(Protocol):
    """How a platform hands a message in."""

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        """Commit `message` and the job it asks for; only then may the platform acknowledge it.

        data: the sound itself where the platform will not keep it for us.
        Returns None if the message is already known or asks for nothing.
        """

    async def move_chat(self, platform: str, bot_id: str, old_id: str, new_id: str) -> None:
        """Move settings, jobs and history of a chat that got a new id. Safe to repeat."""

    async def forget(self, chat: Chat, message_id: str) -> None:
        """Follow a deletion: drop what is remembered of a message. Safe to repeat."""

    async def note_seen(self, platform: str, bot_id: str, seen: Mapping[str, str]) -> None:
        """Remember the newest message handed in, or passed over, of each chat: id -> message id.

        For platforms that show nothing twice: after a break they ask for what came later.
        """

    async def watermarks(self, platform: str, bot_id: str) -> dict[str, str]:
        """Return what `note_seen` was told: chat id -> message id."""

    async def note_no_voice(self, chat: Chat) -> None:
        """Remember that the chat refuses voice messages: sound goes there as music for a while."""

    async def recent(self, chat: Chat, limit: int) -> list[Job]:
        """Return the last jobs of a chat with their messages and replies, the newest last."""

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        """Return what may be put into a field of a command that is being typed.

        message: with the command, and as text what stands in the field so far.
        """

    async def blob(self, chat: Chat, message_id: str) -> bytes | None:
        """Return the sound handed in with a message, None once it is no longer kept."""

    def readiness(self) -> dict[str, bool]:
        """Return the parts of the program and whether each can do its work."""


class WebInbox(Inbox, Protocol):
    """What a page asks besides: it has no app around it that knows chats, choices and sound."""

    async def conversations(self, person: Chat) -> list[Conversation]:
        """Return the chats whose id is that of `person`, or begins with it and a "-".

        The one that was used last comes first; those that are empty are left out.
        """

    async def begin(self, chat: Chat, like: Chat) -> None:
        """Let a chat that is new begin with what another has chosen. Safe to repeat."""

    async def choices(self, chat: Chat, person_id: str) -> tuple[ChatSettings, SpeechSettings]:
        """Return what a chat and a person have chosen; the voice as `suggest` names it."""

    async def job(self, chat: Chat, job_id: str) -> Job | None:
        """Return one job of this chat, None if it has none of that id."""

    async def transcript(self, job: Job) -> Transcript | None:
        """Return what the answer of `job` rests on, with the moments, None if it is not kept."""


class VoiceChannels(Protocol):
    """Channels in which people talk to each other, on platforms that have them.

    A message stands for the server that its chat belongs to: we are in one channel of it at most.
    """

    def find(self, message: Message) -> str:
        """Return the name of the channel that we are in, empty if we are in none."""

    def is_present(self, message: Message) -> bool:
        """Tell whether the sender is in the channel that we are in."""

    async def join(self, message: Message) -> str:
        """Go to the channel that the sender is in and return its name. Safe to repeat.

        Raises UserError where that cannot be done.
        """

    async def leave(self, message: Message) -> None:
        """Leave the channel; what was not heard yet never is."""

    def stop(self, message: Message) -> None:
        """Be silent: what was not heard yet never is."""

    def read(self, message: Message, *, is_on: bool) -> None:
        """Let what is written where the message was be read aloud from now on, or no longer.

        It ends with our stay in the channel.
        """

    def is_read(self, message: Message) -> bool:
        """Tell whether what is written where the message was is read aloud."""


class Platform(Protocol):
    """A chat platform. It differs from others in the first and the last step only.

    The classes of `PLATFORMS` take (settings, door) and tell by the class method
    `is_configured(settings)` whether they can start.
    """

    name: str

    @property
    def is_ready(self) -> bool:
        """True while messages can come in."""

    @property
    def voice(self) -> VoiceChannels | None:
        """The channels in which people talk, None where there are none."""

    async def run(self) -> None:
        """Receive messages until cancelled."""

    async def fetch(self, message: Message) -> bytes:
        """Return the bytes of the message's sound: its own or that of the one it answers.

        Raises TooLong before the download if it is known to be too large, PlatformError.
        """

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show the text so far. Paced by the platform, best effort: it never raises.

        is_lasting: it must stay to be seen until the answer takes its place.
        """

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Let sound be heard as it comes, where the platform can: 16-bit mono. It never raises."""

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Send what the ledger does not hold as sent.

        Raises PlatformError: PlatformBusy to be called again, ChatMoved, ChatGone.
        """

    async def is_admin(self, message: Message) -> bool:
        """Tell whether the sender may change the chat's settings, asked live."""

    async def private_chat(self, person_id: str) -> Chat:
        """Return the chat with one person, to write there unasked.

        Raises PlatformError: PlatformBusy before the login, ChatGone where there is none.
        """

    async def close(self) -> None:
        """Let go of connections."""
