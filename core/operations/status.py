"""The operator's status: engines with their accounts, the queue, and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.limits import AccountState
from core.limits.budgets import Budgets
from core.models import ProbeResult, Standing
from core.operations.roles import Role
from core.requester import Requester, requester_of_key
from core.store import Store

#: People, and groups, that are listed with their budgets.
_TOP = 5


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

    def __init__(self, store: Store, roles: tuple[Role, ...], budgets: Budgets) -> None:
        #: The queue, jobs and costs, from the database.
        self.statistics = store.statistics
        self._store = store
        self._roles = roles
        self._budgets = budgets

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

    def faults(self) -> dict[str, str]:
        """Return the faults that only the operator can fix: of engines, by name, and the disk's."""
        roles = [role for role in self._roles if role.gate.fault]
        full = self._store.probes.fault
        return {role.engine.name: str(role.gate.fault) for role in roles} | (
            {"database": full} if full else {}
        )

    async def budgets(self, keys: Sequence[str]) -> list[Standing]:
        """Return how the bot and the API keys stand, and who has used most today.

        keys: the names of the API keys. People and groups have short ids for names.
        """
        rules, day = self._budgets.rules, self._budgets.clock.now().date()
        ledger = self._store.budgets
        bot = rules.list_accounts(Requester())
        accounts = [*bot, *(rules.list_accounts(requester_of_key(name))[0] for name in keys)]
        return [
            *await ledger.standings(accounts, day),
            *await ledger.top("person", rules.of_people, day, _TOP),
            *await ledger.top("chat", rules.of_groups, day, _TOP),
        ]
