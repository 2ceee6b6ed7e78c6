"""Many people's notes at a MiMo with the limits of an account, each a different recording.

For tests and benchmarks, on a loop with virtual time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from pydantic import SecretStr

from core.config import Settings
from core.engines.mimo.transcriber import MimoTranscriber
from core.models import Attachment, Chat, Message
from core.store import Store
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.loopback import Loopback, run_loopback
from tests.support.virtual_time import current_clock

NOTE_S, LATENCY_S = 5.0, 1.0


class Crowd:
    """People who send notes to a running assistant."""

    def __init__(self, loopback: Loopback) -> None:
        self.loopback = loopback
        loopback.platform.fetch = self._fetch  # type: ignore[method-assign]
        self._whole = audio_samples.speech(NOTE_S + 1)
        self._ids = count(1)

    async def _fetch(self, message: Message) -> bytes:
        more = 2 * int(message.message_id)
        return audio_samples.file("wav", self._whole[: int(32_000 * NOTE_S) + more])

    async def send(self, person: str, chat: int = 0) -> Message | None:
        """Send a note in one of a person's chats; return it unless it is refused silently."""
        message = Message(
            Chat("test", "1", f"{person}-{chat}"),
            str(next(self._ids)),
            current_clock().now(),
            sender_id=person,
            attachment=Attachment("file", duration_s=NOTE_S),
        )
        return message if await self.loopback.inbox.accept(message) else None

    async def wait_s(self, person: str) -> float:
        """Return how long the reply to a note takes."""
        clock = current_clock()
        began_s, message = clock.monotonic(), await self.send(person)
        assert message
        while message.message_id not in self.loopback.platform.sent_to:
            await clock.sleep(0.2)
        return clock.monotonic() - began_s


@asynccontextmanager
async def run_crowd(store: Store, mimo: MimoServer) -> AsyncIterator[Crowd]:
    """Run an assistant whose calls to MiMo take a second."""
    mimo.rules.latency_s, mimo.rules.has_limits = LATENCY_S, True
    settings = Settings(
        _env_file=None, mimo_base_url=mimo.base_url, mimo_api_key=SecretStr(mimo.key)
    )  # type: ignore[call-arg]
    transcriber = MimoTranscriber(settings)
    async with run_loopback(store, transcriber) as loopback:
        yield Crowd(loopback)
    await transcriber.close()
