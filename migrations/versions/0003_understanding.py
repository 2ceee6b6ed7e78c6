"""Answers, remembered talk of groups, and digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name=f"fk_{table}_chat_pk")


def _create_remembered() -> None:
    op.create_table(
        "remembered",
        sa.Column("remembered_pk", sa.Integer(), nullable=False),
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=False),
        sa.Column("thread_id", sa.String(length=64), nullable=True),
        sa.Column("sender_id", sa.String(length=64), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edit_id", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("transcript", sa.LargeBinary(), nullable=True),
        sa.Column("heard_key", sa.String(length=64), nullable=True),
        _key("remembered"),
        sa.PrimaryKeyConstraint("remembered_pk", name="pk_remembered"),
        sa.UniqueConstraint("chat_pk", "message_id", name="uq_remembered_chat_pk_message_id"),
    )
    op.create_index("ix_remembered_chat_pk_sent_at", "remembered", ["chat_pk", "sent_at"])
    op.create_index("ix_remembered_sender_id", "remembered", ["sender_id"])


def _create_readers() -> None:
    op.create_table(
        "readers",
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        _key("readers"),
        sa.PrimaryKeyConstraint("chat_pk", "person_id", name="pk_readers"),
    )


def _create_schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("schedule_id", sa.String(length=16), nullable=False),
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        _key("schedules"),
        sa.PrimaryKeyConstraint("schedule_id", name="pk_schedules"),
    )
    op.create_index("ix_schedules_chat_pk", "schedules", ["chat_pk"])
    op.create_index("ix_schedules_next_at", "schedules", ["next_at"])


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_answers"),
    )
    _create_remembered()
    _create_readers()
    _create_schedules()
    op.create_index("ix_deliveries_platform_id", "deliveries", ["platform_id"])
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])
    op.add_column("transcripts", sa.Column("whole", sa.String(length=64), nullable=True))
    op.create_index("ix_transcripts_whole", "transcripts", ["whole"])

    with op.batch_alter_table("buttons") as batch_op:
        batch_op.add_column(sa.Column("person_id", sa.String(length=64), nullable=True))
    with op.batch_alter_table("chats") as batch_op:
        batch_op.add_column(sa.Column("talk", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("no_voice_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("people") as batch_op:
        batch_op.add_column(
            sa.Column("is_opted_out", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("people") as batch_op:
        batch_op.drop_column("is_opted_out")
    with op.batch_alter_table("chats") as batch_op:
        batch_op.drop_column("no_voice_at")
        batch_op.drop_column("talk")
    with op.batch_alter_table("buttons") as batch_op:
        batch_op.drop_column("person_id")

    op.drop_index("ix_transcripts_whole", "transcripts")
    with op.batch_alter_table("transcripts") as batch_op:
        batch_op.drop_column("whole")
    op.drop_index("ix_jobs_finished_at", "jobs")
    op.drop_index("ix_deliveries_platform_id", "deliveries")
    for table in ("schedules", "readers", "remembered", "answers"):
        op.drop_table(table)
