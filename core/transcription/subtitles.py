"""Transcripts as files: plain text with timestamps, SubRip and WebVTT subtitles."""

from __future__ import annotations

import html

from core.models import Transcript
from core.text.timestamps import format_timestamp


def build_txt(transcript: Transcript) -> str:
    """Return one line per segment, each with its start time."""
    return "".join(f"[{format_timestamp(s.start_s)}] {s.text}\n" for s in transcript.segments)


def build_srt(transcript: Transcript) -> str:
    """Return SubRip: number, times with milliseconds, text and an empty line per segment."""
    blocks = (
        f"{number}\n{_srt_time(s.start_s)} --> {_srt_time(s.end_s)}\n{s.text}\n"
        for number, s in enumerate(transcript.segments, 1)
    )
    return "\n".join(blocks)


def build_vtt(transcript: Transcript) -> str:
    """Return WebVTT: a header, then as SubRip but without numbers and with points in the times."""
    blocks = (
        f"{_srt_time(s.start_s)} --> {_srt_time(s.end_s)}".replace(",", ".")
        + f"\n{html.escape(s.text, quote=False)}\n"
        for s in transcript.segments
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _srt_time(moment_s: float) -> str:
    seconds, thousandths = divmod(round(moment_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{thousandths:03}"
