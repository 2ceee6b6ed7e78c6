"""Parts of the tokens of each call: audio, cached, reasoning."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_NAMES = ("audio_tokens", "cached_tokens", "reasoning_tokens")


def upgrade() -> None:
    for name in _NAMES:
        op.add_column("usage", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("usage") as batch_op:
        for name in _NAMES:
            batch_op.drop_column(name)
