"""The format of the data export: version 1.

docs/export.schema.json is the JSON Schema of it, made from these classes; docs/export.md says in
words what is in it. A change that a reader of the file must know about gets a new version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter

from core.models import (
    Attachment,
    ChatSettings,
    Correction,
    DigestSchedule,
    RememberedMessage,
    SpeechSettings,
    Transcript,
)

FORMAT, VERSION = "hearsay-export", 1
#: The name of the file with everything but the sound.
JSON_NAME = "export.json"


@dataclass(frozen=True, slots=True)
class ExportedReply:
    """A reply of the bot."""

    text: str
    quote: str
    #: The text of the voice that can be heard with it.
    aloud: str
    #: Paths of its files in the archive.
    files: tuple[str, ...]
    #: Ids of the sent messages on the platform.
    message_ids: tuple[str, ...]
    #: False if it draws on what other people wrote or said: then all but its ids is left out.
    is_own: bool = True


@dataclass(frozen=True, slots=True)
class ExportedRequest:
    """A message that asked for something, and what became of it."""

    chat_id: str
    message_id: str
    sent_at: datetime
    sender_name: str
    is_private: bool
    thread_id: str | None
    #: The language of the app (BCP 47).
    language: str
    command: str
    #: What the person wrote. In chats with others, forwards of their words are left out.
    text: str
    forwarded_from: str
    attachment: Attachment | None
    #: The id of the message that it replies to.
    reply_to: str
    #: Path of the recording in the archive, where only the bot has it.
    recording: str
    #: None for what an open form is about.
    job_id: str | None
    state: str
    received_at: datetime
    reply: ExportedReply | None
    transcript: Transcript | None


@dataclass(frozen=True, slots=True)
class ExportedTalk:
    """A message in the history of a chat."""

    chat_id: str
    message: RememberedMessage


@dataclass(frozen=True, slots=True)
class ExportedQuotation:
    """Words of the person that are kept with a message of somebody else, or of their own.

    Somebody replied to them, or forwarded them. Of forwards nobody learns where they went.
    """

    chat_id: str
    message_id: str
    text: str
    transcript: Transcript | None


@dataclass(frozen=True, slots=True)
class ExportedVoice:
    """A saved voice."""

    name: str
    is_clone: bool
    consented_at: datetime | None
    #: Path of the sample in the archive.
    sample: str


@dataclass(frozen=True, slots=True)
class ExportedChat:
    """A private chat with the bot: its settings, glossary and digests."""

    chat_id: str
    settings: ChatSettings
    digests: tuple[DigestSchedule, ...]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the person has made in one chat."""

    chat_id: str
    #: Corrections in its glossary.
    corrections: tuple[Correction, ...]
    digests: tuple[DigestSchedule, ...]
    #: Its speaking style, empty if somebody else has typed it.
    style: str = ""


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether the person may use the bot, where operators decide that."""

    decision: str
    changed_at: datetime
    #: The name under which the person asked.
    name: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class ChatMoment:
    """A moment in a chat."""

    chat_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that is kept of one person."""

    made_at: datetime
    platform: str
    person_id: str
    settings: SpeechSettings
    is_opted_out: bool
    #: Platforms of the linked accounts: each has an export of its own.
    linked_platforms: tuple[str, ...]
    #: When a code for /link was typed, or until when one can be used.
    link_moments: tuple[datetime, ...]
    chats: tuple[ExportedChat, ...]
    access: tuple[AccessDecision, ...]
    contributions: tuple[Contribution, ...]
    voices: tuple[ExportedVoice, ...]
    requests: tuple[ExportedRequest, ...]
    history: tuple[ExportedTalk, ...]
    quotations: tuple[ExportedQuotation, ...]
    #: Up to when the person has read a chat.
    read_marks: tuple[ChatMoment, ...]
    #: When the person came to a chat that keeps a history, to be told so.
    joined: tuple[ChatMoment, ...]
    #: Files that would have made the archive too large.
    left_out: tuple[str, ...] = ()
    format: Literal["hearsay-export"] = "hearsay-export"
    version: Literal[1] = 1


