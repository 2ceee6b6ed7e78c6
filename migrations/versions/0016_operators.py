"""What operators decide and do: admissions, the log, the switch that pauses all work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "admissions",
        sa.Column("admission_pk", sa.Integer(), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("admission_pk", name="pk_admissions"),
        sa.UniqueConstraint("platform", "subject", name="uq_admissions_platform_subject"),
    )
    op.create_table(
        "audit",
        sa.Column("audit_pk", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator", sa.LargeBinary(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("audit_pk", name="pk_audit"),
    )
    op.create_index("ix_audit_done_at", "audit", ["done_at"])
    op.create_table(
        "switches",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_switches"),
    )


def downgrade() -> None:
    """Let held jobs run: earlier versions admit everybody or nobody."""
    op.execute("UPDATE jobs SET state = 'waiting' WHERE state = 'held'")
    op.drop_table("switches")
    op.drop_index("ix_audit_done_at", "audit")
    op.drop_table("audit")
    op.drop_table("admissions")
