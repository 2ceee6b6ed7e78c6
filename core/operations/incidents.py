"""Incidents: what only an operator can fix, reported at once, once, and again when it is over.

An open incident is stored, so that neither a restart nor another process reports it again: what is
reported has the moment at which it began for its key. Where several processes share the database,
each looks at its own calls, and reports the end of what another one has begun once it knows of it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from platform import node

import stamina
import structlog

from core import metrics
from core.clock import CLOCK, Clock
from core.errors import EngineError, ModelGone, StoreError
from core.interfaces import Platform
from core.models import ProbeResult
from core.operations.health import LOW_BYTES, WELL_BYTES
from core.operations.model_probe import TASKS, Report, describe_news, probe_role
from core.operations.outages import Outages
from core.operations.roles import Role
from core.store.operations.probes import Probes

#: Interval between looks at the engines and platforms, which are in memory.
CHECK_S = 5.0
#: Longest interval between looks at the disk, and how fast it is taken to fill at most.
DISK_CHECK_S, FILL_BYTES_PER_S = 300.0, 200 << 20
#: Interval between test calls to an engine with an open incident: perhaps nobody else calls it.
#: The shorter one is for the rest of an account of which one role works, and for one out of order.
PROBE_S, REST_PROBE_S = 300.0, 30.0
#: A test call may take so long: one to a service out of reach must not hold up the rest.
PROBE_LIMIT_S = 20.0
#: Time to deliver an alert before the program ends.
LAST_WORDS_S = 16.0

_DATABASE = "database"
#: Errors of engines; other faults have none that could be told apart.
Causes = frozenset[EngineError]
NO_CAUSES = Causes()
_REASONS = {
    401: "rejects the key",
    402: "refuses calls because the balance is used up",
    403: "refuses access: the region is not served, or the key is restricted",
    429: "refuses calls because the quota is used up",
}
_AWAY = "{name}: no messages have been received for two minutes. The log says why."
_REJECTED = "{name} rejects the bot's token. The program stops soon, until it is replaced."

log = structlog.get_logger()


class Incidents:
    """Watches the engines, the disk and the platforms."""

    def __init__(
        self, roles: Sequence[Role], probes: Probes, report: Report, home: Path,
        clock: Clock = CLOCK,
    ) -> None:  # fmt: skip
        """report: is called with news for the operators. home: a folder on the disk."""
        self._roles = roles
        self._probes = probes
        self._report = report
        self._home = home
        self._clock = clock
        #: When each open incident began, by key, as stored; None before the first look.
        self._open: dict[str, datetime] | None = None
        #: By key, while it lasts here: the causes of what this process has reported, or has found
        #: reported, and whether it was open at the last look.
        self._causes: dict[str, tuple[Causes, bool]] = {}
        self._outages = Outages(probes, clock)
        #: Each machine has a disk of its own.
        self._disk, self._disk_name = "disk", "The disk"
        if probes.is_shared:
            self._disk, self._disk_name = f"disk {node()[:64]}", f"The disk of {node()}"
        self._disk_check_at_s = float("-inf")
        #: By role: the model of the last call that succeeded, and when it was last tested.
        self._models: dict[str, str] = {}
        self._probed_at_s: dict[str, float] = {}

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=30.0)
    async def run(self, platforms: Mapping[str, Platform]) -> None:
        """Report what has changed, until cancelled."""
        while True:
            await self._outages.check_writes()
            with suppress(StoreError):
                await self._check_services(platforms)
                if self._clock.monotonic() >= self._disk_check_at_s:
                    await self._check_disk()
            due_s = self._clock.monotonic() + CHECK_S
            await self._clock.sleep(CHECK_S)
            metrics.LOOP_LAG.observe(max(0.0, self._clock.monotonic() - due_s))

    async def check(self, platforms: Mapping[str, Platform]) -> None:
        """Report incidents that have begun or ended since the last check."""
        await self._outages.check_writes()
        await self._check_services(platforms)
        await self._check_disk()

    async def _check_disk(self) -> None:
        """Look at the disk, and again before it can have filled."""
        free = (await asyncio.to_thread(shutil.disk_usage, self._home)).free
        wait_s = min(DISK_CHECK_S, (free - LOW_BYTES) / FILL_BYTES_PER_S)
        self._disk_check_at_s = self._clock.monotonic() + wait_s
        name = (
            self._disk.replace("disk", "The disk of", 1) if self._probes.is_shared else "The disk"
        )
        if free < LOW_BYTES:
            text = f"{name} is filling: {free >> 20} MB free. When it is full nothing is received."
            await self._begin(self._disk, text)
            return
        self._causes.pop(self._disk, None)
        if free > WELL_BYTES and self._disk in await self._list_open():
            await self._end(self._disk, f"{name} has space again: {free >> 20} MB free.")

    async def _check_services(self, platforms: Mapping[str, Platform]) -> None:
        if self._probes.is_shared:
            self._open = None
        # While the disk is full nothing can be reported: only that it was.
        is_reported = _DATABASE in await self._list_open()
        full = await self._probes.check_space(is_reported=is_reported)
        unwritable = full or self._outages.unwritable
        faults = self._find_faults(unwritable) | self._find_silent(platforms)
        for key in self._causes.keys() - faults.keys() - {self._disk}:
            del self._causes[key]
        for key, (text, causes) in faults.items():
            await self._begin(key, text, causes)
        self._outages.note_told()
        is_writable = not unwritable and self._outages.is_writable
        await self._end_what_is_over(platforms, is_writable=is_writable)
        await self._report_models()

    async def _end_what_is_over(
        self, platforms: Mapping[str, Platform], *, is_writable: bool
    ) -> None:
        for key, began_at in sorted((await self._list_open()).items()):
            kind, _, name = key.partition(" ")
            if key == _DATABASE and is_writable:
                await self._end(key, "The database can be written again.")
            elif kind == "away" and self._outages.is_back(name, began_at):
                await self._end(key, f"{name}: messages are received again.")
            elif kind == "platform" and name in platforms and platforms[name].is_ready:
                await self._end(key, f"{name} accepts the bot again.")
            elif kind == "engine" and self._roles:
                await self._look_at_engine(key, name)
            elif kind == "outage" and self._roles:
                await self._look_at_outage(key, name)

    async def platform_refused(self, name: str) -> None:
        """Report that the platform rejects the bot, before the program ends."""
        text = _REJECTED.format(name=name)
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                if await self._begin(f"platform {name}", text):
                    await self._clock.sleep(LAST_WORDS_S / 2)

    def _find_silent(self, platforms: Mapping[str, Platform]) -> dict[str, tuple[str, Causes]]:
        """Return text and causes of platforms that reject the bot, or that nothing comes from."""
        locked = [name for name, platform in platforms.items() if platform.is_locked]
        texts = {f"platform {name}": _REJECTED.format(name=name) for name in locked}
        for name in self._outages.find_away(platforms):
            texts[f"away {name}"] = _AWAY.format(name=name)
        return {key: (text, NO_CAUSES) for key, text in texts.items()}

    def _find_faults(self, unwritable: str) -> dict[str, tuple[str, Causes]]:
        """Return text and causes of each fault. The roles of one account share its faults."""
        found = {_DATABASE: (unwritable, NO_CAUSES)} if unwritable else {}
        for role in self._roles:
            if (fault := role.gate.outage) is None:
                continue
            key, reason = f"engine {role.engine.name}", _REASONS.get(fault.status, str(fault))
            if isinstance(fault, ModelGone):
                key = f"{key} {role.name}"
                reason = f"has no model for {TASKS[role.name]} any more: {role.engine.model}"
            what = f"{role.engine.name} {reason} ({fault.status or 'no status'})."
            if fault.is_parking:
                what += " Messages are kept until it works again."
            else:
                # Jobs are given up after a while.
                key = f"outage {role.engine.name}"
                what = f"{role.engine.name} is out of order: {fault}."
            text = f"{what} Run hearsay doctor for details."
            found[key] = text, found.get(key, ("", NO_CAUSES))[1] | {fault}
        return found

    async def _look_at_engine(self, key: str, name: str) -> None:
        """End an engine's incident once calls succeed; test it if nobody else does."""
        engine, _, only = name.partition(" ")
        roles = [r for r in self._roles if r.engine.name == engine and only in ("", r.name)]
        unwell = [role for role in roles if not self._is_well(role, key)]
        every_s = PROBE_S if len(unwell) == len(roles) else REST_PROBE_S
        for role in unwell:
            await self._probe(role, every_s)
        if not roles:
            await self._close(key)  # no longer used
        elif all(self._is_well(role, key) for role in roles):
            await self._end(key, f"{engine} works again.")

    async def _look_at_outage(self, key: str, name: str) -> None:
        """End an outage once a call has succeeded; make one if nobody else does."""
        roles = [role for role in self._roles if role.engine.name == name]
        failing = [role for role in roles if role.gate.outage]
        latest = self._clock.now() - timedelta(seconds=REST_PROBE_S)
        if not roles:
            await self._close(key)  # no longer used
        elif not failing and any(self._is_well(role, key) for role in roles):
            await self._end(key, f"{name} works again.")
        for role in failing or roles[:1]:
            if key in (self._open or {}) and (role.gate.failed_at or latest) <= latest:
                await self._probe(role, REST_PROBE_S)

    async def _probe(self, role: Role, every_s: float) -> None:
        """Make a test call, unless the last one was less than `every_s` ago."""
        now_s = self._clock.monotonic()
        if now_s - self._probed_at_s.get(role.name, float("-inf")) < every_s:
            return
        self._probed_at_s[role.name] = now_s
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(PROBE_LIMIT_S):
                await probe_role(role)

    def _is_well(self, role: Role, key: str) -> bool:
        """Return whether calls of a role succeed, as far as this process knows."""
        succeeded_at = role.gate.succeeded_at
        if role.gate.outage or succeeded_at is None:
            return False
        # Another process may have begun it, of whose calls nothing is known here.
        began_at = (self._open or {}).get(key) if self._probes.is_shared else None
        return began_at is None or succeeded_at > began_at

    async def _report_models(self) -> None:
        """Report models that were replaced while the program runs."""
        for role in self._roles:
            if role.gate.fault or not role.gate.succeeded_at:
                continue
            now, before = role.engine.model, self._models.get(role.name)
            self._models[role.name] = now
            if before and before != now:
                moment = self._clock.now()
                probe = ProbeResult(role.name, role.engine.name, now, moment)
                news = describe_news(replace(probe, model=before), probe)
                # Other processes find it out as well.
                key = f"{role.name}:{before}:{now}:{moment:%Y-%m-%dT%H}"
                await self._report(key, news)
                # The daily probe need not report it again.
                await self._probes.end(probe)

    async def _list_open(self) -> dict[str, datetime]:
        if self._open is None:
            self._open = await self._probes.incidents()
        return self._open

    async def _begin(self, key: str, text: str, causes: Causes = NO_CAUSES) -> bool:
        """Report an incident, unless this process has. Return whether it has now.

        causes: those that are new since another process has reported the end make it news.
        """
        open_keys = await self._list_open()
        before, was_open = self._causes.get(key, (NO_CAUSES, False))
        is_told = key in open_keys or was_open or causes <= before
        if key in self._causes and is_told:
            self._causes[key] = causes, key in open_keys
            return False
        if key not in open_keys:
            log.error("incident", incident=key)
            open_keys[key] = await self._probes.begin_incident(key, self._clock.now())
        # If the program ends before this, it is reported after the next start.
        await self._report(f"{key}:{open_keys[key].isoformat()}", text)
        self._causes[key] = causes, True
        return True

    async def _end(self, key: str, text: str) -> None:
        log.info("incident over", incident=key)
        began_at = (await self._list_open())[key]
        await self._report(f"{key} over:{began_at.isoformat()}", text)
        self._causes.pop(key, None)
        await self._close(key)

    async def _close(self, key: str) -> None:
        await self._probes.end_incident(key)
        (await self._list_open()).pop(key, None)
