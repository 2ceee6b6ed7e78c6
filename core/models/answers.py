"""Questions about sound and text, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.models.audio import Audio, Usage


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's words in a dialogue, and the recordings they are about."""

    role: Literal["user", "assistant"]
    text: str
    audios: tuple[Audio, ...] = ()
    #: What a model thought before it said `text`; never shown, given back where it is wanted.
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of what an answer may rest on, for engines that can only point at it."""

    #: How an answer names it: "2:14" in a recording, "#12" in a talk.
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """What an engine that understands is asked, ready to be sent."""

    #: What a chat model is told, the oldest first; the last one asks.
    turns: tuple[Turn, ...]
    #: The system prompt.
    instructions: str = ""
    task: Literal["answer", "summarize", "translate"] = "answer"
    #: The person's own words alone, and what may be pointed at: for engines without a model.
    words: str = ""
    passages: tuple[Passage, ...] = ()
    is_thinking: bool = False
    #: Longest answer in tokens, thoughts included.
    max_tokens: int = 2048
    #: How freely it is answered, None = as the engine does by itself.
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said."""

    text: str
    #: True when it is only what the passages say, picked by a rule and not understood.
    is_extract: bool = False
    #: True when it stopped before its end.
    is_cut: bool = False
    reasoning: str = ""
    usage: Usage | None = None
    #: True when the engine gave only its thoughts: say so where it is shown.
    is_thought: bool = False
