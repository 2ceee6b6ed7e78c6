"""Speech synthesis by espeak-ng."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

from core.config import Settings
from core.engines.offline import espeak
from core.engines.offline.role import OfflineRole, read_error
from core.engines.wire.speech import check_preset, strip_tags
from core.errors import EngineBadReply, EngineRefused
from core.interfaces import SynthesizerLimits
from core.models import Utterance, Voice
from core.worker_process import WorkerError

_SPEAKABLE = re.compile(r"\w")


class OfflineSynthesizer(OfflineRole):
    """Synthesizes clearly, in several languages and without any style."""

    model = "espeak-ng"
    rate_hz = espeak.RATE_HZ

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        super().__init__(settings, shared)
        self.limits = SynthesizerLimits(concurrency=self._size)
        self._espeak = espeak.Espeak(size=self._size)

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices."""
        return espeak.VOICES

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """Yield the samples of `utterance` all at once.

        Raises SynthesizerMissing without espeak-ng.
        """
        check_preset(utterance)
        text = strip_tags(utterance.text)
        if not _SPEAKABLE.search(text):
            raise EngineRefused("no words", reason="there is nothing to speak in it")
        voice_id = utterance.voice or espeak.pick_voice(text)
        if all(voice.voice_id != voice_id for voice in espeak.VOICES):
            raise EngineRefused("no such voice", reason="it does not know this voice")
        try:
            samples = await self._espeak.synthesize(text, voice_id)
        except WorkerError as error:
            raise read_error(error) from error
        if not samples:
            raise EngineBadReply("no sound")
        yield samples

    async def close(self) -> None:
        """End the worker processes."""
        await self._espeak.close()
