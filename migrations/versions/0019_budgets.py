"""Budgets of people, groups, API keys and the bot; those of API keys begin with what they used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_AMOUNTS = ("audio_ms", "micro_usd", "requests")

_COLUMNS = (*_AMOUNTS, *(f"held_{name}" for name in _AMOUNTS))


def upgrade() -> None:
    op.create_table(
        "budget_uses",
        sa.Column("use_pk", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COLUMNS),
        sa.PrimaryKeyConstraint("use_pk", name="pk_budget_uses"),
        sa.UniqueConstraint("account", "day", name="uq_budget_uses_account"),
    )
    op.create_index("ix_budget_uses_day", "budget_uses", ["day"])
    op.create_table(
        "budgets",
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("limits", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("account", name="pk_budgets"),
    )
    op.execute(
        "INSERT INTO budget_uses (account, kind, day, audio_ms, micro_usd, requests, held_audio_ms,"
        " held_micro_usd, held_requests) SELECT 'key|' || name, 'key', day,"
        " CAST(round(audio_s * 1000) AS INTEGER), 0, 0, 0, 0, 0 FROM allowances"
    )
    op.drop_table("allowances")


def downgrade() -> None:
    """Keep what API keys used on their newest day."""
    op.create_table(
        "allowances",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("audio_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_allowances"),
    )
    op.execute(
        "INSERT INTO allowances (name, day, audio_s) SELECT substr(account, 5), max(day), "
        "audio_ms / 1000.0 FROM budget_uses WHERE kind = 'key' GROUP BY account"
    )
    op.drop_table("budgets")
    op.drop_index("ix_budget_uses_day", "budget_uses")
    op.drop_table("budget_uses")
