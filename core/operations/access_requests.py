"""Operators are asked about each chat and person that wants to use the bot: ALLOWED_CHATS=ask."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from core.clock import CLOCK, Clock
from core.errors import StoreError
from core.models import AccessRequest
from core.operations.alerts import Alerts
from core.store.work.admissions import Admissions

#: Interval between looks at the table, in case that a report was lost.
CHECK_S = 60.0
_COMMAND = "access_request"


class AccessRequests:
    """Passes requests on to the operators. A request is repeated until it was passed on."""

    def __init__(
        self, admissions: Admissions, alerts: Alerts, clock: Clock = CLOCK, *, is_on: bool = True
    ) -> None:
        """is_on: False if nobody is to be asked: what was held runs."""
        self._is_on = is_on
        self._admissions = admissions
        self._alerts = alerts
        self._clock = clock
        self._is_asked = asyncio.Event()
        admissions.on_ask = self._is_asked.set

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._is_asked.clear()
            with suppress(StoreError):
                await self._look()
            await self._clock.wait_for(self._is_asked, CHECK_S)

    async def _look(self) -> None:
        if not self._is_on:
            await self._admissions.release_all()
            return
        for request in await self._admissions.list_untold():
            await self._pass_on(request)

    async def _pass_on(self, request: AccessRequest) -> None:
        text = f"{request.platform} {request.subject}\n{describe(request)}"
        key = f"{request.subject}:{request.asked_at.isoformat()}"
        if await self._alerts.send(key, text, _COMMAND):
            await self._admissions.note_told(request.platform, request.subject)


def describe(request: AccessRequest) -> str:
    """Return the question that operators read."""
    who, name = f"{request.platform}:{request.subject}", request.name or "Somebody"
    place = "" if request.is_person else " in a group or server"
    return f"{name} wants to use this bot{place} ({who}). Their messages are kept until you decide."
