"""Committing updates, polled or delivered: what fails comes again, and what never works ends.

Imported before the rest of the program, so it imports little itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bots.telegram_bot.errors import POISON
from core.errors import describe_error

log = structlog.get_logger(__name__)

#: Commits one update; whatever it raises, the update comes again.
Take = Callable[[dict[str, Any]], Awaitable[None]]
#: How often an update is tried that makes our own code fail, before it is put aside.
POISON_TRIES = 5
#: Failing updates that are counted; of more, the oldest start again.
_MOST_COUNTED = 1000


class UpdateCommits:
    """Commits updates, and puts aside those on which only our own code fails, again and again.

    The tries are counted in this process alone: elsewhere, or after a restart, an update gets as
    many again, and then ends as well.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._tries: dict[int, int] = {}

    async def commit(self, update_id: int, raw: dict[str, Any]) -> BaseException | None:
        """Commit an update; return why it has to come again, None if it is done with."""
        # No failure may end the caller.
        (error,) = await asyncio.gather(self._take(raw), return_exceptions=True)
        if isinstance(error, BaseException) and not self._is_hopeless(update_id, error):
            log.error("telegram_not_committed", update_id=update_id, error=describe_error(error))
            return error
        self._tries.pop(update_id, None)
        return None

    def _is_hopeless(self, update_id: int, error: BaseException) -> bool:
        if not is_own_fault(error):
            return False
        tries = self._tries[update_id] = self._tries.get(update_id, 0) + 1
        if tries < POISON_TRIES:
            if len(self._tries) > _MOST_COUNTED:
                del self._tries[next(iter(self._tries))]
            return False
        log.error("telegram_update_skipped", update_id=update_id, error=type(error).__name__)
        return True


def is_own_fault(error: BaseException) -> bool:
    """Return whether our own code failed on an update, not the disk or the database."""
    return isinstance(error, POISON) and not isinstance(error, OSError)


def read_update_id(raw: object) -> int | None:
    """Return the id of an update, None if it is no update."""
    update_id = raw.get("update_id") if isinstance(raw, dict) else None
    return None if isinstance(update_id, bool) or not isinstance(update_id, int) else update_id
