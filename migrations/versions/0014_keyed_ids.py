"""Ids of people and chats, and keys of results, as digests; keys that were replaced."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import context, op

if TYPE_CHECKING:
    from core.store.database.cipher import Cipher

revision = "0014"
down_revision = "0013"

#: Table and column -> kind of the id.
_KEYED = {
    ("chats", "chat_id"): b"chat",
    ("people", "person_id"): b"person",
    ("readers", "person_id"): b"person",
    ("buttons", "person_id"): b"person",
    ("remembered", "sender_id"): b"person",
    ("remembered", "origin_id"): b"person",
    ("uses", "key"): b"result",
    ("remembered", "heard_key"): b"result",
    ("transcripts", "key"): b"result",
    ("transcripts", "whole"): b"result",
    ("answers", "key"): b"result",
    ("sounds", "key"): b"result",
    ("sounds", "sample"): b"sample",
}


def upgrade() -> None:
    op.create_table(
        "index_key",
        sa.Column("number", sa.Integer, sa.CheckConstraint("number = 1"), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_index_key"),
    )
    op.create_table(
        "retired_keys",
        sa.Column("key_id", sa.String(8), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_retired_keys"),
    )
    with op.batch_alter_table("chats") as chats:
        chats.add_column(sa.Column("address", sa.LargeBinary, nullable=False, server_default=""))
        chats.add_column(sa.Column("owner_id", sa.String(64)))
    with op.batch_alter_table("people") as people:
        people.add_column(sa.Column("address", sa.LargeBinary, nullable=False, server_default=""))
    _hash_ids()
    for table in ("chats", "people"):
        with op.batch_alter_table(table) as altered:
            altered.alter_column("address", server_default=None)
    op.create_index("ix_chats_owner_id", "chats", ["owner_id"])


def _hash_ids() -> None:
    cipher: Cipher | None = context.config.attributes.get("cipher")
    if cipher is None:
        if op.get_bind().scalar(sa.text("SELECT count(*) FROM chats")):
            raise ValueError("a database with data is migrated with its cipher only")
        return

    def encrypt(column: str, address: str) -> bytes:
        return cipher.encrypt(json.dumps(address).encode(), column.encode())

    driver: Any = op.get_bind().connection.driver_connection
    driver.create_function("digest", 2, lambda kind, value: cipher.digest(kind, value))
    driver.create_function("encrypt_address", 2, encrypt)
    op.execute("UPDATE chats SET address = encrypt_address('chats.address', chat_id)")
    op.execute("UPDATE people SET address = encrypt_address('people.address', person_id)")
    op.execute(
        "UPDATE chats SET owner_id = digest(CAST('chat' AS BLOB), "
        "substr(chat_id, 1, instr(chat_id, '-') - 1)) WHERE instr(chat_id, '-') > 1"
    )
    for (table, column), kind in _KEYED.items():
        of_table = sa.table(table, sa.column(column))
        plain = of_table.c[column]
        hashed = sa.func.digest(sa.literal(kind, sa.LargeBinary), plain)
        op.execute(sa.update(of_table).values({column: hashed}).where(plain != ""))
    # It stood before the id of a message that showed partial text.
    op.execute(
        "UPDATE deliveries SET platform_id = 'live' || substr(platform_id, instr(platform_id, '/'))"
        " WHERE instr(platform_id, '/') > 1 AND platform_id NOT LIKE 'old:%'"
    )
    op.execute(
        "UPDATE deliveries SET platform_id = 'old:live' || "
        "substr(platform_id, instr(platform_id, '/')) WHERE platform_id LIKE 'old:%/%'"
    )
    key = cipher.encrypt(cipher.index_key, b"index_key.content")
    op.execute(sa.text("INSERT INTO index_key VALUES (1, :key)").bindparams(key=key))


def downgrade() -> None:
    """Restore the ids of chats. Nothing leads back from the digests of people and results."""
    cipher: Cipher = context.config.attributes["cipher"]
    driver: Any = op.get_bind().connection.driver_connection
    driver.create_function(
        "decrypt_address", 1, lambda value: json.loads(cipher.decrypt(value, b"chats.address"))
    )
    op.execute("UPDATE chats SET chat_id = decrypt_address(address)")
    op.drop_index("ix_chats_owner_id", "chats")
    with op.batch_alter_table("chats") as chats:
        chats.drop_column("owner_id")
        chats.drop_column("address")
    op.drop_table("retired_keys")
    op.drop_table("index_key")
