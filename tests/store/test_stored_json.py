"""The JSON of stored values: compressed, without defaults, and older forms of it readable."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

from core.models import Button, Reply, Segment, Transcript, Usage
from core.store import Store
from core.store.database.cipher import Cipher
from core.store.database.encryption import Encrypted
from core.store.database.tables import jobs, metadata, sounds, transcripts

WORDS = "So I told her we could meet at the station at half past nine, or a little later."
REPLY = Reply(quote=WORDS, aloud=WORDS, buttons=(Button("Listen", "listen", WORDS, "token"),))
TRANSCRIPT = Transcript(WORDS, (Segment(0.0, 4.5, WORDS),), 4.5, usage=Usage("e", "m", 4.5))
#: The defaults that stored values were left without. To change one would change those values.
DEFAULTS = {
    "AccessRequest": "is_person=True by='' earlier='' earlier_by=''",
    "Answer": "is_extract=False is_cut=False reasoning='' usage=None is_thought=False",
    "Attachment": "kind='voice' name='' mime='' size_bytes=None duration_s=None",
    "Audio": "url=''",
    "Button": "text='' token='' is_private=False",
    "Correction": "by='' by_name='' is_own=False",
    "DigestSchedule": "last_at=None by=''",
    "ExpectedRecording": "since_at=None person_id='' after_job='' difference=''",
    "File": "duration_s=None waveform=b'' title='' object_key='' stored_bytes=0",
    "Link": "thread_id=None chat_id=''",
    "Message": "sender_id='' sender_name='' thread_id=None edit_id='' is_private=True language=''"
    " text='' command='' button='' attachment=None has_other_file=False reply_to=None"
    " forwarded_from='' origin_id='' reply_token='' is_granted=False server_id=''"
    " parent_id='' subject='' is_held=False sender_joined_at=None is_first=False",
    "QuotedMessage": "text='' attachment=None sender_id='' job_id='' command='' origin_id=''"
    " is_forwarded=False",
    "RecordingReference": "sender_id='' heard='' origin_id='' is_forwarded=False",
    "RememberedMessage": "text='' thread_id=None reply_to='' attachment=None transcript=None"
    " origin_id='' is_forwarded=False",
    "Reply": "text='' quote='' files=() buttons=() aloud='' is_quote_first=False links=() spans=()"
    " is_markdown=False heard_key='' about=() people=() sources=() marks=() note=''",
    "SavedVoice": "is_clone=False consented_at=None by='' object_key='' sample_hash=''",
    "Span": "kind='bold' at_s=0",
    "SpeechSettings": "voice='' style='' language='' clone_tries=() style_by=''",
    "TalkSettings": "notes=<NoteMode.TRANSCRIBE: 'transcribe'> is_thinking=False"
    " remember_days=None remembered_since_at=None glossary=()",
    "Transcript": "segments=() duration_s=0.0 is_cut=False is_rough=False usage=None"
    " is_silent=False pauses=() edited_from='' corrected=()",
    "Usage": "audio_s=0.0 prompt_tokens=0 completion_tokens=0 audio_tokens=0 cached_tokens=0"
    " reasoning_tokens=0",
}


def find_classes(kind: Any) -> Iterator[type]:
    """Yield the dataclasses that a value of a type may hold."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        yield kind
        for name, hint in get_type_hints(kind).items():
            if name in kind.__dataclass_fields__:
                yield from find_classes(hint)
    for inner in get_args(kind):
        yield from find_classes(inner)


def describe_defaults(kind: type) -> str:
    found = dataclasses.fields(kind)
    missing = dataclasses.MISSING
    assert all(field.default_factory is missing for field in found), "it is left out by its value"
    return " ".join(f"{f.name}={f.default!r}" for f in found if f.default is not missing)


def test_no_default_of_a_stored_value_changes() -> None:
    columns = [column for table in metadata.tables.values() for column in table.columns]
    kinds = [column.type.kind for column in columns if isinstance(column.type, Encrypted)]
    classes = {one.__name__: one for kind in kinds for one in find_classes(kind)}
    found = {name: describe_defaults(one) for name, one in classes.items()}
    assert {name: one for name, one in found.items() if one} == DEFAULTS


@pytest.fixture
def dialect(store: Store) -> Any:
    return store._database._writer.engine.dialect


@pytest.mark.parametrize("column", [jobs.c.reply, transcripts.c.content])
def test_values_are_stored_short_and_read_back(store: Store, dialect: Any, column: Any) -> None:
    kind, value = column.type, REPLY if column is jobs.c.reply else TRANSCRIPT
    stored = kind.process_bind_param(value, dialect)
    assert kind.process_result_value(stored, dialect) == value
    plain = kind.open(stored, store._database.cipher)
    assert WORDS.encode() in plain and b"false" not in plain and b"null" not in plain
    assert len(stored) < 0.7 * len(plain)


def test_what_earlier_versions_stored_is_read(store: Store, dialect: Any) -> None:
    kind: Any = transcripts.c.content.type
    plain = b'{"text":"Hello","segments":[],"duration_s":1.5,"is_cut":false,"usage":null}'
    for form in (plain, zlib.compress(plain)):
        stored = store._database.cipher.encrypt(form, kind.column_name)
        assert kind.process_result_value(stored, dialect) == Transcript("Hello", duration_s=1.5)


def test_sound_is_stored_as_it_is(dialect: Any) -> None:
    kind: Any = sounds.c.content.type
    for sound in (b"x" + bytes(500), b"x", b""):
        stored = kind.process_bind_param(sound, dialect)
        assert len(stored) == len(sound) + Cipher.OVERHEAD_BYTES
        assert kind.process_result_value(stored, dialect) == sound


def test_long_replies_do_not_keep_the_writer_busy(
    dialect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind: Any = jobs.c.reply.type
    monkeypatch.setattr(zlib, "compress", lambda plain: pytest.fail(f"{len(plain)} bytes"))
    long = Reply("a" * (1 << 18))
    assert kind.process_result_value(kind.process_bind_param(long, dialect), dialect) == long
