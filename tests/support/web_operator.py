"""The operator's view on a real store, with jobs in every state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import update

from bots.web_chat import WebChat
from core.answering.pipeline import AnsweringPipeline
from core.audio import Media
from core.config import Settings
from core.engines import Engines
from core.inbox import Inbox
from core.limits.budgets import Budgets
from core.models import (
    Attachment,
    Button,
    Chat,
    File,
    JobState,
    Message,
    QuotedMessage,
    Reply,
    Transcript,
    Usage,
)
from core.operations.roles import list_roles
from core.operations.status import OperatorStatus
from core.requester import BudgetRules
from core.store import Store
from core.store.database.tables import jobs
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline
from tests.support.clean_start import open_store
from tests.support.virtual_time import current_clock

PASSWORD = "admin-canary-password"
KEY = "sk-canary-key-of-the-service"
#: Replaces all private content.
MARKER = "canary-of-content"
_ids = count(1)


@dataclass(frozen=True)
class OperatorPage:
    web: WebChat
    inbox: Inbox
    store: Store


@asynccontextmanager
async def open_operator_page(home: Path) -> AsyncIterator[OperatorPage]:
    """Run the web chat with an inbox but no job runner: jobs keep their state."""
    settings = Settings(
        hearsay_home=home,
        web_port=0,
        admin_password=SecretStr(PASSWORD),
        mimo_api_key=SecretStr(KEY),
    )
    store, media, engines = open_store(home), Media(workers=1), Engines(settings)
    budgets = Budgets(store.budgets, BudgetRules.read(settings), current_clock())
    shared = store.results, budgets
    transcription = TranscriptionPipeline(media, engines.transcriber(), *shared)
    synthesis = SynthesisPipeline(engines.synthesizer(), *shared)
    answering = AnsweringPipeline(media, engines.answerer(), *shared)
    roles = list_roles(transcription, synthesis, answering)
    inbox = Inbox(store, synthesis, OperatorStatus(store, roles, budgets))
    web = WebChat(settings, inbox, current_clock())
    inbox.platforms = {"web": web}
    running = asyncio.create_task(web.run())
    try:
        await asyncio.wait_for(web.is_open.wait(), 30)
        yield OperatorPage(web, inbox, store)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for part in (engines, media, store):
            await part.close()


async def add_job(
    store: Store,
    state: JobState = JobState.WAITING,
    error: str = "",
    platform: str = "telegram",
    command: str = "transcribe",
) -> str:
    """Add a job with MARKER as its content; return its id."""
    number = next(_ids)
    sound = Attachment(MARKER, name=f"{MARKER}.ogg", duration_s=3.0)
    message = Message(
        Chat(platform, "1", str(number)),
        f"m-{number}",
        current_clock().now(),
        sender_id="7",
        sender_name=MARKER,
        text=MARKER,
        attachment=sound,
        reply_to=QuotedMessage("1", MARKER, sound),
        forwarded_from=MARKER,
        reply_token=MARKER,
    )
    job = await store.intake.add(message, lambda *_: command, MARKER.encode())
    assert job
    if state is JobState.WAITING:
        return job.job_id
    file = File(f"{MARKER}.txt", "text/plain", MARKER.encode(), title=MARKER)
    buttons = (Button(MARKER, "ask", MARKER),)
    reply = Reply(MARKER, MARKER, (file,), buttons, MARKER, heard_key=job.job_id)
    heard = Transcript(MARKER, usage=Usage("mimo", "mimo-v2.5-asr", 3.0, 20, 12, 19, 8, 7))
    await store.results.save(job.job_id, heard)
    await store.jobs.save_reply(job.job_id, reply, state)
    ledger = store.deliveries.target(job).ledger
    await ledger.start(0)
    await ledger.finish(0, f"sent-{number}")
    await store.jobs.finish(job.job_id, state, error)
    return job.job_id


async def move_back(store: Store, job_id: str, hours: float, wait_s: float) -> None:
    """Move a job's end back in time."""
    ended_at = current_clock().now() - timedelta(hours=hours)
    values = {"created_at": ended_at - timedelta(seconds=wait_s), "finished_at": ended_at}
    change = update(jobs).where(jobs.c.job_id == job_id).values(**values)
    await store._database.write(lambda one: one.execute(change))
