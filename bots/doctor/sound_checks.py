"""Checks of what works on sound: codecs, the offline engine, and the sandbox of both."""

from __future__ import annotations

from functools import partial

from bots.doctor.engine_checks import OFFLINE_CURE
from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import OTHER
from core.audio import Media, encode
from core.engines.offline.role import WorkerRole
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.engines.offline.transcriber import OfflineTranscriber, is_installed
from core.engines.wire.speech import make_silence
from core.errors import AssistantError

#: What people send and get, in libopus, libmp3lame, and FFmpeg's own AAC and FLAC.
_FORMATS = ("ogg", "mp3", "aac", "flac")
_SILENCE_S, _RATE_HZ = 1.0, 16_000


async def check_audio(_: CheckRun) -> Result:
    """Check that sound is encoded and decoded: silence to each format and back."""
    media = Media(workers=1)
    try:
        for format in _FORMATS:
            if result := await _try_format(media, format):
                return result
    finally:
        await media.close()
    return ok(f"{', '.join(_FORMATS).upper()} are encoded and decoded")


async def _try_format(media: Media, format: str) -> Result | None:
    """Return what is wrong with a format, None if nothing is."""
    try:
        coded = encode(bytes(int(2 * _RATE_HZ * _SILENCE_S)), rate_hz=_RATE_HZ, format=format)
        back = await media.convert(coded, "wav")
    except (AssistantError, ValueError) as error:  # a codec that av lacks is a ValueError
        cure = "Install hearsay again: PyAV does not work here."
        return fail(f"{format.upper()} cannot be encoded and decoded: {error}", cure, OTHER)
    if abs(back.duration_s - _SILENCE_S) > 0.2:
        text = f"sound changes its length when it is decoded from {format.upper()}"
        return fail(text, "Report this.", OTHER)
    return None


async def check_offline(_: CheckRun) -> Result:
    """Check that the offline transcriber works: silence has no words."""
    if not is_installed():
        return warn("offline transcription is not installed", OFFLINE_CURE)
    engine = OfflineTranscriber()
    try:
        transcript = await engine.transcribe(make_silence(1.0))
    except AssistantError as error:
        cure = "Install hearsay again: pocketsphinx or its model is missing."
        return fail(f"the offline engine does not work: {error}", cure, OTHER)
    finally:
        await engine.close()
    if transcript.text:
        return warn("transcribes words from silence", "Report this.")
    return ok("loads and transcribes")


async def check_sandbox(_: CheckRun) -> Result:
    """Check that what reads files and words of people is kept from everything else."""
    lacks: dict[str, None] = {}
    for make in (partial(Media, workers=1), OfflineTranscriber, OfflineSynthesizer):
        work: Media | WorkerRole = make()
        try:
            await work.warm_up(1)
        except AssistantError as error:
            return fail(f"a worker does not start: {error}", "Install hearsay again.", OTHER)
        finally:
            await work.close()
        lacks |= dict.fromkeys(work.lacks)
    if lacks:
        cure = "Run it on Linux on x86-64 or ARM64, where a container must not forbid seccomp."
        return warn(f"this system lacks a part of the sandbox: {', '.join(lacks)}", cure)
    return ok("decoders reach no files, network, programs or other processes")
