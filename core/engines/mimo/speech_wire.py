"""Requests and responses of MiMo's speech synthesis. Pure.

Sources: MiMo docs, "Speech Synthesis (MiMo-V2-TTS)", 2026-05-28, and "Speech Synthesis" and the
API reference of the V2.5 series, 2026.
"""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass, replace
from typing import Any

from core.engines.mimo.transcription_wire import make_data_url, read_response
from core.engines.wire.chat import is_cut_by, read_choice, read_finish
from core.engines.wire.speech import read_wav, split_samples
from core.errors import EngineBadReply
from core.models import Utterance, Voice
from core.text.mimo_names import TTS_CLONE, TTS_DESIGN
from core.text.scripts import has_han

RATE_HZ = 24_000
#: Substring of the ids of all speech models.
_KIND = "tts"
#: The second generation has a tag for styles and its own voices.
_V2 = "mimo-v2-"
_SINGING = frozenset({"唱歌", "sing", "singing"})
#: Characters that would end a style or begin another tag.
_BRACKETS = re.compile(r"[()（）\[\]<>]")
_V2_VOICES = (
    Voice("default_zh", "MiMo-Chinese Female Voice", "zh", "female"),
    Voice("default_en", "MiMo-English Female Voice", "en", "female"),
    Voice("mimo_default", "MiMo-Default", "mul", "female"),
)
#: `mimo_default` is 冰糖 in China and Mia elsewhere.
_VOICES = (
    Voice("冰糖", "冰糖", "zh", "female"),
    Voice("茉莉", "茉莉", "zh", "female"),
    Voice("苏打", "苏打", "zh", "male"),
    Voice("白桦", "白桦", "zh", "male"),
    Voice("Mia", "Mia", "en", "female"),
    Voice("Chloe", "Chloe", "en", "female"),
    Voice("Milo", "Milo", "en", "male"),
    Voice("Dean", "Dean", "en", "male"),
    Voice("mimo_default", "MiMo-Default", "mul", "female"),
)


@dataclass(frozen=True, slots=True)
class SpeechStream:
    """State of a stream between two events."""

    #: First byte of a sample whose second comes in the next chunk.
    odd_byte: bytes = b""
    has_audio: bool = False
    finish_reason: str | None = None
    is_done: bool = False


def preset_voices(model: str) -> tuple[Voice, ...]:
    """Return the preset voices of `model`, the default of each language first."""
    return _V2_VOICES if model.startswith(_V2) else _VOICES


def build_speech(utterance: Utterance, *, model: str, is_streamed: bool = False) -> dict[str, Any]:
    """Return the request body that synthesizes `utterance`: WAV, or a stream of samples.

    model: TTS_DESIGN if the voice is a description, TTS_CLONE if it is a sample.
    Raises EngineRefused unless the sample is WAV or MP3 of at most MAX_BYTES.
    """
    is_design = model == TTS_DESIGN
    audio = {"format": "pcm16" if is_streamed else "wav"}
    if not is_design:
        audio["voice"] = _pick_voice(utterance, model)
    # The description of a voice is the message of the user; there is no tag for it.
    direction = _describe(utterance) if is_design else utterance.direction
    text = utterance.text if is_design else _add_styles(utterance, model)
    messages = [{"role": "user", "content": direction}] if direction else []
    return {
        "model": model,
        "messages": [*messages, {"role": "assistant", "content": text}],
        "audio": audio,
        **({"stream": True} if is_streamed else {}),
    }


def read_speech(body: bytes, *, model: str) -> bytes:
    """Return the samples in the response `body`.

    Raises EngineError: what `read_error` returns for an error inside, EngineBadReply.
    """
    choice = read_choice(read_response(body, model, kind=_KIND))
    if choice is None:
        raise EngineBadReply("no choices")
    _check_finish(read_finish(choice))
    return read_wav(_read_audio(choice.get("message")), rate_hz=RATE_HZ)


def read_speech_event(data: str, stream: SpeechStream, *, model: str) -> tuple[SpeechStream, bytes]:
    """Return `stream` advanced by the data of one server-sent event, and its whole samples.

    Raises EngineError as `read_speech` does.
    """
    if data.strip() == "[DONE]":
        return replace(stream, is_done=True), b""
    choice = read_choice(read_response(data, model, kind=_KIND))
    if choice is None:
        return stream, b""
    audio = _read_audio(choice.get("delta"))
    if audio and (stream.finish_reason or stream.is_done):
        raise EngineBadReply("audio after the end")
    samples, odd_byte = split_samples(stream.odd_byte + audio)
    advanced = SpeechStream(
        odd_byte=odd_byte,
        has_audio=stream.has_audio or bool(samples),
        finish_reason=read_finish(choice) or stream.finish_reason,
        is_done=stream.is_done,
    )
    return advanced, samples


def check_speech_end(stream: SpeechStream) -> None:
    """Raise EngineError unless `stream` is complete: a part must not pass for the whole."""
    _check_finish(stream.finish_reason)
    if not stream.is_done:
        raise EngineBadReply("the stream ended too early")
    if stream.odd_byte:
        raise EngineBadReply("the audio ends within a sample")
    if not stream.has_audio:
        raise EngineBadReply("no audio")


def _pick_voice(utterance: Utterance, model: str) -> str:
    if model == TTS_CLONE and utterance.sample is not None:
        return make_data_url(utterance.sample)
    if utterance.voice is not None:
        return utterance.voice
    # The service's default voice depends on its region.
    language = "zh" if has_han(utterance.text) else "en"
    return next(v.voice_id for v in preset_voices(model) if v.language == language)


def _add_styles(utterance: Utterance, model: str) -> str:
    styles = " ".join(_clean_styles(utterance.styles))
    if not styles:
        return utterance.text
    is_v2 = model.startswith(_V2)
    return (f"<style>{styles}</style>" if is_v2 else f"({styles})") + utterance.text


def _clean_styles(styles: tuple[str, ...]) -> list[str]:
    """Return `styles` without brackets. Singing must be the only style."""
    cleaned = [" ".join(_BRACKETS.sub(" ", style).split()) for style in styles]
    singing = next((s.lower() for s in cleaned if s.lower() in _SINGING), None)
    return [singing] if singing else [style for style in cleaned if style]


def _describe(utterance: Utterance) -> str:
    parts = [utterance.description, utterance.direction, ", ".join(utterance.styles)]
    return "\n".join(part for part in parts if part)


def _read_audio(part: object) -> bytes:
    """Return the audio of a message or delta; most deltas have none, or nulls."""
    audio = part.get("audio") if isinstance(part, dict) else None
    data = audio.get("data") if isinstance(audio, dict) else None
    if data is None:
        return b""
    try:
        if not isinstance(data, str):
            raise ValueError
        return b64decode(data, validate=True)
    except ValueError:
        raise EngineBadReply("the audio is not valid base64") from None


def _check_finish(reason: str | None) -> None:
    if is_cut_by(reason):
        raise EngineBadReply("the audio was cut short")
