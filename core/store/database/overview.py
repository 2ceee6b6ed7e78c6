"""What a database holds, in numbers: for support bundles. It needs no key and changes nothing."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from sqlalchemy import Connection, func, inspect, select, table
from sqlalchemy.exc import DBAPIError

from core.models import JobState
from core.store.database.check import name_schema
from core.store.database.errors import read_error
from core.store.database.migrate import is_there, open_plain, read_revision
from core.store.database.tables import jobs

#: Dead letters that are listed, the newest first.
_MOST_DEAD = 50
#: The class at the beginning of an error's description; what follows it is left out.
_CLASS = re.compile(r"[A-Z]\w*")


async def describe_database(url: str) -> dict[str, Any]:
    """Return schema version, rows by table, jobs by state, and dead letters without content.

    Raises StoreError if it cannot be read, ConfigError.
    """
    return await asyncio.to_thread(_describe, url)


def _describe(url: str) -> dict[str, Any]:
    engine = open_plain(url, is_read_only=True)
    try:
        if engine.dialect.name == "sqlite" and not is_there(url):
            return {"is_there": False}
        with engine.connect() as connection:
            return _count(connection) | {"kind": engine.dialect.name}
    except DBAPIError as error:
        raise read_error(error, url) from None
    finally:
        engine.dispose()


def _count(connection: Connection) -> dict[str, Any]:
    revision, names = read_revision(connection), sorted(inspect(connection).get_table_names())
    counts = {
        name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
        for name in names
    }
    found = {"is_there": True, "revision": revision, "schema": name_schema(revision)}
    if jobs.name not in names:
        return found | {"rows": counts}
    by_state = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    states = {str(state): count for state, count in connection.execute(by_state)}
    return found | {"rows": counts, "jobs": states, "dead_letters": _list_dead(connection)}


def _list_dead(connection: Connection) -> list[dict[str, Any]]:
    query = select(jobs.c.job_id, jobs.c.command, jobs.c.attempts, jobs.c.error)
    query = query.where(jobs.c.state == JobState.DEAD).order_by(jobs.c.seq.desc())
    return [
        {
            "job": row.job_id,
            "command": row.command,
            "attempts": row.attempts,
            "error": (_CLASS.match(row.error) or [""])[0],
        }
        for row in connection.execute(query.limit(_MOST_DEAD))
    ]
