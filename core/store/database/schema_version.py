"""Which form a database has and which this code expects, found without loading Alembic.

At most starts there is nothing to migrate, and Alembic costs 0.2 s and 15 MB.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import Connection, inspect, text


@cache
def list_revisions() -> tuple[str, ...]:
    """Return the migrations that this code knows, oldest first: the numbers of their files."""
    names = (path.name for path in files("migrations.versions").iterdir())
    return tuple(sorted(name[:4] for name in names if name[:4].isdigit()))


def read_revision(connection: Connection) -> str:
    """Return the newest migration that the database has had, "" for none."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
