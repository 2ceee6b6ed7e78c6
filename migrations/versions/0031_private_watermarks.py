"""Whether the chat of a watermark is private: who knows only some servers cannot tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("watermarks", sa.Column("is_private", sa.Boolean()))


def downgrade() -> None:
    with op.batch_alter_table("watermarks") as table:
        table.drop_column("is_private")
