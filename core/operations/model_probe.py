"""The daily probe: one tiny request per model, so that a dead model is found before a person is.

A model that is gone is replaced by the next one within that call (`core.engines.wire.models`): the
day's first message neither fails nor waits. A day of all three costs at MiMo's prices of October
2026 about 0.000025 US dollars: a second of sound heard (0.00002), some forty tokens of question and
two of answer (0.000005), and one word spoken (free of charge). An engine of this machine is left
alone: it has no model that could end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.answering.pipeline import AnsweringPipeline
from core.engines import OFFLINE
from core.engines.wire.speech import make_silence
from core.errors import EngineError
from core.limits import AccountGate
from core.models import ProbeResult, Question, Turn, Utterance
from core.store.operations.probes import Probes, is_fresh
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline

_SILENCE_S = 1.0
#: The answer ends by itself after a token or two; some services refuse less room.
_QUESTION = Question((Turn("user", "Say: yes"),), max_tokens=16)
_WORD = "Yes."
#: What tells the calls from those for people.
_SOUND = "probe"

#: Is given a key that is told once, and what is to be told.
Tell = Callable[[str, str], Awaitable[None]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Role:
    """One thing that an engine does for us."""

    name: str
    engine: str
    gate: AccountGate
    find_model: Callable[[], str]
    ask: Callable[[], Awaitable[object]]


class ModelProbe:
    """Asks the models of all roles whether they live."""

    def __init__(
        self,
        transcription: TranscriptionPipeline,
        synthesis: SynthesisPipeline,
        answering: AnsweringPipeline,
        probes: Probes,
        tell: Tell,
    ) -> None:
        """Take what is probed. tell: is given what the operator should know."""
        self._probes = probes
        self._tell = tell
        self._roles = _list_roles(transcription, synthesis, answering)

    async def probe_due(self, now: datetime) -> None:
        """Probe the roles that nobody has probed for a day; tell the operator what is new.

        Safe to call at any time, and from several processes.
        """
        kept = await self._probes.all()
        for role in self._roles:
            before = kept.get(role.name)
            if role.engine == OFFLINE or (before and is_fresh(before.checked_at, now)):
                continue
            if await self._probes.begin(role.name, now):
                probe = await _probe(role, now)
                # What another engine did says nothing about this one.
                same = before if before and before.engine == probe.engine else None
                _log(same, probe)
                if news := _describe(same, probe):
                    # Before the end is kept: rather told twice than never.
                    await self._tell(f"{probe.role}:{now.isoformat()}", news)
                await self._probes.end(probe)


def _list_roles(
    transcription: TranscriptionPipeline, synthesis: SynthesisPipeline, answering: AnsweringPipeline
) -> tuple[_Role, ...]:
    hears, speaks = transcription.transcriber, synthesis.synthesizer
    understands = answering.answerer

    async def speak() -> None:
        async with aclosing(speaks.synthesize(Utterance(_WORD))) as sound:
            async for _ in sound:
                pass

    return (
        _Role(
            "hears",
            hears.name,
            transcription.gate,
            lambda: hears.model,
            lambda: hears.transcribe(make_silence(_SILENCE_S)),
        ),
        _Role(
            "understands",
            understands.name,
            answering.gate,
            lambda: understands.model,
            lambda: understands.answer(_QUESTION),
        ),
        _Role("speaks", speaks.name, synthesis.gate, lambda: speaks.model, speak),
    )


async def _probe(role: _Role, now: datetime) -> ProbeResult:
    error = ""
    await role.gate.take_slot()
    try:
        async with role.gate.call(_SILENCE_S, _SOUND):
            await role.ask()
    except EngineError as failure:
        error = type(failure).__name__
    finally:
        role.gate.give_slot()
    return ProbeResult(role.name, role.engine, role.find_model(), now, error)


def _describe(before: ProbeResult | None, probe: ProbeResult) -> str:
    """Return what is new since the day before in a sentence for the operator, empty if nothing."""
    if probe.error and not (before and before.error == probe.error):
        return (
            f"{probe.engine}: the model that {probe.role}, {probe.model}, did not answer the daily"
            f" probe ({probe.error}). hearsay doctor tells what to do."
        )
    if before and before.model != probe.model and not probe.error:
        return f"{probe.engine}: {probe.model} {probe.role} from now on, instead of {before.model}."
    return ""


def _log(before: ProbeResult | None, probe: ProbeResult) -> None:
    """Log what differs from the day before; that a model was left has been logged by who left."""
    known = before.error if before else ""
    where = {"role": probe.role, "engine": probe.engine, "model": probe.model}
    if probe.error and probe.error != known:
        log.warning("the daily probe of a model failed", **where, error=probe.error)
    elif known and not probe.error:
        log.info("the daily probe of a model went well again", **where)
