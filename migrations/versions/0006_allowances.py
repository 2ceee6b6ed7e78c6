"""Daily use of each API key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "allowances",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("audio_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_allowances"),
    )


def downgrade() -> None:
    op.drop_table("allowances")
