"""First tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "chats",
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(length=32), nullable=False),
        sa.Column("bot_id", sa.String(length=64), nullable=False),
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("is_auto", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("chat_pk", name="pk_chats"),
        sa.UniqueConstraint(
            "platform", "bot_id", "chat_id", name="uq_chats_platform_bot_id_chat_id"
        ),
    )
    op.create_table(
        "transcripts",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_transcripts"),
    )
    op.create_table(
        "usage",
        sa.Column("usage_pk", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("engine", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("audio_s", sa.Float(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("usage_pk", name="pk_usage"),
    )
    op.create_index("ix_usage_created_at", "usage", ["created_at"])

    op.create_table(
        "messages",
        sa.Column("message_pk", sa.Integer(), nullable=False),
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(length=128), nullable=False),
        sa.Column("edit_id", sa.String(length=32), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name="fk_messages_chat_pk"),
        sa.PrimaryKeyConstraint("message_pk", name="pk_messages"),
        sa.UniqueConstraint(
            "chat_pk", "message_id", "edit_id", name="uq_messages_chat_pk_message_id_edit_id"
        ),
    )
    op.create_index("ix_messages_received_at", "messages", ["received_at"])

    op.create_table(
        "blobs",
        sa.Column("message_pk", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_pk"], ["messages.message_pk"], name="fk_blobs_message_pk"
        ),
        sa.PrimaryKeyConstraint("message_pk", name="pk_blobs"),
    )
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("message_pk", sa.Integer(), nullable=False),
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("command", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=400), nullable=False),
        sa.Column("is_told", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name="fk_jobs_chat_pk"),
        sa.ForeignKeyConstraint(["message_pk"], ["messages.message_pk"], name="fk_jobs_message_pk"),
        sa.PrimaryKeyConstraint("seq", name="pk_jobs"),
        sa.UniqueConstraint("job_id", name="uq_jobs_job_id"),
        sa.UniqueConstraint("message_pk", name="uq_jobs_message_pk"),
    )
    op.create_index("ix_jobs_chat_pk_state_seq", "jobs", ["chat_pk", "state", "seq"])
    op.create_index("ix_jobs_state_run_at", "jobs", ["state", "run_at"])

    op.create_table(
        "buttons",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("chat_pk", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("command", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["chat_pk"], ["chats.chat_pk"], name="fk_buttons_chat_pk"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name="fk_buttons_job_id"),
        sa.PrimaryKeyConstraint("token", name="pk_buttons"),
    )
    op.create_index("ix_buttons_job_id", "buttons", ["job_id"])

    op.create_table(
        "deliveries",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("platform_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name="fk_deliveries_job_id"),
        sa.PrimaryKeyConstraint("job_id", "part", name="pk_deliveries"),
    )


def downgrade() -> None:
    op.drop_table("deliveries")
    op.drop_index("ix_buttons_job_id", "buttons")

    op.drop_table("buttons")
    op.drop_index("ix_jobs_state_run_at", "jobs")
    op.drop_index("ix_jobs_chat_pk_state_seq", "jobs")

    op.drop_table("jobs")
    op.drop_table("blobs")
    op.drop_index("ix_messages_received_at", "messages")

    op.drop_table("messages")
    op.drop_index("ix_usage_created_at", "usage")

    op.drop_table("usage")
    op.drop_table("transcripts")
    op.drop_table("chats")
