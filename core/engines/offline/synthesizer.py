"""Speech synthesis by espeak-ng."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from core.config import Settings
from core.engines.offline import espeak
from core.engines.offline.role import CONCURRENCY, WorkerRole, read_error
from core.engines.wire.speech import check_preset, strip_tags
from core.errors import EngineBadReply, NotSent, SynthesizerMissing
from core.interfaces import SynthesizerLimits
from core.models import Utterance, Voice
from core.worker_process import WorkerError

_SPEAKABLE = re.compile(r"\w")


class OfflineSynthesizer(WorkerRole):
    """Synthesizes clearly, in several languages and without any style.

    It uses the program or the library, whichever is installed at each call.
    """

    model = "espeak-ng"
    worker = "core.engines.offline.espeak_worker"
    rate_hz = espeak.RATE_HZ
    limits = SynthesizerLimits(concurrency=CONCURRENCY, is_slow=True, is_own=True)

    def __init__(self, settings: Settings | None = None, shared: None = None) -> None:
        super().__init__(settings, shared)
        self._is_found = False

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices, none without espeak-ng."""
        # Once found, it is not looked for at each message.
        self._is_found = self._is_found or bool(espeak.find_program()) or espeak.has_library()
        return espeak.VOICES if self._is_found else ()

    async def synthesize(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        """Yield the samples of `utterance` all at once.

        Raises SynthesizerMissing without espeak-ng.
        """
        check_preset(utterance)
        text = strip_tags(utterance.text)
        if not _SPEAKABLE.search(text):
            raise NotSent("no words", reason="it contains nothing to read aloud")
        voice_id = utterance.voice or espeak.pick_voice(text)
        if all(voice.voice_id != voice_id for voice in espeak.VOICES):
            raise NotSent("no such voice", reason="it does not have this voice")
        samples = await self._synthesize(
            text.replace("\0", "").encode("utf-8", "replace"), voice_id
        )
        if not samples:
            raise EngineBadReply("no audio")
        yield samples

    def has_worker(self) -> bool:
        """Return whether the library is used: where the program is missing."""
        return not espeak.find_program() and espeak.has_library()

    async def _synthesize(self, text: bytes, voice_id: str) -> bytes:
        if program := espeak.find_program():
            return await espeak.run_program(program, text, voice_id)
        if not espeak.has_library():
            self._is_found = False
            raise SynthesizerMissing("no espeak-ng: apt install espeak-ng")
        header = {"voice": voice_id, "pitch": espeak.find_pitch(voice_id)}
        work = self._pool.run(header, text, stall_s=espeak.DEADLINE_S)
        samples = b""
        try:
            async with aclosing(work) as frames:
                async for _, sent in frames:
                    # A worker that was taken over could go on for ever.
                    if samples or not sent or len(sent) % 2:
                        raise EngineBadReply("a worker sent something else than one sound")
                    samples = sent
        except WorkerError as error:
            raise read_error(error) from error
        return samples
