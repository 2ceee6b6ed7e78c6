"""Whose job it is, and when its turn is: people take turns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_INDEXES = (["state", "turn"], ["person", "state", "turn"])


def upgrade() -> None:
    # Those that wait already are nobody's, and come first.
    op.add_column("jobs", sa.Column("person", sa.String(64)))
    op.add_column("jobs", sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
    for columns in _INDEXES:
        name = "_".join(["ix_jobs_open", *columns])
        op.create_index(name, "jobs", columns, sqlite_where=sa.text("finished_at IS NULL"))


def downgrade() -> None:
    for columns in _INDEXES:
        op.drop_index("_".join(["ix_jobs_open", *columns]), "jobs")
    op.drop_column("jobs", "turn")
    op.drop_column("jobs", "person")
