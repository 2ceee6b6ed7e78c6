"""The tables of what the processes on one database share; on SQLite they stay empty."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, String, Table

from core.store.database.dialects import BigInt
from core.store.database.encryption import KeyedId, UtcDateTime
from core.store.database.schema import metadata

#: What was used of the limits per minute of each engine account; see `core.store.rooms`.
rate_uses = Table(
    "rate_uses",
    metadata,
    #: The account and its limit; with a digest, the part that one person has.
    Column("key", String(128), primary_key=True),
    #: In quarters of a second since 1970, by the clock of the database.
    Column("at", BigInt, primary_key=True),
    Column("amount", BigInt, nullable=False),
)

#: Calls under way of each process, by who has asked for them.
engine_slots = Table(
    "engine_slots",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("process", String(16), primary_key=True),
    Column("person", KeyedId(b"person"), primary_key=True),
    Column("calls", Integer, nullable=False),
)

#: Until when no call may be made.
engine_pauses = Table(
    "engine_pauses",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("until_at", UtcDateTime, nullable=False),
    #: If the engine is down: how long the others wait for the call that finds out whether it is
    #: back, the first one after that.
    Column("probe_s", Float, nullable=False),
)

#: Results that are being paid for, and the process that makes them.
paid_calls = Table(
    "paid_calls",
    metadata,
    Column("key", KeyedId(b"result"), primary_key=True),
    Column("process", String(16), nullable=False),
)

#: Whose calls the held part of each row of `budget_uses` is for.
budget_holds = Table(
    "budget_holds",
    metadata,
    Column("process", String(16), primary_key=True),
    Column("account", String(200), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("audio_ms", BigInt, nullable=False),
    Column("micro_usd", BigInt, nullable=False),
    Column("requests", BigInt, nullable=False),
)
