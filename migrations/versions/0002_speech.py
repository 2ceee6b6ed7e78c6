"""Speech."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("speech", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("person_pk", name="pk_people"),
        sa.UniqueConstraint("platform", "person_id", name="uq_people_platform_person_id"),
    )
    op.create_table(
        "sounds",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sample", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_sounds"),
    )
    op.create_index("ix_sounds_sample", "sounds", ["sample"])
    op.create_table(
        "voices",
        sa.Column("voice_id", sa.String(length=16), nullable=False),
        sa.Column("chat_pk", sa.Integer(), nullable=True),
        sa.Column("person_pk", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name="fk_voices_chat_pk"),
        sa.ForeignKeyConstraint(["person_pk"], ["people.person_pk"], name="fk_voices_person_pk"),
        sa.PrimaryKeyConstraint("voice_id", name="pk_voices"),
    )
    op.create_index("ix_voices_chat_pk", "voices", ["chat_pk"])
    op.create_index("ix_voices_person_pk", "voices", ["person_pk"])

    with op.batch_alter_table("chats") as batch_op:
        batch_op.add_column(sa.Column("expects", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("speech", sa.LargeBinary(), nullable=True))
        batch_op.add_column(
            sa.Column("replies", sa.String(length=8), server_default="off", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("chats") as batch_op:
        batch_op.drop_column("replies")
        batch_op.drop_column("speech")
        batch_op.drop_column("expects")

    op.drop_index("ix_voices_person_pk", "voices")
    op.drop_index("ix_voices_chat_pk", "voices")

    op.drop_table("voices")
    op.drop_index("ix_sounds_sample", "sounds")
    op.drop_table("sounds")
    op.drop_table("people")
