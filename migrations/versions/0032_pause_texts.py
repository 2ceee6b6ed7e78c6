"""What people are told while all work is paused, in the words of the operator."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.add_column("switches", sa.Column("text", sa.LargeBinary()))


def downgrade() -> None:
    with op.batch_alter_table("switches") as table:
        table.drop_column("text")
