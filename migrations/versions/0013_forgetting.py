"""Which jobs were given which paid results, and who wrote what was forwarded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "uses",
        sa.Column("job_id", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "key", name="pk_uses"),
    )
    op.create_index("ix_uses_key", "uses", ["key"])
    # What was given before: a reply does not say more than the transcript that it shows.
    origin = sa.Column("origin_id", sa.String(64), nullable=False, server_default="")
    op.add_column("remembered", origin)
    op.create_index("ix_remembered_origin_id_chat_pk", "remembered", ["origin_id", "chat_pk"])


def downgrade() -> None:
    op.drop_index("ix_remembered_origin_id_chat_pk", "remembered")
    op.drop_column("remembered", "origin_id")
    op.drop_table("uses")
