"""Alembic environment: `core.store.database.migrate` or `-x url=` gives the connection."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine

from core.store.database.tables import metadata


def run() -> None:
    connection = context.config.attributes.get("connection")
    if connection is None:
        connection = create_engine(context.get_x_argument(as_dictionary=True)["url"]).connect()
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=True, user_module_prefix=""
    )
    # The caller holds the transaction: all or nothing, under its lock.
    context.run_migrations()


run()
