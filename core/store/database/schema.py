"""What all tables share, and the tables that hold nothing that anybody wrote or said."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from core.store.database.dialects import BigInt, index_some
from core.store.database.encryption import Encrypted, KeyedId, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: The key of the digests of ids, in one row: it stays when the key that encrypts is replaced.
index_key = Table(
    "index_key",
    metadata,
    Column("number", Integer, CheckConstraint("number = 1"), primary_key=True),
    Column("content", Encrypted(bytes), nullable=False),
)

#: Keys that were replaced: none of them may encrypt again.
retired_keys = Table(
    "retired_keys",
    metadata,
    #: In hexadecimal digits, as each value begins with it.
    Column("key_id", String(8), primary_key=True),
    Column("retired_at", UtcDateTime, nullable=False),
)

#: The cost of the calls to each model in each hour: a row per call would be read for every sum.
usage = Table(
    "usage",
    metadata,
    Column("hour_at", UtcDateTime, primary_key=True),
    Column("engine", String(32), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("calls", BigInt, nullable=False),
    Column("audio_s", Float, nullable=False),
    Column("prompt_tokens", BigInt, nullable=False),
    Column("completion_tokens", BigInt, nullable=False),
    #: Parts of the two above: audio and cached ones of the prompt, reasoning of the completion.
    Column("audio_tokens", BigInt, nullable=False, server_default="0"),
    Column("cached_tokens", BigInt, nullable=False, server_default="0"),
    Column("reasoning_tokens", BigInt, nullable=False, server_default="0"),
)

#: What people, groups, API keys and the bot have used on each day, see `core.limits.budgets`.
budget_uses = Table(
    "budget_uses",
    metadata,
    Column("use_pk", BigInt, primary_key=True),
    #: Who it is; of people and groups a digest.
    Column("account", String(200), nullable=False),
    Column("kind", String(8), nullable=False),
    #: ISO 8601, in UTC.
    Column("day", String(10), nullable=False),
    Column("audio_ms", BigInt, nullable=False),
    #: Millionths of a US dollar.
    Column("micro_usd", BigInt, nullable=False),
    Column("requests", BigInt, nullable=False),
    #: The most that calls under way may add.
    Column("held_audio_ms", BigInt, nullable=False),
    Column("held_micro_usd", BigInt, nullable=False),
    Column("held_requests", BigInt, nullable=False),
    UniqueConstraint("account", "day"),
    Index(None, "day"),
)

#: Limits of those who have been given their own.
budgets = Table(
    "budgets",
    metadata,
    Column("account", String(200), primary_key=True),
    Column("kind", String(8), nullable=False),
    #: As it is typed: "180 min/day, 20 USD/month", or "off".
    Column("limits", String(200), nullable=False),
)

#: The last probe of the model of each role; and open incidents, whose names have a prefix.
probes = Table(
    "probes",
    metadata,
    Column("role", String(128), primary_key=True),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("engine", String(32), nullable=False),
    Column("model", String(128), nullable=False),
    #: Class of the error, empty if the model answered.
    Column("error", String(64), nullable=False),
)

#: The paid results that jobs were given, which are deleted with them.
uses = Table(
    "uses",
    metadata,
    Column("job_id", String(16), primary_key=True),
    #: For a piece of a recording, the key of the whole.
    Column("key", KeyedId(b"result"), primary_key=True),
    Index(None, "key"),
)

#: The newest message handled in each chat, on platforms that never deliver one twice.
watermarks = Table(
    "watermarks",
    metadata,
    Column("chat_pk", ForeignKey("chats.chat_pk"), primary_key=True),
    Column("message_id", String(128), nullable=False),
    #: Whether the chat is private; unknown of those that were handled by earlier versions.
    Column("is_private", Boolean),
)

#: One row per part of a reply.
deliveries = Table(
    "deliveries",
    metadata,
    Column("job_id", ForeignKey("jobs.job_id"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("platform_id", String(128), nullable=False),
    Index(None, "platform_id"),
)

#: People who joined a chat that keeps a history, and when they were told so (None = not yet).
newcomers = Table(
    "newcomers",
    metadata,
    Column("chat_pk", ForeignKey("chats.chat_pk"), primary_key=True),
    Column("person_id", KeyedId(b"person"), primary_key=True),
    #: Of their app (BCP 47), empty if unknown.
    Column("language", String(16), nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime),
    Index(None, "joined_at"),
    index_some("ix_newcomers_untold_chat_pk", "chat_pk", where="told_at IS NULL"),
)

#: How far people have read, for "since I last read".
readers = Table(
    "readers",
    metadata,
    Column("chat_pk", ForeignKey("chats.chat_pk"), primary_key=True),
    Column("person_id", KeyedId(b"person"), primary_key=True),
    Column("read_at", UtcDateTime, nullable=False),
    Index(None, "read_at"),
)

#: What one process at a time may do, and who does it. Only where there are several.
leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until_at", UtcDateTime, nullable=False),
)

#: What stands at STORAGE_URL instead of in rows, and to which row it belongs: see
#: `core.store.objects`.
objects = Table(
    "objects",
    metadata,
    Column("object_key", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    #: The id of a recording, a voice or a job, or the key of speech; without a kind, nobody's.
    Column("owner", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    #: Of the content.
    Column("size_bytes", Integer, nullable=False),
    #: Of the key that has encrypted it, as in `retired_keys`.
    Column("key_id", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("kind", "owner", "number"),
    Index(None, "key_id"),
)
