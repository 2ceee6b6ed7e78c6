"""What becomes of jobs under way when their message, or a person's data, is deleted; receipts.

Jobs about what is deleted are cancelled. Those that read a history, such as summaries, begin anew:
they then find it without what is gone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial

from core.commands import find_history
from core.commands.context import Context
from core.errors import PlatformError
from core.locale import Plural, list_counts, mark, translate
from core.models import OPEN_STATES, Chat, Job, Message, QuotedMessage, Reply
from core.store import ForgottenCounts, Store
from core.store.talk.forgotten import has_content, parent_of

DELETED = mark("The recording was deleted, so I did not reply to it.")
TEXT_DELETED = mark("The message was deleted, so I did not reply to it.")
COUNTS = mark("Deleted: {counts}.")

#: How long /forget waits for the end of jobs that it has cancelled, and how often it looks.
_END_S, _LOOK_S = 10.0, 0.1

#: How often a job is begun that reads what is forgotten meanwhile.
_MAX_ATTEMPTS = 5

#: Returns what ends a job, None to let it run.
Choose = Callable[[Job], Reply | None]


def pick_deleted(message_id: str, job: Job, job_id: str = "") -> Reply | None:
    """Return what ends a job after the deletion of a message, None if it is not about it.

    job_id: the job of that message, if known. A message has no id any more once its chat has moved.
    """
    message, quoted = job.message, job.message.reply_to
    # Ids from before the chat moved belong to other messages now.
    is_here = message.message_id != ""
    if job.job_id == job_id or (is_here and message.message_id == message_id):
        return Reply()
    is_about = quoted is not None and quoted.message_id == message_id and has_content(quoted)
    return _end_about(job) if is_here and is_about and not _reads(job) else None


def pick_persons(accounts: Collection[tuple[str, str]], job: Job) -> Reply | None:
    """Return what ends a job once a person's data is deleted, None if it is not about them.

    accounts: platform and id of each of the person's.
    """

    def is_theirs(one: Message | QuotedMessage) -> bool:
        return any((job.message.chat.platform, who) in accounts for who in one.author_ids)

    message, quoted = job.message, job.message.reply_to
    if is_theirs(message):
        is_own = (message.chat.platform, message.sender_id) in accounts
        return None if job.command == "forget" else Reply() if is_own else _end_about(job)
    is_about = quoted is not None and is_theirs(quoted) and not _reads(job)
    return _end_about(job) if is_about else None


def _pick_derived(job_ids: Collection[str], job: Job) -> Reply | None:
    """Return what ends a job about a reply that was deleted, None if it is not about one."""
    return _end_about(job) if parent_of(job.message) in job_ids else None


def _pick_these(job_ids: Collection[str], job: Job) -> Reply | None:
    """Return what ends a job that is one of these, None if it is not."""
    return _end_about(job) if job.job_id in job_ids else None


def pick_all(job: Job) -> Reply | None:
    """Return what ends any job of a chat that is forgotten."""
    return None if job.command == "forget" else Reply()


def _reads(job: Job) -> bool:
    """Return whether a job reads a history: what it quotes only says where that begins."""
    return find_history(job.command, job.message) is not None


def _end_about(job: Job) -> Reply | None:
    """Return what ends a job that somebody else has asked for."""
    if job.command == "forget":
        return None
    quoted = job.message.reply_to
    is_recording = job.message.attachment or (quoted and quoted.attachment)
    return Reply(translate(DELETED if is_recording else TEXT_DELETED, job.message.language))


async def forget_after(
    ctx: Context,
    choose: Choose,
    forget: Callable[[], Awaitable[ForgottenCounts]],
    chat: Chat | None,
) -> ForgottenCounts:
    """Cancel what is under way, delete with `forget` and return what that has counted.

    chat: None for all chats.
    """
    # What came in later asks for something new. Besides, it waits for the end of this job.
    before = ctx.job.job_id
    await _stop(ctx, choose, chat, before)
    began_at, counts = ctx.clock.now(), await forget()
    changed = await _find_changed(ctx, counts, chat)
    await _wait_for(ctx, await begin_anew(ctx.store, changed))
    # What somebody has asked about the replies meanwhile holds what was in them.
    is_more = await _stop(ctx, partial(_pick_derived, counts.job_ids), None, before)
    ended = await ctx.store.restarts.list_ended(began_at)
    if is_more or _find_readers(ended, changed):
        counts.add(await forget())
    return counts


async def _find_changed(
    ctx: Context, counts: ForgottenCounts, chat: Chat | None
) -> Collection[Chat] | None:
    """Return the chats that something of was deleted, None if it may be any.

    chat: the one to delete from, None for all. What an earlier attempt has deleted is not counted.
    """
    changed = await ctx.store.chats.list_of({chat_pk for chat_pk, _ in counts.message_ids})
    if not (ctx.job.error or ctx.job.crashes):
        return changed
    return {*changed, chat} if chat else None


async def begin_anew(store: Store, chats: Collection[Chat] | None) -> list[Job]:
    """Let jobs under way begin anew that may have read what is gone from these chats, None = any.

    One that had to do so too often ends instead: each time may cost something. Returns these.
    """
    readers = _find_readers(await store.restarts.list_open(), chats)
    await store.restarts.begin_anew({job.job_id: read for job, read in readers})
    worn = {job.job_id for job, _ in readers if job.attempts >= _MAX_ATTEMPTS}
    return await store.cancellation.cancel(None, partial(_pick_these, worn)) if worn else []


def _find_readers(jobs: Collection[Job], chats: Collection[Chat] | None) -> list[tuple[Job, Chat]]:
    """Return those of the jobs that read the history of these chats, None = any, and of which."""
    found = ((job, find_history(job.command, job.message)) for job in jobs)
    return [(job, read) for job, read in found if read and (chats is None or read in chats)]


async def forget_everywhere(ctx: Context, *, keeps_account: bool) -> ForgottenCounts:
    """Delete what is the sender's in all chats, for all their accounts.

    keeps_account: leave their settings, voices, corrections and digests.
    """
    message = ctx.message
    accounts = await ctx.store.links.accounts(message.chat.platform, message.sender_id)
    private = [message.chat] if message.is_private else []
    for name, person_id in accounts:
        if platform := ctx.platforms.get(name):
            with suppress(PlatformError):
                private.append(await platform.private_chat(person_id))
    forget = partial(
        ctx.store.forgetting.forget_everywhere, accounts, private, keeps_account=keeps_account
    )
    return await forget_after(ctx, partial(pick_persons, accounts), forget, None)


async def _stop(ctx: Context, choose: Choose, chat: Chat | None, before: str) -> bool:
    """Cancel jobs under way, and wait until they have ended: then nothing of them is left.

    before: only those that came before this one. Return whether there were any.
    """
    cancelled = await ctx.store.cancellation.cancel(chat, choose, before)
    await _wait_for(ctx, cancelled)
    return bool(cancelled)


async def _wait_for(ctx: Context, open_jobs: list[Job]) -> None:
    """Wait until jobs have ended that were cancelled."""
    end_s = ctx.clock.monotonic() + _END_S
    while open_jobs and ctx.clock.monotonic() < end_s:
        await ctx.clock.sleep(_LOOK_S)
        found = [await ctx.store.jobs.find(job.job_id) for job in open_jobs]
        open_jobs = [job for job in found if job and job.state in OPEN_STATES]


def describe_counts(ctx: Context, counts: ForgottenCounts) -> str:
    """Return a sentence about what was deleted, by kind, "" for nothing."""
    if counts == ForgottenCounts():
        return ""
    kinds = (
        Plural("{count} message", "{count} messages", counts.messages),
        Plural("{count} reply", "{count} replies", counts.replies),
        Plural("{count} transcript", "{count} transcripts", counts.transcripts),
        Plural("{count} answer", "{count} answers", counts.answers),
        Plural("{count} spoken text", "{count} spoken texts", counts.sounds),
        Plural("{count} recording", "{count} recordings", counts.recordings),
        Plural("{count} voice", "{count} voices", counts.voices),
        Plural("{count} correction", "{count} corrections", counts.corrections),
        Plural("{count} digest", "{count} digests", counts.digests),
        Plural("{count} set of settings", "{count} sets of settings", counts.settings),
        Plural("{count} reading position", "{count} reading positions", counts.positions),
        Plural("{count} account", "{count} accounts", counts.accounts),
    )
    return ctx.text(COUNTS, counts=list_counts(kinds, ctx.message.language))
