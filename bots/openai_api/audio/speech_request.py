"""The request body of /v1/audio/speech. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from bots.openai_api.bodies import ApiModel, Lowercase
from core.text.mimo_names import TTS_CLONE, TTS_DESIGN, find_mimo

#: A text of the greatest length, each character escaped, and a sample of a voice.
BODY_BYTES = 11 * 2**20
#: OpenAI's voices and their genders. An engine that lacks them has others speak in their place.
OPENAI_VOICES = {
    "alloy": "female",
    "ash": "male",
    "ballad": "male",
    "cedar": "male",
    "coral": "female",
    "echo": "male",
    "fable": "male",
    "marin": "female",
    "nova": "female",
    "onyx": "male",
    "sage": "female",
    "shimmer": "female",
    "verse": "male",
}
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
        "",
        description="A voice of the model; see /v1/audio/voices. OpenAI's voices stand for those "
        f"of their gender in the language of the text. For {TTS_CLONE}: a recording of the voice "
        "as a data URL.",
    )
    instructions: str = Field(
        "", description=f"Style, mood and pace in words. For {TTS_DESIGN}: the voice in words."
    )
    response_format: Annotated[SpeechFormat | None, Lowercase] = Field(
        None,
        description="All are sent while they are synthesized; pcm has 24 kHz, 16 bit, mono. "
        "The default is mp3, and wav for MiMo's model names.",
    )
    speed: float = Field(1, ge=0.25, le=4, description="The pace; the pitch stays.")
    stream_format: Annotated[Literal["audio", "sse"], Lowercase] = "audio"

    @field_validator("instructions")
    @classmethod
    def _drop_none(cls, instructions: str) -> str:
        """Home Assistant sends "None" for none."""
        return "" if instructions.strip() == "None" else instructions.strip()

    @property
    def model_id(self) -> str:
        """MiMo's name of the model, empty if it is none of MiMo's."""
        return find_mimo(self.model.strip()) or ""

    @property
    def format(self) -> SpeechFormat:
        """The format of the audio: without a given one OpenAI sends mp3, gateways to MiMo WAV."""
        is_mimo = self.model.strip().startswith("xiaomi/") or self.model_id
        return self.response_format or ("wav" if is_mimo else "mp3")
