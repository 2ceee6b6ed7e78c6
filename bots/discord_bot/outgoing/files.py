"""Files of a reply within Discord's limits: names, sizes, voice messages."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace

import structlog

from bots.common.chat import clean
from core import audio
from core.errors import UserError
from core.locale import mark
from core.models import File, Reply
from core.safety import restore_links

log = structlog.get_logger(__name__)

#: Largest file without a boosted server.
MAX_FILE_BYTES = 10 << 20
#: Most files of one message, whose request may have 25 MiB.
MAX_FILES, MAX_FILES_BYTES = 10, 24 << 20
#: Limits of a voice message; other recordings are sent as files.
MAX_VOICE_S, MAX_WAVEFORM_BYTES = 1200.0, 256

FILE_TOO_BIG = mark("A file is too large for Discord: the limit is {limit} MB.")

_SPOILER = re.compile(r"\A(?:SPOILER_)+", re.IGNORECASE)


def is_voice(file: File) -> bool:
    """Return whether a file can be a voice message: Opus with a duration and a waveform."""
    has_duration = file.duration_s is not None and 0 < file.duration_s <= MAX_VOICE_S
    has_waveform = 0 < len(file.waveform) <= MAX_WAVEFORM_BYTES
    return file.mime == "audio/ogg" and has_duration and has_waveform


async def fit_audio(reply: Reply, max_bytes: int = MAX_FILE_BYTES) -> Reply:
    """Return a reply whose audio files are within the limit: encoded smaller, or in several.

    The same reply always gives the same files.
    """
    files: list[File] = []
    for file in reply.files:
        is_fit = len(file.data) <= max_bytes or not file.mime.startswith("audio/")
        files += [file] if is_fit else await asyncio.to_thread(_shrink, file, max_bytes)
    return replace(reply, files=tuple(files))


def name_file(name: str) -> str:
    """Return a file name that Discord shows as it is: no path, no spoiler."""
    flat = " ".join(clean(name).split("/")[-1].split("\\")[-1].split())
    stem, dot, ending = _SPOILER.sub("", flat).rpartition(".")
    return f"{stem[:80]}{dot}{ending[:16]}".strip() or "file"


def _shrink(file: File, max_bytes: int) -> list[File]:
    try:
        pieces = audio.shrink(file.data, max_bytes)
    except UserError as error:
        # The file is left out with a notice.
        log.error("discord_audio_not_shrunk", error=type(error).__name__)
        return [file]
    stem = file.name.rpartition(".")[0] or file.name
    if len(pieces) == 1:
        name, piece = f"{stem}.ogg", pieces[0]
        return [replace(file, name=name, mime=piece.mime, data=piece.data)]
    return [
        File(f"{stem}-{number}.ogg", piece.mime, piece.data, piece.duration_s, title=file.title)
        for number, piece in enumerate(pieces, 1)
    ]


def build_text_file(reply: Reply) -> File:
    """Return the text and the quote of a reply as a file."""
    blocks = [restore_links(clean(text)).strip("\n") for text in (reply.text, reply.quote)]
    if reply.is_quote_first:
        blocks.reverse()
    name = "transcript.txt" if reply.quote else "reply.txt"
    return File(name, "text/plain", "\n\n".join(filter(None, blocks)).encode())


def fit_file(file: File) -> list[File]:
    """Return a file under the name that is shown; a text that is too large in several."""
    named = replace(file, name=name_file(file.name))
    if len(file.data) <= MAX_FILE_BYTES or not file.mime.startswith("text/"):
        return [named]
    stem, dot, ending = named.name.rpartition(".")
    return [
        replace(named, name=f"{stem}-{number}{dot}{ending}", data=data)
        for number, data in enumerate(_cut_bytes(file.data), 1)
    ]


def _cut_bytes(data: bytes) -> Iterator[bytes]:
    while data:
        cut = data.rfind(b"\n", 0, MAX_FILE_BYTES) + 1
        if len(data) <= MAX_FILE_BYTES or not cut:
            cut = MAX_FILE_BYTES
        # Not inside a character.
        while cut < len(data) and data[cut] & 0xC0 == 0x80:
            cut -= 1
        yield data[:cut]
        data = data[cut:]
