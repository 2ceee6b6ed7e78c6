"""The keys of browsers whose session was renewed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

COLUMNS = ("session_hash", "next_session_hash")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("people", sa.Column(name, sa.String(64)))
        op.create_index(f"ix_people_{name}", "people", [name], unique=True)


def downgrade() -> None:
    """Let the first key of each browser count again."""
    for name in COLUMNS:
        op.drop_index(f"ix_people_{name}", "people")
        op.drop_column("people", name)
