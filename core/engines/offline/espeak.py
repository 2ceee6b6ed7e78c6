"""espeak-ng: the program on PATH, else the library of the extra `offline-speech`.

It is GPL-3.0-or-later, so it always runs in a process of its own, connected by pipes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from contextlib import aclosing
from importlib.util import find_spec

from core.engines.wire.speech import read_wav
from core.errors import EngineBadReply, EngineBusy, SynthesizerMissing
from core.models import Voice
from core.text.scripts import ARABIC, CYRILLIC, DEVANAGARI, HAN, HANGUL
from core.worker_process.pool import WorkerPool

RATE_HZ = 22_050
#: Names that the program and the library both know, the default of each language first.
VOICES = (
    Voice("en-us+f5", "American", "en-US", "female"),
    Voice("en-us", "American, low", "en-US", "male"),
    Voice("en", "British", "en-GB", "male"),
    # Debian's 1.51 reads the tones of plain "cmn" out as numbers.
    Voice("cmn-latn-pinyin", "普通话", "zh", "male"),
    Voice("cmn-latn-pinyin+f5", "普通话, 女声", "zh", "female"),
    Voice("de", "Deutsch", "de", "male"),
    Voice("es", "Español", "es", "male"),
    Voice("fr", "Français", "fr", "male"),
    Voice("it", "Italiano", "it", "male"),
    Voice("pt-br", "Português", "pt-BR", "male"),
    Voice("ru", "Русский", "ru", "male"),
    Voice("ko", "한국어", "ko", "male"),
    Voice("hi", "हिन्दी", "hi", "male"),
    Voice("ar", "العربية", "ar", "male"),
)
#: The voices of scripts that the default voice cannot read; the first that occurs counts.
_SCRIPTS = (
    (HAN, "cmn-latn-pinyin"),
    (HANGUL, "ko"),
    (CYRILLIC, "ru"),
    (DEVANAGARI, "hi"),
    (ARABIC, "ar"),
)
#: The pitch at which this voice is clearest.
_PITCHES = {"en-us+f5": 30}
_DEFAULT_PITCH = 50
#: Synthesis takes about a thousandth of the length of the audio.
_DEADLINE_S = 30.0
_LIBRARY = "espeakng_loader"


def find_program() -> str | None:
    """Return the path of the program, None if it is not installed."""
    return shutil.which("espeak-ng")


def has_library() -> bool:
    """Return whether the extra is installed, without loading it."""
    return find_spec(_LIBRARY) is not None


def is_installed() -> bool:
    """Return whether this machine has the program or the library."""
    return find_program() is not None or has_library()


def pick_voice(text: str) -> str:
    """Return the voice that can read `text`."""
    return next(
        (voice for letters, voice in _SCRIPTS if re.search(f"[{letters}]", text)),
        VOICES[0].voice_id,
    )


class Espeak:
    """Synthesizes with the program or the library, whichever is installed at each call."""

    def __init__(self, *, size: int) -> None:
        self._pool = WorkerPool("core.engines.offline.espeak_worker", size=size)

    async def synthesize(self, text: str, voice_id: str) -> bytes:
        """Return the samples of `text`.

        Raises SynthesizerMissing, EngineBusy, EngineBadReply; WorkerError from the library.
        """
        pitch = _PITCHES.get(voice_id, _DEFAULT_PITCH)
        data = text.replace("\0", "").encode("utf-8", "replace")
        if program := find_program():
            options = ("--stdin", "--stdout", "-b", "1", "-v", voice_id, "-p", str(pitch))
            wav = await _run((program, *options), data)
            return read_wav(wav, rate_hz=RATE_HZ)
        if has_library():
            return await self._ask_worker({"voice": voice_id, "pitch": pitch}, data)
        raise SynthesizerMissing(
            "no espeak-ng: apt install espeak-ng, or pip install 'hearsay-bot[offline-speech]'"
        )

    async def close(self) -> None:
        """End the worker processes."""
        await self._pool.close()

    async def _ask_worker(self, header: dict[str, object], data: bytes) -> bytes:
        async with aclosing(self._pool.run(header, data, stall_s=_DEADLINE_S)) as frames:
            return b"".join([pcm async for _, pcm in frames])


async def _run(command: tuple[str, ...], data: bytes) -> bytes:
    """Return the output of a program for the input `data`. Its environment has no secrets."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=nowhere, env={"PATH": ""}, cwd="/"
        )
    except OSError as error:
        raise EngineBusy(f"espeak-ng cannot be started: {type(error).__name__}") from error
    try:
        async with asyncio.timeout(_DEADLINE_S):
            output, _ = await process.communicate(data)
    except TimeoutError:
        raise EngineBusy(f"espeak-ng took over {_DEADLINE_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    if process.returncode:
        raise EngineBadReply(f"espeak-ng ended with {process.returncode}")
    return output
