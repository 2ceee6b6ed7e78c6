"""The request body of /v1/audio/speech. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bots.openai_api.bodies import ApiModel, Lowercase, One
from core.engines.wire.models import find_mimo

#: A text of the greatest length, each character escaped.
BODY_BYTES = 256 * 1024
#: OpenAI's voices: an engine that has none of that name uses its default.
OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx"),
    *("sage", "shimmer", "verse"),
)
MEDIA_TYPES = {
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
}
SpeechFormat = Literal["wav", "pcm", "mp3", "opus", "flac", "aac"]


class SpeechRequest(ApiModel):
    """A text, and how it is to be read."""

    model: str = Field(description="A model that synthesizes; see /v1/models.")
    input: str = Field(min_length=1, json_schema_extra={"maxLength": 5000})
    voice: str = Field(
        "", description="A voice of the model. OpenAI's voices stand for the model's default."
    )
    instructions: str = Field("", description="Style, mood and pace in words.")
    response_format: Annotated[SpeechFormat | None, Lowercase] = Field(
        None,
        description="wav and pcm (24 kHz, 16 bit, mono) are sent while they are synthesized. "
        "The default is mp3, and wav for MiMo's model names.",
    )
    speed: One = Field(1, description="The pace is set by instructions.")
    stream_format: Annotated[Literal["audio", "sse"], Lowercase] = "audio"

    @property
    def format(self) -> SpeechFormat:
        """The format of the audio: without a given one OpenAI sends mp3, gateways to MiMo WAV."""
        is_mimo = self.model.strip().startswith("xiaomi/") or find_mimo(self.model.strip())
        return self.response_format or ("wav" if is_mimo else "mp3")
