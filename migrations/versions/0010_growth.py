"""Indexes with which no query takes longer the more jobs there have been."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_PAID = ("transcripts", "answers", "sounds")


def upgrade() -> None:
    # A job that runs again kept the moment at which it had ended first.
    op.execute("UPDATE jobs SET finished_at = NULL WHERE state IN ('waiting', 'running')")
    op.drop_index("ix_jobs_state_run_at", "jobs")
    op.drop_index("ix_jobs_chat_pk_state_seq", "jobs")
    for column in ("state", "chat_pk"):
        op.create_index(f"ix_jobs_{column}", "jobs", [column])
    for columns in (["state", "run_at"], ["chat_pk"]):
        is_open = sa.text("finished_at IS NULL")
        name = "_".join(["ix_jobs_open", *columns])
        op.create_index(name, "jobs", columns, sqlite_where=is_open)
    for table in _PAID:
        op.create_index(f"ix_{table}_created_at", table, ["created_at"])
    op.drop_index("ix_remembered_sender_id", "remembered")
    op.create_index("ix_remembered_sender_id_chat_pk", "remembered", ["sender_id", "chat_pk"])
    op.drop_index("ix_messages_received_at", "messages")
    # A message that has no job has opened a form.
    op.execute(
        "UPDATE messages SET edit_id = 'form' WHERE edit_id = '' "
        "AND message_pk NOT IN (SELECT message_pk FROM jobs)"
    )
    for column in ("chat_pk", "received_at"):
        is_form = sa.text("edit_id = 'form'")
        op.create_index(f"ix_messages_form_{column}", "messages", [column], sqlite_where=is_form)


def downgrade() -> None:
    for column in ("chat_pk", "received_at"):
        op.drop_index(f"ix_messages_form_{column}", "messages")
    op.execute("UPDATE messages SET edit_id = '' WHERE edit_id = 'form'")
    op.create_index("ix_messages_received_at", "messages", ["received_at"])
    op.drop_index("ix_remembered_sender_id_chat_pk", "remembered")
    op.create_index("ix_remembered_sender_id", "remembered", ["sender_id"])
    for table in _PAID:
        op.drop_index(f"ix_{table}_created_at", table)
    for name in ("open_chat_pk", "open_state_run_at", "chat_pk", "state"):
        op.drop_index(f"ix_jobs_{name}", "jobs")
    op.create_index("ix_jobs_state_run_at", "jobs", ["state", "run_at"])
    op.create_index("ix_jobs_chat_pk_state_seq", "jobs", ["chat_pk", "state", "seq"])
