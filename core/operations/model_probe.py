"""The daily model probe: one tiny request per model, to find a dead one before a user does.

A model that is gone is replaced by the next one within that call (`core.engines.wire.models`), so
the day's first message neither fails nor waits. A day of all three costs about 0.000025 US dollars
at MiMo's prices of October 2026: one second transcribed (0.00002), some forty tokens of question
and two of answer (0.000005), and one word synthesized (free). The offline engine is not probed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from core.engines import OFFLINE
from core.errors import EngineError
from core.models import ProbeResult
from core.operations.roles import PROBE_S, Role
from core.store.operations.probes import Probes, is_fresh

#: Distinguishes these calls from those for people at the gate.
_RECORDING = "probe"

#: Callback `(key, text)`; each key is reported once.
Report = Callable[[str, str], Awaitable[object]]

#: What the operator reads for the name of a role.
TASKS = {"hears": "transcription", "understands": "answers", "speaks": "speech"}

log = structlog.get_logger()


class ModelProbe:
    """Probes the models of all roles."""

    def __init__(self, roles: Sequence[Role], probes: Probes, report: Report) -> None:
        """report: is called with news for the operator."""
        self._roles = roles
        self._probes = probes
        self._report = report

    async def probe_due(self, now: datetime) -> None:
        """Probe the roles that were not probed for a day; report what is new to the operator.

        Safe to call at any time, and from several processes.
        """
        kept = await self._probes.all()
        for role in self._roles:
            before = kept.get(role.name)
            if role.engine.name == OFFLINE or (before and is_fresh(before.checked_at, now)):
                continue
            if await self._probes.begin(role.name, now):
                probe = await _probe(role, now)
                # The result of another engine says nothing about this one.
                same = before if before and before.engine == probe.engine else None
                _log(same, probe)
                if news := describe_news(same, probe):
                    # Before the result is saved: better reported twice than never.
                    await self._report(f"{probe.role}:{now.isoformat()}", news)
                await self._probes.end(probe)


async def probe_role(role: Role) -> None:
    """Make the smallest call that tests the model of `role`. Raises EngineError."""
    async with role.gate.call(PROBE_S, _RECORDING):
        await role.probe()


async def _probe(role: Role, now: datetime) -> ProbeResult:
    error = ""
    try:
        await probe_role(role)
    except EngineError as failure:
        error = type(failure).__name__
    return ProbeResult(role.name, role.engine.name, role.engine.model, now, error)


def describe_news(before: ProbeResult | None, probe: ProbeResult) -> str:
    """Return one sentence for the operator on what has changed, empty if nothing has."""
    task = TASKS[probe.role]
    if probe.error and not (before and before.error == probe.error):
        return (
            f"{probe.engine}: the model for {task}, {probe.model}, failed the daily probe"
            f" ({probe.error}). Run hearsay doctor for details."
        )
    if before and before.model != probe.model and not probe.error:
        return (
            f"{probe.engine}: the model for {task} is now {probe.model} instead of {before.model}."
        )
    return ""


def _log(before: ProbeResult | None, probe: ProbeResult) -> None:
    """Log what has changed. That a model was replaced is logged where it happens."""
    known = before.error if before else ""
    where = {"role": probe.role, "engine": probe.engine, "model": probe.model}
    if probe.error and probe.error != known:
        log.warning("model probe failed", **where, error=probe.error)
    elif known and not probe.error:
        log.info("model probe succeeded again", **where)
