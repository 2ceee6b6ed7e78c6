"""Room for the names of incidents: only SQLite takes what is longer than its column."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    with op.batch_alter_table("probes") as altered:
        altered.alter_column(
            "role", existing_type=sa.String(16), type_=sa.String(128), existing_nullable=False
        )


def downgrade() -> None:
    """Leave it: names of incidents would not fit."""