#: Table of the database -> where it is in the export, or why it is not.
TABLES = {
    "messages": "requests and quotations",
    "jobs": "requests",
    "deliveries": "requests: reply.message_ids",
    "blobs": "requests: recording",
    "blob_pieces": "recordings/",
    "objects": "recordings/, replies/ and voices/: where sound is that is outside the database",
    "transcripts": "requests, history and quotations",
    "remembered": "history and quotations",
    "readers": "read_marks",
    "newcomers": "joined",
    "people": "settings, is_opted_out, linked_platforms",
    "link_codes": "link_moments; the code itself is a secret that expires within minutes",
    "link_tries": "link_moments",
    "voices": "voices and voices/: own ones, and those that the person has designed in any chat",
    "chats": "chats, private ones, and contributions; what else is set in a group is the group's",
    "schedules": "chats and contributions: digests",
    "uses": "not: links requests to transcripts, answers and speech",
    "answers": "not by itself: its key names nobody. What was answered is in requests",
    "sounds": "not by itself: its key names nobody. What was spoken is in replies/",
    "buttons": "not: what the program does when a button is pressed, about a reply in requests",
    "watermarks": "not: the id of the newest message of a channel, whoever wrote it",
    "budget_uses": "not: sums under digests that lead back to nobody. /usage shows one's own",
    "budgets": "not: limits that operators have set, under such digests; /usage shows them",
    "usage": "not: sums over everybody",
    "admissions": "access; decisions about chats and servers are theirs",
    "audit": "not: what operators have done, and whom it was about",
    "switches": "not: what operators have turned on",
    "leases": "not: which process does what",
    "budget_holds": "not: what calls under way may use of budgets, under such digests",
    "engine_slots": "not: how many calls are under way, under such digests",
    "paid_calls": "not: results that are being made just now, under digests",
    "engine_pauses": "not: about engines",
    "rate_uses": "not: how many calls of the last minute there were, under such digests",
    "index_key": "not: a key of the database",
    "retired_keys": "not: names of keys",
    "probes": "not: about engines",
}

_ADAPTERS: dict[str, TypeAdapter[Any]] = {}


def dump(export: Export) -> Iterator[bytes]:
    """Yield the JSON of an export in pieces, so that other threads get their turn meanwhile."""
    yield b"{"
    for number, field in enumerate(fields(export)):
        yield (b",\n" if number else b"\n") + json.dumps(field.name).encode() + b": "
        value = getattr(export, field.name)
        if isinstance(value, tuple):
            yield b"["
            for position, item in enumerate(value):
                yield (b",\n" if position else b"\n") + _dump_value(item)
            yield b"]"
        else:
            yield _dump_value(value)
    yield b"\n}\n"


def _dump_value(value: Any) -> bytes:
    kind = type(value)
    adapter = _ADAPTERS.setdefault(kind.__name__, TypeAdapter(kind))
    return adapter.dump_json(value)


def build_schema() -> str:
    """Return docs/export.schema.json."""
    schema = TypeAdapter(Export).json_schema(mode="serialization")
    return json.dumps(_strip(schema), indent=1, ensure_ascii=False) + "\n"


def _strip(schema: Any) -> Any:
    """Return a schema without titles and descriptions: those of our classes are for programmers."""
    if isinstance(schema, list):
        return [_strip(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    # A field may have such a name, but then its value is a schema.
    texts = {k for k in ("title", "description") if isinstance(schema.get(k), str)}
    return {key: _strip(value) for key, value in schema.items() if key not in texts}


def build_table() -> str:
    """Return the table of docs/export.md in Markdown."""
    rows = (f"| `{table}` | {where} |" for table, where in TABLES.items())
    return "\n".join(["| Table | In the export |", "|---|---|", *rows])
