"""Sound that is larger than Discord takes: written smaller, and in several files if need be."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from bots.discord_bot.outgoing.parts import MAX_FILE_BYTES
from core import audio
from core.errors import UserError
from core.models import File, Reply

log = structlog.get_logger(__name__)


async def fit_sounds(reply: Reply, max_bytes: int = MAX_FILE_BYTES) -> Reply:
    """Return a reply whose sound Discord takes; the same reply always becomes the same."""
    files: list[File] = []
    for file in reply.files:
        is_fit = len(file.data) <= max_bytes or not file.mime.startswith("audio/")
        files += [file] if is_fit else await asyncio.to_thread(_shrink, file, max_bytes)
    return replace(reply, files=tuple(files))


def _shrink(file: File, max_bytes: int) -> list[File]:
    try:
        sounds = audio.shrink(file.data, max_bytes)
    except UserError as error:
        # It is left out, and that is told.
        log.error("discord_sound_stays_large", error=type(error).__name__)
        return [file]
    stem = file.name.rpartition(".")[0] or file.name
    if len(sounds) == 1:
        name, sound = f"{stem}.ogg", sounds[0]
        return [replace(file, name=name, mime=sound.mime, data=sound.data)]
    return [
        File(f"{stem}-{number}.ogg", sound.mime, sound.data, sound.duration_s, title=file.title)
        for number, sound in enumerate(sounds, 1)
    ]
