"""What a chat platform must be able to do, and what it is given for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.models import Chat, Message, PartDelivery, Reply


class DeliveryLedger(Protocol):
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
    ledger: DeliveryLedger
    #: True where the chat refused voice messages: its recordings go as audio files.
    has_no_voice: bool = False
    #: True where it is only told why it cannot be done: for whoever asked, where nobody else
    #: need see it.
    is_refusal: bool = False


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

    The classes of `PLATFORMS` take (settings, inbox, clock=CLOCK).
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
