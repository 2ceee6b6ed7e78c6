"""Transcripts as files: plain text with timestamps, SubRip and WebVTT subtitles."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping

from core.models import Message, Transcript
from core.text.file_names import safe_name
from core.text.moments import find_cues, find_moments
from core.text.timestamps import format_timestamp


def build_txt(transcript: Transcript) -> str:
    """Return one line per sentence, each with its start time."""
    moments = find_moments(transcript)
    return "".join(f"[{format_timestamp(m.start_s)}] {m.text}\n" for m in moments)


def build_srt(transcript: Transcript) -> str:
    """Return SubRip: number, times with milliseconds, text and an empty line per cue."""
    blocks = (
        f"{number}\n{_srt_time(cue.start_s)} --> {_srt_time(cue.end_s)}\n{cue.text}\n"
        for number, cue in enumerate(find_cues(transcript), 1)
    )
    return "\n".join(blocks)


def build_vtt(transcript: Transcript) -> str:
    """Return WebVTT: a header, then as SubRip but without numbers and with points in the times."""
    blocks = (
        f"{_srt_time(cue.start_s)} --> {_srt_time(cue.end_s)}".replace(",", ".")
        + f"\n{html.escape(cue.text, quote=False)}\n"
        for cue in find_cues(transcript)
    )
    return "\n".join(["WEBVTT\n", *blocks])


#: Builder and MIME type of each file that a transcript is offered as, by extension.
FORMATS: Mapping[str, tuple[Callable[[Transcript], str], str]] = {
    "txt": (build_txt, "text/plain"),
    "srt": (build_srt, "application/x-subrip"),
    "vtt": (build_vtt, "text/vtt"),
}


def name_transcript(message: Message) -> str:
    """Return the name, without extension, of the files of the transcript that `message` asks for.

    It is that of the recording; voice messages have none of their own, and get the time.
    """
    found = message.attachment or (message.reply_to and message.reply_to.attachment)
    is_named = found and found.kind not in ("voice", "video_note")
    name = safe_name(found.name if found and is_named else "", "")
    stem = name.rpartition(".")[0] or name
    return stem or f"{message.sent_at:%Y-%m-%d_%H-%M-%S}"


def _srt_time(moment_s: float) -> str:
    seconds, thousandths = divmod(round(moment_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{thousandths:03}"
