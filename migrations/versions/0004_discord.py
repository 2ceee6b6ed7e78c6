"""Watermarks: how far Discord channels were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "watermarks",
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name="fk_watermarks_chat_pk"),
        sa.PrimaryKeyConstraint("chat_pk", name="pk_watermarks"),
    )


def downgrade() -> None:
    op.drop_table("watermarks")
