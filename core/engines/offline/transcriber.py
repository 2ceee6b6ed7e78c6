"""Transcription by pocketsphinx, in worker processes."""

from __future__ import annotations

from contextlib import aclosing
from importlib.util import find_spec
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.engines.offline.role import CONCURRENCY, WorkerRole, read_error
from core.errors import EngineBadReply, LanguageUnsupported, TranscriberMissing
from core.interfaces import OnText, TranscriberLimits
from core.models import Audio, Segment, Transcript, Usage
from core.worker_process import WorkerError

#: The fastest speakers say half as much.
_CHARS_PER_S = 60.0
#: How much later than the audio words may end: it is padded.
_TOLERANCE_S = 1.0
_Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class _Words(BaseModel):
    """What a worker says of an utterance."""

    model_config = ConfigDict(strict=True, extra="forbid")

    start_s: _Seconds
    end_s: _Seconds
    text: Annotated[str, Field(min_length=1)]


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
        is_own=True,
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

        Raises LanguageUnsupported for any language but English, TranscriberMissing, EngineBadReply.
        """
        _check_can_transcribe(language)
        segments: list[Segment] = []
        work = self._pool.run({}, audio.data, stall_s=self.stall_s + audio.duration_s)
        try:
            async with aclosing(work) as frames:
                async for header, _ in frames:
                    segments.append(_read_segment(header, audio.duration_s, segments))
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


def _read_segment(header: dict[str, Any], duration_s: float, before: list[Segment]) -> Segment:
    """Return what a worker heard after what it heard `before`, in audio of that length.

    A recording may have taken it over. Raises EngineBadReply for what cannot be.
    """
    try:
        words = _Words.model_validate(header)
    except ValidationError:
        raise EngineBadReply("a worker sent something else than words") from None
    ends_s = duration_s + _TOLERANCE_S
    chars = len(words.text) + sum(len(segment.text) for segment in before)
    starts_s = before[-1].start_s if before else 0.0
    if not starts_s <= words.start_s <= words.end_s <= ends_s or chars > _CHARS_PER_S * ends_s:
        raise EngineBadReply("a worker sent words that cannot be")
    return Segment(words.start_s, words.end_s, words.text)


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
