"""The operator's status: engines with their accounts, the queue, and costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.limits import AccountState
from core.limits.budgets import Budgets
from core.models import ProbeResult
from core.operations.gauges import Gauges
from core.operations.health import Health
from core.operations.roles import Role
from core.store import Store


@dataclass(frozen=True, slots=True)
class EngineState:
    """The engine of one role, its model, and the state of its account."""

    role: str
    engine: str
    model: str
    gate: AccountState
    #: The last daily probe, None if there was none.
    probe: ProbeResult | None = None


class OperatorStatus:
    """Everything the operator's view shows."""

    def __init__(
        self, store: Store, roles: tuple[Role, ...], budgets: Budgets, home: Path = Path()
    ) -> None:
        """home: a folder on the disk that the program needs."""
        #: The queue, jobs and costs, from the database.
        self.statistics = store.statistics
        self.budgets = budgets
        #: What this process needs in order to work.
        self.health = Health(store, roles, home)
        self.gauges = Gauges(store, self.health)
        self._store = store
        self._roles = roles

    async def engines(self) -> list[EngineState]:
        """Return the engine of each role."""
        probes = await self._store.probes.all()
        return [
            EngineState(
                role.name,
                role.engine.name,
                role.engine.model,
                await role.gate.state(),
                probes.get(role.name),
            )
            for role in self._roles
        ]
