"""Whom operators decide about in each chat, where the chat's own id does not say so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("chats", sa.Column("subject", sa.LargeBinary()))


def downgrade() -> None:
    op.drop_column("chats", "subject")
