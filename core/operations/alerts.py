"""Alerts: messages to the operators in their private chats, sent as jobs like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import stamina
import structlog

from core.clock import CLOCK, Clock
from core.errors import PlatformBusy, PlatformError
from core.interfaces import Platform
from core.models import Chat, Message
from core.store.work.intake import Intake

#: Attempts to find an operator's chat, two minutes in all: the platform may still be starting.
_ATTEMPTS = 18
_COMMAND = "notice"

log = structlog.get_logger()


class Alerts:
    """Sends alerts. admins: "platform:id" of each operator, as in ADMIN_IDS.

    The settings guarantee that each of these platforms is configured.
    """

    def __init__(
        self,
        intake: Intake,
        platforms: Mapping[str, Platform],
        admins: Sequence[str],
        clock: Clock = CLOCK,
    ) -> None:
        self._intake = intake
        self._platforms = platforms
        self._admins = admins
        self.clock = clock

    async def send(self, key: str, text: str, command: str = _COMMAND) -> bool:
        """Send `text` to each operator, once for each `key`. command: makes the reply of it.

        Who cannot be reached gets nothing: the alert is in the log and in the operator's view.
        Returns whether one of them was reached, now or before.
        """
        sent = (self.send_to(admin, key, text, command) for admin in self._admins)
        return any(await asyncio.gather(*sent))

    async def send_to(self, person: str, key: str, text: str, command: str = _COMMAND) -> bool:
        """Send `text` to one person, "platform:id", once for each `key`.

        Returns whether the person was reached, now or before.
        """
        name, _, person_id = person.partition(":")
        try:
            chat = await _find_chat(self._platforms[name], person_id)
        except PlatformError as error:
            log.warning("alert not sent", platform=name, error=str(error))
            return False
        message_id, now = f"{_COMMAND}:{key}", self.clock.now()
        message = Message(chat, message_id, now, text=text, command=command)
        await self._intake.add_own(message)
        return True


@stamina.retry(on=PlatformBusy, attempts=_ATTEMPTS, timeout=None, wait_max=10.0)
async def _find_chat(platform: Platform, person_id: str) -> Chat:
    return await platform.private_chat(person_id)
