"""The operator's status: engines with their accounts, the queue, and costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from core.answering.pipeline import AnsweringPipeline
from core.limits import AccountGate, AccountState
from core.models import ProbeResult
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline

Role = Literal["hears", "understands", "speaks"]


@dataclass(frozen=True, slots=True)
class EngineState:
    """The engine of one role, its model, and the state of its account."""

    role: Role
    engine: str
    model: str
    gate: AccountState
    #: The last daily probe, None if there was none.
    probe: ProbeResult | None = None


class OperatorStatus:
    """Everything the operator's view shows."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        synthesis: SynthesisPipeline,
        answering: AnsweringPipeline,
    ) -> None:
        #: The queue, jobs and costs, from the database.
        self.statistics = store.statistics
        self._store = store
        self._transcription = transcription
        self._synthesis = synthesis
        self._answering = answering

    async def engines(self) -> list[EngineState]:
        """Return the engine of each role."""
        transcriber, answerer = self._transcription.transcriber, self._answering.answerer
        synthesizer, gate = self._synthesis.synthesizer, self._answering.gate
        probes = await self._store.probes.all()
        rows: tuple[tuple[Role, str, str, AccountGate], ...] = (
            ("hears", transcriber.name, transcriber.model, self._transcription.gate),
            ("understands", answerer.name, answerer.model, gate),
            ("speaks", synthesizer.name, synthesizer.model, self._synthesis.gate),
        )
        return [
            EngineState(role, engine, model, await gate.state(), probes.get(role))
            for role, engine, model, gate in rows
        ]

    async def programs(self, day: date) -> Mapping[str, float]:
        """Return the seconds of audio that API keys have used on a day, by name."""
        return await self._store.allowances.of_day(day)
