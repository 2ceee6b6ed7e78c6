"""People who joined a chat that keeps a history, and when they were told so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "newcomers",
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name="fk_newcomers_chat_pk"),
        sa.PrimaryKeyConstraint("chat_pk", "person_id", name="pk_newcomers"),
    )
    op.create_index("ix_newcomers_joined_at", "newcomers", ["joined_at"])
    is_untold = sa.text("told_at IS NULL")
    op.create_index("ix_newcomers_untold_chat_pk", "newcomers", ["chat_pk"], sqlite_where=is_untold)


def downgrade() -> None:
    op.drop_table("newcomers")
