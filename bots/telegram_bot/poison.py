"""Updates on which our own code fails, polled or delivered: after some tries they are put aside.

Imported before the rest of the program, so it imports little itself.
"""

from __future__ import annotations

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


class PoisonTries(dict[int, int]):
    """How often our own code has failed on an update, by its id; who commits one removes it.

    Counted in this process alone: elsewhere, or after a restart, an update gets as many tries
    again, and then ends as well.
    """

    def is_hopeless(self, update_id: int, error: BaseException) -> bool:
        """Count and log a failure; return whether the update is to be confirmed all the same."""
        if is_own_fault(error):
            self[update_id] = self.get(update_id, 0) + 1
            if self[update_id] >= POISON_TRIES:
                what = type(error).__name__
                log.error("telegram_update_skipped", update_id=update_id, error=what)
                return True
            if len(self) > _MOST_COUNTED:
                del self[next(iter(self))]
        log.error("telegram_not_committed", update_id=update_id, error=describe_error(error))
        return False


def is_own_fault(error: BaseException) -> bool:
    """Return whether our own code failed on an update, not the disk or the database."""
    return isinstance(error, POISON) and not isinstance(error, OSError)
