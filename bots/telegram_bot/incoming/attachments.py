"""Finds the sound in a message. Pure; names, types and sizes are what the sender claims."""

from __future__ import annotations

from typing import Literal

import telegram

from bots.common.text import clean
from bots.telegram_bot.errors import as_seconds
from core.models import Attachment

#: Endings of files that hold sound, for documents whose type does not say so.
SOUND_ENDINGS = (
    *(".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".m4a", ".m4b", ".aac", ".wav", ".flac"),
    *(".webm", ".weba", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".3g2"),
    *(".amr", ".awb", ".aiff", ".aif", ".aifc", ".caf", ".wma", ".wmv", ".ape", ".au", ".mka"),
)

Holder = telegram.Message | telegram.ExternalReplyInfo
Sound = telegram.Voice | telegram.Audio | telegram.VideoNote | telegram.Video | telegram.Document


def read_attachment(holder: Holder) -> Attachment | None:
    """Return the sound that a message or a quoted foreign message holds, None if there is none."""
    # A GIF comes as a document too, and is silent.
    if holder.animation:
        return None
    if holder.voice:
        return _build("voice", holder.voice)
    if holder.audio:
        return _build("audio", holder.audio)
    if holder.video_note:
        return _build("video_note", holder.video_note)
    if holder.video:
        return _build("video", holder.video)
    if holder.document and _is_sound(holder.document):
        return _build("document", holder.document)
    return None


def _is_sound(document: telegram.Document) -> bool:
    mime = (document.mime_type or "").lower()
    if mime.startswith(("audio/", "video/")) or mime == "application/ogg":
        return True
    return _read_name(document).lower().rstrip(" .").endswith(SOUND_ENDINGS)


def _build(
    kind: Literal["voice", "audio", "video_note", "video", "document"], sound: Sound
) -> Attachment:
    duration = getattr(sound, "duration", None)
    return Attachment(
        file_id=sound.file_id,
        kind=kind,
        name=_read_name(sound),
        mime=clean(getattr(sound, "mime_type", None) or "").lower()[:100],
        size_bytes=sound.file_size if _is_count(sound.file_size) else None,
        duration_s=None if duration is None else as_seconds(duration),
    )


def _read_name(sound: Sound) -> str:
    """Return the last step of the name: it is shown to people, never opened."""
    name = clean(getattr(sound, "file_name", None) or "").replace("\\", "/")
    return " ".join(name.split("/")[-1].split())[:255]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0
