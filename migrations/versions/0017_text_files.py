"""The buttons that make files of a transcript have a name of their own: /export is people's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("UPDATE jobs SET command = 'text_file' WHERE command = 'export'")
    op.execute("UPDATE buttons SET command = 'text_file' WHERE command = 'export'")
    is_export, name = sa.text("command = 'export'"), "ix_jobs_export_finished_at"
    op.create_index(name, "jobs", ["finished_at"], sqlite_where=is_export)


def downgrade() -> None:
    op.drop_index("ix_jobs_export_finished_at", "jobs")
    # An earlier version would take a person's data export for a file.
    op.execute("UPDATE jobs SET command = 'help' WHERE command = 'export'")
    op.execute("UPDATE jobs SET command = 'export' WHERE command = 'text_file'")
    op.execute("UPDATE buttons SET command = 'export' WHERE command = 'text_file'")
