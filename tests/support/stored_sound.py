"""Sound outside the database, in a folder: what is there, and how it gets lost."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from core.models import Audio, Chat, File, Job, JobState, Reply, SavedVoice, Usage
from core.store import Store
from tests.store.conftest import Add
from tests.support.virtual_time import current_clock

COST = Usage("mimo", "m", 1.0)
CHAT = Chat("test", "1", "100")
#: What each kind of sound is, so that it is found wherever it is.
UPLOAD, LARGE, SPOKEN, REPLIED, SAMPLE = (
    f"canary {name} ".encode() * 40 for name in ("upload", "large", "spoken", "replied", "sample")
)
VOICE = SavedVoice("v1", "me", Audio(SAMPLE, "audio/wav", 2.0))


def objects_in(home: Path) -> list[Path]:
    """Return the files of all objects, without what is half written."""
    files = (one for one in (home / "objects").rglob("*") if one.is_file())
    return sorted(one for one in files if "#" not in one.name)


def make_older(paths: list[Path], age: timedelta) -> None:
    """Let files have been written so long ago."""
    moment = (current_clock().now() - age).timestamp()
    for path in paths:
        os.utime(path, (moment, moment))


async def fill(store: Store, add: Add) -> Job:
    """Store sound of every kind; return the job with an upload and a reply that has a file."""
    job = await add(data=UPLOAD)
    recording = store.recordings.begin()
    for piece in (LARGE, b"the end"):
        await recording.append(piece)
    other = await add(data=recording)
    await store.jobs.save_reply(other.job_id, Reply("heard"), JobState.DONE)
    await store.jobs.finish(other.job_id, JobState.DONE)
    await store.results.save_audio("sound", SPOKEN, COST, None)
    await store.voices.keep(CHAT, "7", VOICE)
    reply = Reply("said", files=(File("a.ogg", "audio/ogg", REPLIED, 2.0, b"\x01\x02"),))
    saved = await store.jobs.save_reply(job.job_id, reply, JobState.DONE)
    assert saved.files == reply.files, "it is delivered at once"
    await store.jobs.finish(job.job_id, JobState.DONE)
    return job


async def find_all(store: Store, job: Job) -> list[bytes | None]:
    """Return what `fill` has stored, None of each that is gone."""
    upload = await store.recordings.find(CHAT, job.message.message_id)
    found = await store.jobs.find(job.job_id)
    files = found.reply.files if found and found.reply else ()
    file = await store.files.load(files[0]) if files else None
    spoken = await store.results.find_audio("sound")
    assert upload is None or isinstance(upload, bytes)
    return [upload, spoken, file.data if file else None]
