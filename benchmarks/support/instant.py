"""Engines that take no time, to measure everything around them."""

from __future__ import annotations

from core.config import Settings
from core.engines import ENGINES
from core.engines.offline.espeak import VOICES
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.interfaces import TranscriberLimits
from core.models import Audio, Transcript, Usage, Voice

#: Its transcript of every recording.
HEARD = "heard"


class Instant:
    """Transcribes every recording as one word."""

    name, model, requires = "instant", "instant-1", ""
    limits = TranscriberLimits()
    shared = None

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        pass

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        return True

    async def transcribe(self, audio: Audio, **_options: object) -> Transcript:
        usage = Usage(self.name, self.model, audio.duration_s)
        return Transcript(HEARD, duration_s=audio.duration_s, usage=usage)

    async def close(self) -> None:
        pass


class InstantVoice(OfflineSynthesizer):
    """Offers a voice, whatever is installed on this machine."""

    name = Instant.name

    def voices(self) -> tuple[Voice, ...]:
        return VOICES[:1]


def plug_in() -> None:
    """Add them to ENGINES, so that TRANSCRIBER or SYNTHESIZER=instant selects one."""
    ENGINES["transcriber"][Instant.name] = "benchmarks.support.instant:Instant"
    ENGINES["synthesizer"][Instant.name] = "benchmarks.support.instant:InstantVoice"
