"""An inbox with voice replies: a streamed tone, and its file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from core.interfaces import DeliveryTarget
from core.models import Button, File, Message, Reply, Suggestion
from tests.support import audio_samples
from tests.support.web_inbox import FakeInbox

RATE_HZ = 24_000
SECONDS = 3.0
CHUNK_S = 0.1


def chunks(seconds: float = SECONDS) -> Iterator[bytes]:
    """Cut a tone into chunks as an engine sends them."""
    pcm, size = audio_samples.tone(seconds, rate_hz=RATE_HZ), int(CHUNK_S * RATE_HZ) * 2
    return (pcm[at : at + size] for at in range(0, len(pcm), size))


def spoken(title: str = "", seconds: float = SECONDS) -> File:
    """Return the audio file of a reply."""
    data = audio_samples.encode(audio_samples.tone(seconds), "ogg", "libopus", rate=48_000)
    name = f"{title or 'speech'}.ogg"
    return File(name, "audio/ogg", data, duration_s=seconds, title=title)


class SpeechInbox(FakeInbox):
    """Synthesizes for /say; holds the reply until it may finish."""

    def __init__(self) -> None:
        super().__init__()
        #: Length of the speech.
        self.seconds = SECONDS
        #: Attempts of the next /say that fail after half of the audio.
        self.breaks = 0

    async def _make_reply(self, message: Message, target: DeliveryTarget) -> Reply:
        if message.command == "say":
            await self._say(message, target)
            return Reply(files=(spoken(seconds=self.seconds),))
        if message.command == "stumble":
            await self._say(message, target)
            return Reply("Something went wrong on my side.")
        if message.command == "voice":
            labels = [f"Voice {n} · English (United States) · female" for n in range(14)]
            buttons = tuple(Button(label, "voice", token=f"t-{label}") for label in labels)
            return Reply("Voice: Mia (your choice)\n\nPress a voice to hear it.", buttons=buttons)
        if message.command == "takes":
            takes = tuple(spoken(take, 1.0) for take in "ABC")
            keep = tuple(Button(f"Keep {take}", "voice", token=f"t-{take}") for take in "ABC")
            return Reply("Three versions: A, B and C.", files=takes, buttons=keep)
        return await super()._make_reply(message, target)

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        return [Suggestion("Mia"), Suggestion("Milo")] if field == "voice" else []

    async def _say(self, message: Message, target: DeliveryTarget) -> None:
        whole = list(chunks(self.seconds))
        for _ in range(self.breaks):
            for chunk in whole[: len(whole) // 2]:
                self.web.play(target, chunk, RATE_HZ)
            target = DeliveryTarget(target.job_id, message, target.ledger)
        for chunk in whole:
            self.web.play(target, chunk, RATE_HZ)
            await asyncio.sleep(CHUNK_S / 10)
        await self.may_finish.wait()
