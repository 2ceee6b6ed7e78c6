"""Worker process for speech synthesis: the library of espeakng-loader by its C interface.

The library is GPL-3.0-or-later: only this process may load it, never that of the bot.
Source of the interface: speak_lib.h of espeak-ng 1.52.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import espeakng_loader

from core.engines.offline.espeak import MEMORY_BYTES, RATE_HZ
from core.worker_process import Frame, WorkerRefused, serve
from core.worker_process.sandbox import enter

#: Voices and dictionaries, which the library reads when a text needs them.
_DATA = Path(espeakng_loader.get_data_path())
_CPU_S = 120.0
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_PITCH = 3
_UTF8, _END_PAUSE = 1, 0x1000
_OnSound = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Library:
    """The library, which has one state for the whole process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        # Relative to the folder of the data, the only one that can be read later.
        os.chdir(_DATA)
        rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _DONT_EXIT)
        if rate_hz != RATE_HZ:
            raise RuntimeError(f"the library does not start, or its rate is {rate_hz} Hz")
        self._pcm = bytearray()
        # A reference, for the library does not keep it alive.
        self._on_sound = _OnSound(self._take)
        self._library.espeak_SetSynthCallback(self._on_sound)

    def synthesize(self, header: dict[str, Any], text: bytes) -> Iterator[Frame]:
        """Yield the samples of `text` (UTF-8). Raises WorkerRefused("voice")."""
        if self._library.espeak_SetVoiceByName(str(header["voice"]).encode()):
            raise WorkerRefused("voice", "the library does not have it")
        self._library.espeak_SetParameter(_PITCH, int(header["pitch"]), 0)
        self._pcm.clear()
        size = ctypes.c_size_t(len(text) + 1)
        flags = _UTF8 | _END_PAUSE
        failure = self._library.espeak_Synth(text, size, 0, 0, 0, flags, None, None)
        if failure or self._library.espeak_Synchronize():
            raise WorkerRefused("library", f"espeak_Synth returned {failure}")
        yield {}, bytes(self._pcm)

    def _take(self, samples: Any, count: int, _: object) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, 2 * count)
        return 0


def main() -> None:
    """Load the library, then serve jobs until stdin ends."""
    sandbox = partial(enter, memory_bytes=MEMORY_BYTES, cpu_s=_CPU_S, folder=_DATA)
    serve(_Library().synthesize, sandbox)
