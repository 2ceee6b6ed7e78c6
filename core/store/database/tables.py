"""The tables of what people do. What they wrote or said stands in `Sealed` columns only."""

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
from core.store.database.encryption import Sealed, UtcDateTime, bind_places
from core.store.database.schema import metadata as metadata

#: Chats and what each has chosen.
chats = Table(
    "chats",
    metadata,
    Column("chat_pk", Integer, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("bot_id", String(64), nullable=False),
    Column("chat_id", String(64), nullable=False),
    Column("language", String(16)),
    Column("is_auto", Boolean, nullable=False, server_default=false()),
    Column("speech", Sealed(SpeechSettings)),
    Column("replies", String(8), nullable=False, server_default="off"),
    Column("expects", Sealed(ExpectedRecording)),
    Column("talk", Sealed(TalkSettings)),
    #: Set when nobody is there any more; taken back by the next message.
    Column("gone_at", UtcDateTime),
    #: When the chat last refused a voice message.
    Column("no_voice_at", UtcDateTime),
    UniqueConstraint("platform", "bot_id", "chat_id"),
)

#: People, a row a platform, and what each has chosen for themselves.
people = Table(
    "people",
    metadata,
    Column("person_pk", Integer, primary_key=True),
    Column("platform", String(32), nullable=False),
    Column("person_id", String(64), nullable=False),
    Column("speech", Sealed(SpeechSettings)),
    #: Nothing of this person is remembered or written down for others.
    Column("is_opted_out", Boolean, nullable=False, server_default=false()),
    #: What the accounts of one person share, None = linked with no other. Each holds the choices.
    Column("identity", String(16)),
    UniqueConstraint("platform", "person_id"),
    Index(None, "identity"),
)

#: Codes that link an account with the one where they are typed: one a person at a time.
link_codes = Table(
    "link_codes",
    metadata,
    Column("person_pk", ForeignKey("people.person_pk"), primary_key=True),
    Column("until_at", UtcDateTime, nullable=False),
    Column("code", Sealed(str), nullable=False),
    #: The job that has used it up.
    Column("job_id", String(16)),
)

#: When people tried codes: nobody may try many.
link_tries = Table(
    "link_tries",
    metadata,
    Column("try_pk", Integer, primary_key=True),
    Column("person_pk", ForeignKey("people.person_pk"), nullable=False),
    Column("tried_at", UtcDateTime, nullable=False),
)

#: Voices that were kept: designed for a chat, or a person's own.
voices = Table(
    "voices",
    metadata,
    Column("voice_id", String(16), primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk")),
    Column("person_pk", ForeignKey("people.person_pk")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Sealed(SavedVoice), nullable=False),
    Index(None, "chat_pk"),
    Index(None, "person_pk"),
)

#: Every message that was taken in; the unique key is what makes a repeat harmless.
messages = Table(
    "messages",
    metadata,
    Column("message_pk", Integer, primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("edit_id", String(32), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("content", Sealed(Message)),
    UniqueConstraint("chat_pk", "message_id", "edit_id"),
    Index(None, "received_at"),
)

#: Sound that only we hold (uploads): what is asked about it later is asked of this.
blobs = Table(
    "blobs",
    metadata,
    Column("message_pk", ForeignKey("messages.message_pk"), primary_key=True),
    Column("content", Sealed(bytes), nullable=False),
)

#: One per message that wants an answer. `seq` is the order of arrival.
jobs = Table(
    "jobs",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("job_id", String(16), nullable=False, unique=True),
    Column("message_pk", ForeignKey("messages.message_pk"), nullable=False, unique=True),
    #: Where the answer goes; differs from the message's chat once the chat has moved.
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("command", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    #: Tries that failed by themselves.
    Column("attempts", Integer, nullable=False),
    #: Tries that ended with the process.
    Column("crashes", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("error", String(400), nullable=False),
    #: The person was told that this takes longer: later messages need not wait for it.
    Column("is_told", Boolean, nullable=False, server_default=false()),
    Column("reply", Sealed(Reply)),
    #: The state the job ends in once its reply was delivered.
    Column("outcome", String(16), nullable=False),
    Index(None, "state", "run_at"),
    Index(None, "chat_pk", "state", "seq"),
    Index(None, "finished_at"),
)

#: Paid results: sha256 of sound + engine + model + parameters + piece.
transcripts = Table(
    "transcripts",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Sealed(Transcript), nullable=False),
    #: Of a piece: the key of the whole recording, which takes it along when it is forgotten.
    Column("whole", String(64)),
    Index(None, "whole"),
)

#: Paid answers: sha256 of the question + engine + model.
answers = Table(
    "answers",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Sealed(Answer), nullable=False),
)

#: The talk of chats that wanted it to be remembered: each message in its newest form. A deleted
#: one stays behind without its content, so that what is delivered again does not bring it back.
remembered = Table(
    "remembered",
    metadata,
    Column("remembered_pk", Integer, primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("message_id", String(128), nullable=False),
    Column("thread_id", String(64)),
    Column("sender_id", String(64), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("edit_id", String(32), nullable=False),
    Column("content", Sealed(RememberedMessage)),
    Column("transcript", Sealed(Transcript)),
    #: The key of that transcript among the paid results.
    Column("heard_key", String(64)),
    UniqueConstraint("chat_pk", "message_id"),
    Index(None, "chat_pk", "sent_at"),
    Index(None, "sender_id"),
)

#: How far people have read: what "since I last read" means.
readers = Table(
    "readers",
    metadata,
    Column("chat_pk", ForeignKey("chats.chat_pk"), primary_key=True),
    Column("person_id", String(64), primary_key=True),
    Column("read_at", UtcDateTime, nullable=False),
)

#: How far each chat was read, on platforms that show nothing twice.
watermarks = Table(
    "watermarks",
    metadata,
    Column("chat_pk", ForeignKey("chats.chat_pk"), primary_key=True),
    Column("message_id", String(128), nullable=False),
)

#: Digests that come by themselves.
schedules = Table(
    "schedules",
    metadata,
    Column("schedule_id", String(16), primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("content", Sealed(DigestSchedule), nullable=False),
    Index(None, "chat_pk"),
    Index(None, "next_at"),
)

#: Paid sound: sha256 of text + engine + model + voice + style.
sounds = Table(
    "sounds",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("content", Sealed(bytes), nullable=False),
    #: sha256 of the sample it was spoken with: what goes when the voice goes.
    Column("sample", String(64)),
    Index(None, "sample"),
)

#: One row per part of a reply on its way out.
deliveries = Table(
    "deliveries",
    metadata,
    Column("job_id", ForeignKey("jobs.job_id"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("platform_id", String(128), nullable=False),
    Index(None, "platform_id"),
)

#: What a button does. The token is all that a platform carries.
buttons = Table(
    "buttons",
    metadata,
    Column("token", String(32), primary_key=True),
    Column("chat_pk", ForeignKey("chats.chat_pk"), nullable=False),
    Column("job_id", ForeignKey("jobs.job_id"), nullable=False),
    Column("command", String(32), nullable=False),
    Column("content", Sealed(str), nullable=False),
    #: Set where only this person may press it, in their private chat.
    Column("person_id", String(64)),
    Index(None, "job_id"),
)

bind_places(metadata)
