"""The log of what operators have done: ids and counts, no content."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection, select

from core.models import AuditEntry
from core.store.database.operator_tables import audit
from core.store.database.queries import Database
from core.store.events import RULES, notify

#: Operators without an account on a platform: whoever is logged in on their page, or has a shell.
PAGE_OPERATOR, SHELL_OPERATOR = "page", "command line"

log = structlog.get_logger()


def note_action(
    connection: Connection, now: datetime, operator: str, action: str, subject: str = ""
) -> None:
    """Log what an operator does in this transaction, and let every process know of it."""
    row = {"done_at": now, "operator": operator, "action": action, "subject": subject}
    connection.execute(audit.insert(), row)
    notify(connection, RULES, None)
    # Who and whom is in the database alone, encrypted: logs hold no ids of people.
    log.info("operator_action", action=action)


class Audit:
    """Queries about the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, limit: int = 20) -> list[AuditEntry]:
        """Return what was done last, the newest first."""
        query = select(audit).order_by(audit.c.audit_pk.desc()).limit(limit)
        rows = await self._database.rows(query)
        return [AuditEntry(one.done_at, one.operator, one.action, one.subject) for one in rows]
