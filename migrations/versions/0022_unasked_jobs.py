"""An index of jobs that nobody asked for: their content ends with the history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

NAME = "ix_jobs_unasked_finished_at"
IS_UNASKED = "command IN ('collect', 'note', 'read_out') AND error != 'forgotten'"


def upgrade() -> None:
    op.create_index(NAME, "jobs", ["finished_at"], sqlite_where=sa.text(IS_UNASKED))


def downgrade() -> None:
    op.drop_index(NAME, "jobs")
