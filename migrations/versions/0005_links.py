"""Linked accounts of one person on several platforms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["person_pk"], ["people.person_pk"], name=f"fk_{table}_person_pk"
    )


def upgrade() -> None:
    op.add_column("people", sa.Column("identity", sa.String(length=16), nullable=True))
    op.create_index("ix_people_identity", "people", ["identity"])
    op.create_table(
        "link_codes",
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("job_id", sa.String(length=16), nullable=True),
        _key("link_codes"),
        sa.PrimaryKeyConstraint("person_pk", name="pk_link_codes"),
    )
    op.create_table(
        "link_tries",
        sa.Column("try_pk", sa.Integer(), nullable=False),
        sa.Column("person_pk", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        _key("link_tries"),
        sa.PrimaryKeyConstraint("try_pk", name="pk_link_tries"),
    )


def downgrade() -> None:
    op.drop_table("link_tries")
    op.drop_table("link_codes")
    op.drop_index("ix_people_identity", "people")
    with op.batch_alter_table("people") as batch_op:
        batch_op.drop_column("identity")
