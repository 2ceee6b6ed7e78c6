"""The tables of what operators have decided and done."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table, UniqueConstraint, false

from core.models import AccessRequest
from core.store.database.dialects import BigInt
from core.store.database.encryption import Encrypted, KeyedId, UtcDateTime
from core.store.database.schema import metadata

#: Chats, people and servers that asked to use the bot, or were banned from it.
admissions = Table(
    "admissions",
    metadata,
    Column("admission_pk", BigInt, primary_key=True),
    Column("platform", String(32), nullable=False),
    #: A chat, person or server.
    Column("subject", KeyedId(b"subject"), nullable=False),
    #: A `core.admission.Decision`.
    Column("decision", String(16), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    #: The operators were asked.
    Column("is_told", Boolean, nullable=False, server_default=false()),
    #: The id itself, and who asked, as the operators read it.
    Column("content", Encrypted(AccessRequest), nullable=False),
    UniqueConstraint("platform", "subject"),
)

#: What operators have done. No content: ids and counts.
audit = Table(
    "audit",
    metadata,
    Column("audit_pk", BigInt, primary_key=True),
    Column("done_at", UtcDateTime, nullable=False),
    #: "platform:id" of the operator.
    Column("operator", Encrypted(str), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Encrypted(str), nullable=False),
    Index(None, "done_at"),
)

#: The switch that pauses all work.
PAUSED = "paused"
#: Switches that are on, by name.
switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("changed_at", UtcDateTime, nullable=False),
    #: What people are told, where the operator has said it.
    Column("text", Encrypted(str)),
)
