"""Chats and people know when they were last used, so that they need not be kept for ever."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_INDEXES = (
    ("chats", "used_at"),
    ("people", "used_at"),
    ("readers", "read_at"),
    ("buttons", "chat_pk"),
)


def upgrade() -> None:
    for table in ("chats", "people"):
        # The first purge sets it: the time counts from there.
        op.add_column(table, sa.Column("used_at", sa.DateTime(timezone=True)))
    for table, column in _INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])
    is_gone = sa.text("gone_at IS NOT NULL")
    op.create_index("ix_chats_gone_at", "chats", ["gone_at"], sqlite_where=is_gone)


def downgrade() -> None:
    op.drop_index("ix_chats_gone_at", "chats")
    for table, column in _INDEXES:
        op.drop_index(f"ix_{table}_{column}", table)
    for table in ("chats", "people"):
        op.drop_column(table, "used_at")
