"""What the people who run the program are told in their private chats: a job like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import stamina
import structlog

from core.errors import PlatformBusy, PlatformError
from core.interfaces import Platform
from core.models import Chat
from core.store.operations.notices import AlertStore

#: Tries until a platform is there, two minutes in all: the program may have begun just now.
_ATTEMPTS = 18

log = structlog.get_logger()


class Alerts:
    """Tells operators; admins: "platform:id" of each, as ADMIN_IDS has them.

    The settings see to it that each of these platforms is there.
    """

    def __init__(
        self, store: AlertStore, platforms: Mapping[str, Platform], admins: Sequence[str]
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._admins = admins

    async def tell(self, key: str, text: str) -> None:
        """Let each operator be told `text`, once for each `key`.

        Who cannot be reached is not told: the log has it, and the operator's view.
        """
        for admin in self._admins:
            name, _, person_id = admin.partition(":")
            try:
                chat = await _find_chat(self._platforms[name], person_id)
            except PlatformError as error:
                log.warning("an operator could not be told", platform=name, error=str(error))
            else:
                await self._store.add(chat, key, text)


@stamina.retry(on=PlatformBusy, attempts=_ATTEMPTS, timeout=None, wait_max=10.0)
async def _find_chat(platform: Platform, person_id: str) -> Chat:
    return await platform.private_chat(person_id)
