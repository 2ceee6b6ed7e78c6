"""The tables of users' data.

What people wrote or said is in `Encrypted` columns only. Their ids, and what is made from content,
are `KeyedId`. Ids of messages are plain: numbers that a platform counts, which say nothing without
the chat.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    false,
)

from core.models import (
    Answer,
    DigestSchedule,
    ExpectedRecording,
    Message,
    RememberedMessage,
    Reply,
    SavedVoice,
    SpeechSettings,
    TalkSettings,
    Transcript,
)
from core.store.database.dialects import BigInt, index_in_order, index_some
from core.store.database.encryption import Encrypted, KeyedId, UtcDateTime, bind_column_names
from core.store.database.operator_tables import admissions as admissions
from core.store.database.process_tables import paid_calls as paid_calls
from core.store.database.schema import deliveries as deliveries
from core.store.database.schema import metadata as metadata
from core.store.database.schema import newcomers as newcomers
from core.store.database.schema import readers as readers
from core.store.database.schema import watermarks as watermarks

#: Chats and their settings.
chats = Table(
    "chats",
    metadata,
    Column("chat_pk", BigInt, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("bot_id", String(64), nullable=False),
    Column("chat_id", KeyedId(b"chat"), nullable=False),
    #: The id itself, to send something there.
    Column("address", Encrypted(str), nullable=False),
    #: For one of several chats of a person, whose ids begin with the same and a "-": that id.
    Column("owner_id", KeyedId(b"chat")),
    #: Whom operators decide about, where that is not the chat itself: its server, or its person.
    Column("subject", Encrypted(str)),
    #: Of a private thread: its channel, whose rules and budget hold there as well.
    Column("parent", Encrypted(str)),
    Column("language", String(16)),
    Column("is_auto", Boolean, nullable=False, server_default=false()),
    Column("speech", Encrypted(SpeechSettings)),
    Column("replies", String(8), nullable=False, server_default="off"),
    Column("expects", Encrypted(ExpectedRecording)),
    Column("talk", Encrypted(TalkSettings)),
    #: Set when the chat is gone; cleared by the next message from it.
    Column("gone_at", UtcDateTime),
    #: When the chat last refused a voice message.
    Column("no_voice_at", UtcDateTime),
    #: The day of the last message. None = the purge has not seen this row yet, and sets it.
    Column("used_at", UtcDateTime),
    UniqueConstraint("platform", "bot_id", "chat_id"),
    index_some("ix_chats_gone_at", "gone_at", where="gone_at IS NOT NULL"),
    *(Index(None, name) for name in ("used_at", "owner_id")),
)

#: Accounts of people, one per platform, and their settings.
people = Table(
    "people",
    metadata,
    Column("person_pk", BigInt, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("person_id", KeyedId(b"person"), nullable=False),
    #: The id itself, for accounts that are linked.
    Column("address", Encrypted(str), nullable=False),
    Column("speech", Encrypted(SpeechSettings)),
    #: Nothing of this person is remembered, or transcribed for others.
    Column("is_opted_out", Boolean, nullable=False, server_default=false()),
    #: The same for all linked accounts of a person, None = not linked. Each row has the settings.
    Column("identity", String(16)),
    #: Of a browser's key for the web page, and of the one that follows: see `people.web_sessions`.
    Column("session_hash", String(64), index=True, unique=True),
    Column("next_session_hash", String(64), index=True, unique=True),
    Column("used_at", UtcDateTime),
    UniqueConstraint("platform", "person_id"),
    *(Index(None, name) for name in ("identity", "used_at")),
)

#: Codes that link an account with the one where they are typed: one per account at a time.
link_codes = Table(
    "link_codes",
    metadata,
    Column("person_pk", ForeignKey("people.person_pk"), primary_key=True),
    Column("until_at", UtcDateTime, nullable=False),
    Column("code", Encrypted(str), nullable=False),
    #: The job that used it.
    Column("job_id", String(16)),
)

#: Attempts to use a code, for the limit on them.
link_tries = Table(
    "link_tries",
    metadata,
    Column("try_pk", BigInt, primary_key=True),
    Column("person_pk", ForeignKey("people.person_pk"), nullable=False),
    Column("tried_at", UtcDateTime, nullable=False),
)

#: Saved voices: designed for a chat, or a person's own.
voices = Table(
    "voices",
    metadata,
    Column("voice_id", String(16), primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk")),
    Column("person_pk", ForeignKey("people.person_pk")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Encrypted(SavedVoice), nullable=False),
    Index(None, "chat_pk"),
    Index(None, "person_pk"),
)

#: Every accepted message; its unique key makes a repeated update harmless.
messages = Table(
    "messages",
    metadata,
    Column("message_pk", BigInt, primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("edit_id", String(32), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("content", Encrypted(Message)),
    UniqueConstraint("chat_pk", "message_id", "edit_id"),
    index_some("ix_messages_form_chat_pk", "chat_pk", where="edit_id = 'form'"),
    index_some("ix_messages_form_received_at", "received_at", where="edit_id = 'form'"),
)

#: Recordings that only we have (uploads), for later questions about them.
blobs = Table(
    "blobs",
    metadata,
    Column("message_pk", ForeignKey("messages.message_pk"), primary_key=True),
    Column("blob_id", String(32), nullable=False, unique=True),
)

#: What they consist of, and recordings under way, which belong to no message.
blob_pieces = Table(
    "blob_pieces",
    metadata,
    Column("piece_pk", BigInt, primary_key=True),
    Column("blob_id", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    # It held them whole before there were pieces.
    Column("content", Encrypted(bytes, b"blobs.content"), nullable=False),
    UniqueConstraint("blob_id", "number"),
)

#: Jobs that nobody asked for and that have content; written out for SQLite to use their index.
IS_UNASKED = "command IN ('collect', 'note', 'read_out') AND error != 'forgotten'"
_OPEN_INDEXES = ["state", "run_at"], ["chat_pk"], ["state", "turn"], ["person", "state", "turn"]
#: One per message that wants a reply. `seq` is the order of arrival.
jobs = Table(
    "jobs",
    metadata,
    Column("seq", BigInt, primary_key=True),
    Column("job_id", String(16), nullable=False, unique=True),
    Column("message_pk", ForeignKey("messages.message_pk"), nullable=False, unique=True),
    #: Where the reply goes; differs from the message's chat once the chat has moved.
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("command", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    #: Attempts that failed.
    Column("attempts", Integer, nullable=False),
    #: Attempts during which the process ended.
    Column("crashes", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    #: None while it has not ended, or runs again.
    Column("finished_at", UtcDateTime),
    Column("error", String(400), nullable=False),
    #: The person was shown that this takes longer: later messages need not wait for it.
    Column("is_told", Boolean, nullable=False, server_default=false()),
    Column("reply", Encrypted(Reply)),
    #: The state of the job once its reply is delivered.
    Column("outcome", String(16), nullable=False),
    #: Who has asked for it, and when its turn is: see `core.store.work.turns`.
    Column("person", KeyedId(b"asker")),
    Column("turn", BigInt, nullable=False, server_default="0"),
    #: Where many processes run jobs: how often it was begun, and its entry in their queue.
    Column("fence", BigInt, nullable=False, server_default="0"),
    Column("entry", BigInt),
    # What they find is in order of arrival.
    *index_in_order("ix_jobs_", (["state"], ["chat_pk"], ["finished_at"]), "seq"),
    # Of those that have not ended: as small as the queue, however many have.
    *index_in_order("ix_jobs_open_", _OPEN_INDEXES, "seq", "finished_at IS NULL"),
    index_some("ix_jobs_export_finished_at", "finished_at", where="command = 'export'"),
    index_some("ix_jobs_unasked_finished_at", "finished_at", where=IS_UNASKED),
    index_some("ix_jobs_copy_chat_pk", "chat_pk", where="command = 'private_summary'"),
)

#: Paid transcripts by sha256 of scope + audio + engine + model + parameters + piece.
transcripts = Table(
    "transcripts",
    metadata,
    Column("key", KeyedId(b"result"), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Encrypted(Transcript), nullable=False),
    #: For a piece or an edited transcript, the key of the whole recording's: they go together.
    Column("whole", KeyedId(b"result")),
    Index(None, "whole"),
    Index(None, "created_at"),
)

#: Paid answers by sha256 of scope + question + engine + model.
answers = Table(
    "answers",
    metadata,
    Column("key", KeyedId(b"result"), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Encrypted(Answer), nullable=False),
    Index(None, "created_at"),
)

#: Remembered messages of chats that turned this on, each as last edited. The row of a deleted one
#: stays without its content, so that an update that is delivered again does not restore it.
remembered = Table(
    "remembered",
    metadata,
    Column("remembered_pk", BigInt, primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("thread_id", String(64)),
    Column("sender_id", KeyedId(b"person"), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("edit_id", String(32), nullable=False),
    Column("content", Encrypted(RememberedMessage)),
    Column("transcript", Encrypted(Transcript)),
    #: The key of that transcript in `transcripts`.
    Column("heard_key", KeyedId(b"result")),
    #: The original author of a forward, empty if it is none or its author is not known.
    Column("origin_id", KeyedId(b"person"), nullable=False, server_default=""),
    UniqueConstraint("chat_pk", "message_id"),
    Index(None, "chat_pk", "sent_at"),
    Index(None, "sender_id", "chat_pk"),
    Index(None, "origin_id", "chat_pk"),
)

#: Scheduled digests.
schedules = Table(
    "schedules",
    metadata,
    Column("schedule_id", String(16), primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("content", Encrypted(DigestSchedule), nullable=False),
    Index(None, "chat_pk"),
    Index(None, "next_at"),
)

#: Paid synthesized audio by sha256 of scope + text + engine + model + voice + style.
sounds = Table(
    "sounds",
    metadata,
    Column("key", KeyedId(b"result"), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Encrypted(bytes), nullable=False),
    #: sha256 of the voice sample it was made with: deleted together with that voice.
    Column("sample", KeyedId(b"sample")),
    Index(None, "sample"),
    Index(None, "created_at"),
)

#: Buttons whose reply was replaced, and those of earlier versions. All others are in their replies.
buttons = Table(
    "buttons",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("job_id", ForeignKey("jobs.job_id"), nullable=False),
    Column("command", String(32), nullable=False),
    Column("content", Encrypted(str), nullable=False),
    #: Set if only this person may press it, in their private chat.
    Column("person_id", KeyedId(b"person")),
    Index(None, "job_id"),
    Index(None, "chat_pk"),
)

bind_column_names(metadata)
