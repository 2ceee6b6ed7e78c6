"""Sound outside the database: which object belongs to which row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "objects",
        sa.Column("object_key", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("object_key", name="pk_objects"),
        sa.UniqueConstraint("kind", "owner", "number", name="uq_objects_kind_owner_number"),
    )
    op.create_index("ix_objects_key_id", "objects", ["key_id"])


def downgrade() -> None:
    op.drop_table("objects")
