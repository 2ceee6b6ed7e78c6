"""What the operator sees of the running program: its engines, its work and what it costs."""

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
    """Who does one thing for us, with which model, and how the account stands."""

    role: Role
    engine: str
    model: str
    gate: AccountState
    #: What came of the last daily probe, None if there was none.
    probe: ProbeResult | None = None


class OperatorStatus:
    """What the operator looks at."""

    def __init__(
        self,
        store: Store,
        transcription: TranscriptionPipeline,
        synthesis: SynthesisPipeline,
        answering: AnsweringPipeline,
    ) -> None:
        #: The work, from the database.
        self.statistics = store.statistics
        self._store = store
        self._transcription = transcription
        self._synthesis = synthesis
        self._answering = answering

    async def engines(self) -> list[EngineState]:
        """Return who hears, understands and speaks."""
        hears, understands = self._transcription.transcriber, self._answering.answerer
        speaks, gate = self._synthesis.synthesizer, self._answering.gate
        probes = await self._store.probes.all()
        rows: tuple[tuple[Role, str, str, AccountGate], ...] = (
            ("hears", hears.name, hears.model, self._transcription.gate),
            ("understands", understands.name, understands.model, gate),
            ("speaks", speaks.name, speaks.model, self._synthesis.gate),
        )
        return [
            EngineState(role, engine, model, await gate.state(), probes.get(role))
            for role, engine, model, gate in rows
        ]

    async def programs(self, day: date) -> Mapping[str, float]:
        """Return the seconds of sound that keys of other programs have used on a day, by name."""
        return await self._store.allowances.of_day(day)
