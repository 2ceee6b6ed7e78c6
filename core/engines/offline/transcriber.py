"""Transcription by pocketsphinx, in worker processes."""

from __future__ import annotations

from contextlib import aclosing
from importlib.util import find_spec

from core.engines.offline.role import CONCURRENCY, WorkerRole, read_error
from core.errors import LanguageUnsupported, TranscriberMissing
from core.interfaces import OnText, TranscriberLimits
from core.models import Audio, Segment, Transcript, Usage
from core.worker_process import WorkerError


class OfflineTranscriber(WorkerRole):
    """Knows English only: a word in four is wrong, and other languages would become nonsense."""

    model = "pocketsphinx-en-us"
    worker = "core.engines.offline.pocketsphinx_worker"
    limits = TranscriberLimits(
        formats=("wav",),
        max_piece_s=120.0,
        target_piece_s=45.0,
        concurrency=CONCURRENCY,
        is_slow=True,
    )
    #: Longest silence of a worker, beyond the length of its audio (it needs about a seventh).
    stall_s: float = 20.0

    async def transcribe(
        self,
        audio: Audio,
        *,
        language: str | None = None,
        on_text: OnText | None = None,
        temperature: float | None = None,
    ) -> Transcript:
        """Return the words in `audio`: WAV of 16 kHz, mono, 16 bit.

        Raises LanguageUnsupported for any language but English, TranscriberMissing.
        """
        _check_can_transcribe(language)
        segments: list[Segment] = []
        work = self._pool.run({}, audio.data, stall_s=self.stall_s + audio.duration_s)
        try:
            async with aclosing(work) as frames:
                async for header, _ in frames:
                    segments.append(Segment(**header))
                    if on_text is not None:
                        on_text(_join(segments))
        except WorkerError as error:
            raise read_error(error) from error
        return Transcript(
            text=_join(segments),
            segments=tuple(segments),
            duration_s=audio.duration_s,
            is_rough=True,
            usage=Usage(engine=self.name, model=self.model, audio_s=audio.duration_s),
        )

    def has_worker(self) -> bool:
        """Return whether there is a model to load."""
        return is_installed()


def is_installed() -> bool:
    """Return whether pocketsphinx is there: Python 3.14 has it only where it was built."""
    return find_spec("pocketsphinx") is not None


def _check_can_transcribe(language: str | None) -> None:
    require_english(language)
    if not is_installed():
        raise TranscriberMissing("pocketsphinx is not installed: make offline")


def require_english(language: str | None) -> None:
    """Raise LanguageUnsupported for any language (BCP 47) but English; None passes."""
    if language and language.lower().split("-")[0] != "en":
        raise LanguageUnsupported(f"not English: {language}")


def _join(segments: list[Segment]) -> str:
    return " ".join(segment.text for segment in segments)
