"""The channel that each private thread of Discord belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("chats", sa.Column("parent", sa.LargeBinary()))


def downgrade() -> None:
    op.drop_column("chats", "parent")
