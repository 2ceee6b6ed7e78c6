"""The cost of calls is summed up by hour and model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_TOKENS = (
    *("prompt_tokens", "completion_tokens"),
    *("audio_tokens", "cached_tokens", "reasoning_tokens"),
)


def _columns() -> list[sa.Column[int] | sa.Column[float] | sa.Column[str]]:
    """Return what both forms of the table have."""
    later = dict.fromkeys(_TOKENS[2:], "0")
    return [
        sa.Column("audio_s", sa.Float(), nullable=False),
        *(sa.Column(n, sa.Integer(), nullable=False, server_default=later.get(n)) for n in _TOKENS),
    ]


def upgrade() -> None:
    op.create_table(
        "usage_by_hour",
        sa.Column("hour_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        *_columns(),
        sa.PrimaryKeyConstraint("hour_at", "engine", "model", name="pk_usage"),
    )
    op.execute(
        "INSERT INTO usage_by_hour (hour_at, engine, model, calls, audio_s, prompt_tokens, "
        "completion_tokens, audio_tokens, cached_tokens, reasoning_tokens) "
        "SELECT substr(created_at, 1, 13) || ':00:00.000000', engine, model, count(*), "
        "sum(audio_s), sum(prompt_tokens), sum(completion_tokens), sum(audio_tokens), "
        "sum(cached_tokens), sum(reasoning_tokens) FROM usage GROUP BY 1, 2, 3"
    )
    op.drop_table("usage")
    op.rename_table("usage_by_hour", "usage")


def downgrade() -> None:
    """Keep one call for those of an hour."""
    op.create_table(
        "usage_by_call",
        sa.Column("usage_pk", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("engine", sa.String(32), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        *_columns(),
        sa.PrimaryKeyConstraint("usage_pk", name="pk_usage"),
    )
    op.execute(
        "INSERT INTO usage_by_call (created_at, engine, model, audio_s, prompt_tokens, "
        "completion_tokens, audio_tokens, cached_tokens, reasoning_tokens) "
        "SELECT hour_at, engine, model, audio_s, prompt_tokens, completion_tokens, audio_tokens, "
        "cached_tokens, reasoning_tokens FROM usage"
    )
    op.drop_table("usage")
    op.rename_table("usage_by_call", "usage")
    op.create_index("ix_usage_created_at", "usage", ["created_at"])
