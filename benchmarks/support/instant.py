"""A transcriber that takes no time, to measure everything around an engine."""

from __future__ import annotations

from collections.abc import Callable

from core.config import Settings
from core.engines import ENGINES
from core.interfaces import TranscriberLimits
from core.models import Audio, Transcript, Usage

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

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: Callable[[str], None] | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        usage = Usage(self.name, self.model, audio.duration_s)
        return Transcript(HEARD, duration_s=audio.duration_s, usage=usage)

    async def close(self) -> None:
        pass


def plug_in() -> None:
    """Add it to ENGINES, so that TRANSCRIBER=instant selects it in this process."""
    ENGINES["transcriber"][Instant.name] = "benchmarks.support.instant:Instant"
