"""An index for the queue of many processes: whether an earlier job of a chat waits or runs.

procrastinate's own is by id first, so that the claim of a job may read all of it.
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(
        "DO $$ BEGIN IF to_regclass('procrastinate_jobs') IS NOT NULL THEN "
        "CREATE INDEX IF NOT EXISTS ix_procrastinate_jobs_open_lock ON procrastinate_jobs (lock) "
        "WHERE status IN ('todo', 'doing'); END IF; END $$"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX IF EXISTS ix_procrastinate_jobs_open_lock")
