"""Finds the sound in a message. Pure; names, types and sizes are what the sender claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from bots.common.text import clean
from bots.discord_bot.text import clean_line
from core.models import Attachment

#: Endings of files that hold sound, for those whose type does not say so.
SOUND_ENDINGS = (
    *(".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".m4a", ".m4b", ".aac", ".wav", ".flac"),
    *(".webm", ".weba", ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".mpg", ".mpeg", ".3gp", ".3g2"),
    *(".amr", ".awb", ".aiff", ".aif", ".aifc", ".caf", ".wma", ".wmv", ".ape", ".au", ".mka"),
)
#: Flag of a message that is a voice message.
VOICE_FLAG = 1 << 13


def read_attachment(raw: Mapping[str, Any]) -> Attachment | None:
    """Return the first sound of a message or of what it forwards, None if there is none."""
    return next(read_attachments(raw), None)


def read_attachments(raw: Mapping[str, Any]) -> Iterator[Attachment]:
    """Yield every sound of a message or of what it forwards."""
    for holder, file in _find_sounds(raw):
        file_id = f"{raw['channel_id']}/{raw['id']}/{file['id']}"
        yield build_attachment(file, file_id, is_voice=_is_voice(holder))


def find_sound(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Return the first sound of a message as Discord tells it, after what holds it."""
    return next(_find_sounds(raw), None)


def _find_sounds(raw: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for holder in (raw, *(one.get("message") or {} for one in raw.get("message_snapshots") or ())):
        for file in holder.get("attachments") or ():
            if is_sound(file):
                yield holder, file


def is_sound(file: Mapping[str, Any]) -> bool:
    """Tell whether a file claims to hold sound."""
    mime = (file.get("content_type") or "").lower()
    if mime.startswith(("audio/", "video/")) or mime == "application/ogg":
        return True
    return read_name(file).lower().rstrip(" .").endswith(SOUND_ENDINGS)


def build_attachment(
    file: Mapping[str, Any], file_id: str, *, is_voice: bool = False
) -> Attachment:
    """Return a file of Discord's as ours."""
    mime = clean(file.get("content_type") or "").lower().split(";")[0].strip()[:100]
    size, duration = file.get("size"), file.get("duration_secs")
    return Attachment(
        file_id=file_id,
        kind="voice" if is_voice else _read_kind(mime),
        name=read_name(file),
        mime=mime,
        size_bytes=size if isinstance(size, int) and size >= 0 else None,
        duration_s=float(duration) if isinstance(duration, int | float) else None,
    )


def read_name(file: Mapping[str, Any]) -> str:
    """Return the last step of the name: it is shown to people, never opened."""
    return clean_line((file.get("filename") or "").replace("\\", "/").split("/")[-1])


def _read_kind(mime: str) -> Literal["audio", "video", "document"]:
    if mime.startswith("audio/"):
        return "audio"
    return "video" if mime.startswith("video/") else "document"


def _is_voice(holder: Mapping[str, Any]) -> bool:
    return bool((holder.get("flags") or 0) & VOICE_FLAG)
