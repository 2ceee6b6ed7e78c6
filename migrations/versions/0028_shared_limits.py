"""Limits of accounts, budgets and paid calls that many processes share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rate_uses",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("at", number, nullable=False),
        sa.Column("amount", number, nullable=False),
        sa.PrimaryKeyConstraint("key", "at", name="pk_rate_uses"),
    )
    op.create_table(
        "engine_slots",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("process", sa.String(16), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "process", "person", name="pk_engine_slots"),
    )
    op.create_table(
        "engine_pauses",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("probe_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_engine_pauses"),
    )
    op.create_table(
        "paid_calls",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("process", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_paid_calls"),
    )
    op.create_table(
        "budget_holds",
        sa.Column("process", sa.String(16), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        *(
            sa.Column(name, number, nullable=False)
            for name in ("audio_ms", "micro_usd", "requests")
        ),
        sa.PrimaryKeyConstraint("process", "account", "day", name="pk_budget_holds"),
    )


def downgrade() -> None:
    for name in ("budget_holds", "paid_calls", "engine_pauses", "engine_slots", "rate_uses"):
        op.drop_table(name)
