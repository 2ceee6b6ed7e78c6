"""A transcript as OpenAI's clients read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fastapi.responses import JSONResponse, PlainTextResponse, Response

from bots.openai_api.transcription_request import TranscriptionRequest
from core.locale.languages import name_language
from core.models import Transcript
from core.text.scripts import guess_language
from core.transcription.subtitles import build_srt, build_vtt

_TEXTS: dict[str, tuple[Callable[[Transcript], str], str]] = {
    "text": (lambda transcript: transcript.text, "text/plain"),
    "srt": (build_srt, "application/x-subrip; charset=utf-8"),
    "vtt": (build_vtt, "text/vtt"),
}


def build_transcription(form: TranscriptionRequest, transcript: Transcript) -> Response:
    """Return the transcript in the format that was asked for."""
    if form.response_format in _TEXTS:
        build, media_type = _TEXTS[form.response_format]
        return PlainTextResponse(build(transcript), media_type=media_type)
    if form.response_format == "verbose_json":
        return JSONResponse(build_verbose(form, transcript))
    return JSONResponse({"text": transcript.text, "usage": _build_usage(transcript)})


def build_verbose(form: TranscriptionRequest, transcript: Transcript) -> dict[str, Any]:
    """The transcript with the times of its parts."""
    return {
        "task": "transcribe",
        "language": name_language(form.language or guess_language(transcript.text), "en").lower(),
        "duration": round(transcript.duration_s, 3),
        "text": transcript.text,
        "segments": [
            {
                "id": number,
                "start": round(segment.start_s, 3),
                "end": round(segment.end_s, 3),
                "text": segment.text,
                "temperature": form.temperature or 0.0,
                # Clients insist on these, and nobody has measured them.
                **{"seek": 0, "tokens": [], "avg_logprob": 0.0},
                **{"compression_ratio": 0.0, "no_speech_prob": 0.0},
            }
            for number, segment in enumerate(transcript.segments)
        ],
        "usage": _build_usage(transcript),
    }


def _build_usage(transcript: Transcript) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(transcript.duration_s)}
