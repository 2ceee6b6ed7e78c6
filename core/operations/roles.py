"""The three roles of engines, each with its gate and the smallest request that tests its model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from core.answering.pipeline import AnsweringPipeline
from core.engines.wire.speech import make_silence
from core.interfaces import Answerer, Synthesizer, Transcriber
from core.limits import AccountGate
from core.models import Question, Turn, Utterance
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline

#: Length of the silence that is transcribed.
PROBE_S = 1.0
#: The answer is a token or two; some services refuse a lower limit.
_QUESTION = Question((Turn("user", "Say: yes"),), max_tokens=16)
_WORD = "Yes."


@dataclass(frozen=True, slots=True)
class Role:
    """One role, and the engine that has it."""

    #: Stored with each probe.
    name: str
    engine: Transcriber | Answerer | Synthesizer
    gate: AccountGate
    probe: Callable[[], Awaitable[object]]


def list_roles(
    transcription: TranscriptionPipeline, synthesis: SynthesisPipeline, answering: AnsweringPipeline
) -> tuple[Role, ...]:
    """Return the roles in the order in which the operator sees them."""
    transcriber, answerer = transcription.transcriber, answering.answerer
    synthesizer = synthesis.synthesizer

    async def synthesize() -> None:
        async with aclosing(synthesizer.synthesize(Utterance(_WORD))) as audio:
            async for _ in audio:
                pass

    silence = make_silence(PROBE_S)
    return (
        Role("hears", transcriber, transcription.gate, lambda: transcriber.transcribe(silence)),
        Role("understands", answerer, answering.gate, lambda: answerer.answer(_QUESTION)),
        Role("speaks", synthesizer, synthesis.gate, synthesize),
    )
