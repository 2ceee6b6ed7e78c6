"""A platform that records what is sent, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set

from core.errors import AssistantError
from core.interfaces import DeliveryTarget, Endpoint, VoiceChannels
from core.models import Chat, DeliveryState, Membership, Message, Reply
from tests.support.paths import SPEECH


class LoopbackPlatform:
    """Implements `core.interfaces.Platform`."""

    name, max_file_bytes, max_upload_bytes = "test", 128_000_000, 10 << 20
    wording: Mapping[str, str] = {}
    endpoints: Mapping[str, Endpoint] = {}
    hidden_commands: Set[str] = frozenset()
    operators: Set[str] = frozenset()
    needs_introduction = False

    def __init__(self) -> None:
        self.recording = (SPEECH / "cards-001.wav").read_bytes()
        self.is_ready, self.is_locked, self.can_administer = True, False, True
        self.voice: VoiceChannels | None = None
        self.shown: list[tuple[str, str, bool]] = []
        self.sent: list[tuple[str, Reply]] = []
        #: Ids of messages edited in place, and of those whose jobs a button cancels.
        self.edited, self.cancellable = list[str](), list[str]()
        self.played: list[bytes] = []
        #: The private chats of people, by their ids; those of all others have the id of the person.
        self.private_chats: dict[str, Chat] = {}
        #: Raised by the next deliveries, one each.
        self.failures: list[AssistantError] = []

    @property
    def sent_to(self) -> list[str]:
        """Ids of the messages replied to, in order."""
        return [message_id for message_id, _ in self.sent]

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def connect(self) -> None:
        await asyncio.Event().wait()

    async def fetch(self, message: Message) -> bytes:
        return self.recording

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        self.shown.append((target.message.message_id, text, is_lasting))

    async def offer_cancel(self, target: DeliveryTarget) -> None:
        self.cancellable.append(target.message.message_id)

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        self.played.append(pcm)

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        known = await target.ledger.find(0)
        if known and known.state is DeliveryState.SENT:
            return
        await target.ledger.start(0)
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((target.message.message_id, reply))
        if platform_id := known.platform_id if known else "":
            self.edited.append(platform_id)
        await target.ledger.finish(0, platform_id or f"sent-{len(self.sent)}")

    async def explain_blindness(self, message: Message) -> str:
        return ""

    def is_ephemeral(self, message: Message) -> bool:
        return False

    def is_allowed(self, message: Message) -> bool:
        return True

    async def membership(self, chat: Chat, person_id: str, *, is_live: bool = False) -> Membership:
        return Membership.ADMIN if self.can_administer else Membership.MEMBER

    async def private_chat(self, person_id: str) -> Chat:
        return self.private_chats.get(person_id, Chat(self.name, "1", person_id))

    async def close(self) -> None:
        pass
