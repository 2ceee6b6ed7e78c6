"""The tables of what operators have decided and done."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, false

from core.models import AccessRequest
from core.store.database.encryption import Encrypted, UtcDateTime
from core.store.database.schema import metadata

#: Chats, people and servers that asked to use the bot, or were banned from it.
admissions = Table(
    "admissions",
    metadata,
    Column("platform", String(32), primary_key=True),
    #: Id of a chat, person or server.
    Column("subject", String(64), primary_key=True),
    #: A `core.admission.Decision`.
    Column("decision", String(16), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    #: The operators were asked.
    Column("is_told", Boolean, nullable=False, server_default=false()),
    #: Who asked, as the operators read it.
    Column("content", Encrypted(AccessRequest)),
)

#: What operators have done. No content: ids and counts.
audit = Table(
    "audit",
    metadata,
    Column("audit_pk", Integer, primary_key=True),
    Column("done_at", UtcDateTime, nullable=False),
    #: "platform:id" of the operator.
    Column("operator", String(128), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(128), nullable=False),
    Index(None, "done_at"),
)

#: Switches that are on, by name.
switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("changed_at", UtcDateTime, nullable=False),
)
