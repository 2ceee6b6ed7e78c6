"""Partial text that is shown while a reply is being made."""

from __future__ import annotations

import asyncio

import pytest

from core.clock import Clock
from core.interfaces import DeliveryTarget
from core.models import Transcript
from core.store import Store
from tests.conftest import NewMessage
from tests.support.loopback import Loopback, LoopbackPlatform, ScriptedTranscriber
from tests.support.thread_media import ThreadMedia


class SlowPlatform(LoopbackPlatform):
    """A platform that takes a second to show a text."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.broken_off = 0

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        try:
            await self._clock.sleep(1)
        except asyncio.CancelledError:
            await self._clock.sleep(0.1)  # a connection is closed
            self.broken_off += 1
            raise
        await super().show(target, text, is_lasting=is_lasting)


async def test_the_newest_partial_text_is_shown(
    store: Store,
    new_message: NewMessage,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing any more once the command has ended."""

    async def transcribe(*_: object, on_text: object = None, **__: object) -> Transcript:
        assert callable(on_text)
        for number in range(23):
            on_text(f"text {number}")
            on_text(f"text {number}")
            on_text("")
            await clock.sleep(0.1)
        return Transcript("whole", duration_s=1.0)

    loopback, platform = Loopback(store, ScriptedTranscriber(), ThreadMedia()), SlowPlatform(clock)
    monkeypatch.setattr(loopback.engine, "transcribe", transcribe)
    job = await loopback.inbox.accept(new_message())
    assert job
    reply = await loopback.assistant.make_reply(job, {"test": platform})
    assert reply.quote == "whole"
    assert platform.broken_off == 1
    await clock.sleep(60)
    # Each takes a second: the first, what had come when it was shown, and so on.
    assert [text for _, text, _ in platform.shown] == ["text 0", "text 9"]
