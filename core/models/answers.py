"""Questions to a chat model, and its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from core.models.audio import Audio, Usage


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation with a model, and the recordings it is about."""

    role: Literal["user", "assistant"]
    text: str
    audios: tuple[Audio, ...] = ()
    #: The model's reasoning before `text`: never shown, sent back to models that want it.
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of the source text, for engines that can only quote it."""

    #: How an answer cites it: "2:14" in a recording, "#12" in a talk.
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model picks its words; what is empty is left to the engine."""

    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    #: The answer ends before the first of these.
    stop: tuple[str, ...] = ()
    #: True if the answer has to be a JSON object.
    is_json: bool = False
    #: Number of the answer among several to one question: each is paid for and stored.
    take: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that are set, as OpenAI names them."""
        found = {
            "top_p": self.top_p,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "seed": self.seed,
            "stop": list(self.stop) or None,
            "response_format": {"type": "json_object"} if self.is_json else None,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Question:
    """A question, ready to be sent to an answerer."""

    #: The conversation, the oldest turn first; the last one asks.
    turns: tuple[Turn, ...]
    #: The system prompt.
    instructions: str = ""
    task: Literal["answer", "summarize", "translate"] = "answer"
    #: Only the person's own words, and the passages to quote: for engines without a model.
    words: str = ""
    passages: tuple[Passage, ...] = ()
    is_thinking: bool = False
    #: Longest answer in tokens, reasoning included.
    max_tokens: int = 2048
    #: Sampling temperature, None = the engine's default.
    temperature: float | None = None
    sampling: Sampling = Sampling()

    @property
    def audio_s(self) -> float:
        """The length of all recordings."""
        return sum(audio.duration_s for turn in self.turns for audio in turn.audios)

    def count_urls(self) -> int:
        """Return the number of recordings that the service fetches: their length is not known."""
        return sum(bool(audio.url) for turn in self.turns for audio in turn.audios)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an engine."""

    text: str
    #: True if it only quotes passages, chosen by a rule.
    is_extract: bool = False
    #: True if it stopped before its end.
    is_cut: bool = False
    reasoning: str = ""
    usage: Usage | None = None
    #: True if the model returned only its reasoning: the reply says so.
    is_thought: bool = False
