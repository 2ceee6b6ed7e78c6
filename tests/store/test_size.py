"""The size of the database: what a voice note of fifteen seconds adds to it."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from pathlib import Path

import pytest

from core.models import Attachment, Button, JobState, Reply, Segment, Transcript, Usage
from core.store import Store
from core.transcription.subtitles import FORMATS
from tests.store.conftest import Add
from tests.support.clean_start import ask_database
from tests.support.paths import ROOT

#: Words as people say them, in no order.
VOCABULARY = sorted(set((ROOT / "README.md").read_text().lower().split()))
NOTES = 150
#: Three megabytes per thousand notes.
MAX_BYTES = 3000


async def answer(store: Store, add: Add, number: int) -> None:
    """Answer a voice note of forty words, as the command does, with all its buttons."""
    picked = random.Random(number)
    lines = [" ".join(picked.choices(VOCABULARY, k=10)) for _ in range(4)]
    text, key = " ".join(lines), hashlib.sha256(str(number).encode()).hexdigest()
    voice = Attachment(secrets.token_urlsafe(54), "voice", "", "audio/ogg", 42_000, 15.0)
    job = await add(str(number % 20), sender_name="Ada Lovelace", attachment=voice)
    segments = (Segment(3.7 * at, 3.7 * (at + 1), line) for at, line in enumerate(lines))
    cost = Usage("openai", "whisper-1", 15.0)
    await store.results.save(key, Transcript(text, tuple(segments), 15.0, usage=cost))
    exports = (Button(f".{form}", "text_file", f"{form} {key} voice_{number}") for form in FORMATS)
    commands = ("translate", "ask_about", "fix")
    buttons = (*(Button(name, name, key) for name in commands), Button("Listen", "listen", text))
    reply = Reply(quote=text, aloud=text, buttons=(*buttons, *exports), heard_key=key)
    await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    await store.deliveries.target(job).ledger.start(0)
    await store.deliveries.target(job).ledger.finish(0, str(number))
    await store.jobs.finish(job.job_id, JobState.DONE)


def read_size(home: Path) -> int:
    [[pages, page_bytes]] = ask_database(
        home, "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
    )
    return int(pages * page_bytes)


@pytest.mark.sqlite_only
async def test_a_thousand_notes_take_three_megabytes(
    store: Store, add: Add, tmp_path: Path
) -> None:
    # Until each of the tables has filled a page.
    await asyncio.gather(*(answer(store, add, number) for number in range(50)))
    before = read_size(tmp_path)
    await asyncio.gather(*(answer(store, add, number) for number in range(50, 50 + NOTES)))
    assert (read_size(tmp_path) - before) / NOTES <= MAX_BYTES
