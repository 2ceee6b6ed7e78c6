"""Recordings in pieces, since SQLite limits the size of a value."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "blob_pieces",
        sa.Column("piece_pk", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("piece_pk", name="pk_blob_pieces"),
        sa.UniqueConstraint("blob_id", "number", name="uq_blob_pieces_blob_id"),
    )
    # Each becomes one piece: it is as large as it was, and need not be decrypted here.
    op.execute(
        "INSERT INTO blob_pieces (blob_id, number, content) "
        "SELECT CAST(message_pk AS VARCHAR), 0, content FROM blobs"
    )
    op.create_table(
        "blobs_in_pieces",
        sa.Column("message_pk", sa.Integer(), nullable=False),
        sa.Column("blob_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_pk"], ["messages.message_pk"], name="fk_blobs_message_pk"
        ),
        sa.PrimaryKeyConstraint("message_pk", name="pk_blobs"),
        sa.UniqueConstraint("blob_id", name="uq_blobs_blob_id"),
    )
    op.execute(
        "INSERT INTO blobs_in_pieces (message_pk, blob_id) "
        "SELECT message_pk, CAST(message_pk AS VARCHAR) FROM blobs"
    )
    op.drop_table("blobs")
    op.rename_table("blobs_in_pieces", "blobs")


def downgrade() -> None:
    """Keep what is in one piece; the rest cannot be one value."""
    op.create_table(
        "whole_blobs",
        sa.Column("message_pk", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_pk"], ["messages.message_pk"], name="fk_blobs_message_pk"
        ),
        sa.PrimaryKeyConstraint("message_pk", name="pk_blobs"),
    )
    op.execute(
        "INSERT INTO whole_blobs (message_pk, content) SELECT message_pk, content FROM blobs "
        "JOIN blob_pieces USING (blob_id) GROUP BY message_pk HAVING count(*) = 1"
    )
    op.drop_table("blobs")
    op.drop_table("blob_pieces")
    op.rename_table("whole_blobs", "blobs")
