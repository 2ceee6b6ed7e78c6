"""espeak-ng: the program on PATH, else the library of the extra `offline-speech`.

It is GPL-3.0-or-later, so it always runs in a process of its own, connected by pipes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from importlib.util import find_spec

from core.engines.wire.speech import read_wav
from core.errors import EngineBadReply, EngineBusy
from core.models import Voice
from core.text.scripts import ARABIC, CYRILLIC, DEVANAGARI, HAN, HANGUL
from core.worker_process.launch import NOT_STARTED, command_of
from core.worker_process.sandbox import hide_memory

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
_PITCHES = {"en-us+f5": 30}
_DEFAULT_PITCH = 50
#: Synthesis takes about a thousandth of the length of the audio.
DEADLINE_S = 30.0
MEMORY_BYTES = 256 * 2**20
_LIBRARY = "espeakng_loader"


def find_program() -> str | None:
    """Return the path of the program, None if it is not installed."""
    return shutil.which("espeak-ng")


def has_library() -> bool:
    """Return whether the extra is installed, without loading it."""
    return find_spec(_LIBRARY) is not None


def pick_voice(text: str) -> str:
    """Return the voice that can read `text`."""
    return next(
        (voice for letters, voice in _SCRIPTS if re.search(f"[{letters}]", text)),
        VOICES[0].voice_id,
    )


def find_pitch(voice_id: str) -> int:
    """Return the pitch at which a voice is clearest."""
    return _PITCHES.get(voice_id, _DEFAULT_PITCH)


async def run_program(program: str, text: bytes, voice_id: str) -> bytes:
    """Return the samples of `text` from the program.

    Raises EngineBusy, EngineBadReply.
    """
    pitch = str(find_pitch(voice_id))
    arguments = (program, "--stdin", "--stdout", "-b", "1", "-v", voice_id, "-p", pitch)
    command = command_of(arguments, memory_bytes=MEMORY_BYTES, cpu_s=DEADLINE_S)
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    hide_memory()
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=nowhere, env={"PATH": ""}, cwd="/"
        )
    except OSError as error:
        raise EngineBusy(f"espeak-ng cannot be started: {type(error).__name__}") from error
    try:
        async with asyncio.timeout(DEADLINE_S):
            output, _ = await process.communicate(text)
    except TimeoutError:
        raise EngineBusy(f"espeak-ng took over {DEADLINE_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    if process.returncode == NOT_STARTED:
        raise EngineBusy("espeak-ng cannot be started")
    if process.returncode:
        raise EngineBadReply(f"espeak-ng ended with {process.returncode}")
    return read_wav(output, rate_hz=RATE_HZ)
