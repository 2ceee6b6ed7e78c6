"""Finding the summaries of other chats quickly; jobs that were forgotten are nobody's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

NAME = "ix_jobs_copy_chat_pk"


def upgrade() -> None:
    is_copy = sa.text("command = 'private_summary'")
    op.create_index(NAME, "jobs", ["chat_pk"], sqlite_where=is_copy)
    op.execute(
        "UPDATE jobs SET person = NULL WHERE error = 'forgotten' AND finished_at IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index(NAME, "jobs")
