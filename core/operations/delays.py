"""What people see while they wait: how far their job is, or once that it waits, and what for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import datetime
from math import ceil

import stamina
from structlog.contextvars import bound_contextvars

from core.clock import CLOCK, Clock
from core.commands import load_command
from core.errors import EngineError, StoreError
from core.interfaces import DeliveryTarget, Platform
from core.locale import mark, translate
from core.models import Chat, Job
from core.operations.queue import MOST_ENDS, estimate_wait_s
from core.stall import MIN_TRY_S, StallTimer, find_timer, set_timer
from core.store import Store
from core.store.work.jobs import Jobs
from core.transcription.progress import SHOWN_OVER_S, Progress, describe

#: Longest wait for a new try that the person is not told about.
SILENT_DELAY_S = 20.0
#: A job that takes longer shows a button that cancels it.
CANCEL_AFTER_S = 5.0
#: Interval between looks at the table of jobs.
CHECK_S = 5.0
#: Longer waits are told in minutes.
_SECONDS_UP_TO_S = 90.0

#: {delay} = what is not done yet, see `core.commands.Purpose`.
WAITING = mark("{delay} The AI service is not available. Your message is kept.")
DOWN = mark(
    "{delay} The AI service is down until the operator of this bot fixes it. Your message is kept "
    "and will be answered."
)
SLOW = mark("This takes longer than usual. Please wait a moment.")
PAUSED = mark(
    "The operator of this bot has paused it. Your message is kept and will be answered afterwards."
)
QUEUED = mark("Your message is kept and waits for its turn.")
QUEUED_FOR = mark("Your message is kept and waits for its turn, about {minutes} min.")
QUEUED_AT = mark("Your message is kept: place {place} in the queue, about {minutes} min.")
ASKED_S = mark("{delay} The AI service is busy and asks to wait {seconds} s. Your message is kept.")
ASKED_MIN = mark(
    "{delay} The AI service is busy and asks to wait {minutes} min. Your message is kept."
)


class DelayNotices:
    """Tells people that their messages wait, and keeps the timers of jobs."""

    #: People are told after so long without anything to see.
    tell_after_s = SILENT_DELAY_S

    def __init__(
        self,
        store: Store,
        platforms: Mapping[str, Platform],
        clock: Clock = CLOCK,
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._clock = clock
        self._started_at = clock.now()
        #: Returns whether this process tells people about a job: of several one does.
        self.watches: Callable[[Job], bool] = lambda job: True
        #: Cleared by the job runner while there is no job: then nobody waits.
        self.has_jobs = asyncio.Event()
        #: By job id, from the first attempt in this process until whoever ends the job drops it.
        self.timers: dict[str, StallTimer] = {}
        #: When a job of a chat has ended last, and when the last jobs of all chats have.
        self.ended_at_s: dict[Chat, float] = {}
        self.ends_s = deque[float](maxlen=MOST_ENDS)
        #: By chat: the job that was told how long it waits for a place, and what it was told.
        self._queued: dict[Chat, tuple[Job, str]] = {}
        #: Chats that were told of the pause which began then.
        self._told: set[Chat] = set()
        self._paused_at: datetime | None = None

    def limit(self, job: Job) -> AbstractAsyncContextManager[None]:
        """Begin an attempt. Raise EngineBusy in the body, which makes the reply, once it stalls."""
        timer = self.timers[job.job_id] = self._timer(job)
        set_timer(timer)
        return nullcontext() if load_command(job.command).is_silent else timer.limit()

    def waited_s(self, job: Job) -> float:
        """Return how long a person has waited without progress for the reply to be made."""
        is_waiting = job.reply is None and not load_command(job.command).is_silent
        return self._timer(job).waited_s if is_waiting else 0.0

    @stamina.retry(on=Exception, attempts=None, timeout=None, wait_max=CHECK_S)
    async def run(self) -> None:
        """Tell everybody who has waited for `tell_after_s`, until cancelled."""
        wait_s = CHECK_S
        while await self.has_jobs.wait():
            await self._clock.sleep(wait_s)
            wait_s = await self._tell_due() if self.has_jobs.is_set() else CHECK_S

    async def tell_retry(self, job: Job, error: Exception, delay_s: float) -> None:
        """Tell the person that a job which failed is tried again after `delay_s`.

        Short delays are not worth a notice. Only news follow an earlier notice.
        """
        is_parking = isinstance(error, EngineError) and error.is_parking
        is_asked = _is_wait_asked(error)
        if is_asked:
            self._timer(job).excuse(delay_s)
        elif is_parking or not isinstance(error, EngineError):
            self._timer(job).extend(delay_s)
        is_news = (is_parking or is_asked) and not job.error.startswith(type(error).__name__)
        if delay_s <= SILENT_DELAY_S or job.reply or (job.is_told and not is_news):
            return
        if isinstance(error, EngineError) and error.is_parking:
            await self._tell(job, DOWN)
        elif is_asked and delay_s > _SECONDS_UP_TO_S:
            await self._tell(job, ASKED_MIN, minutes=ceil(delay_s / 60))
        elif is_asked:
            await self._tell(job, ASKED_S, seconds=ceil(delay_s))
        else:
            await self._tell(job, WAITING if isinstance(error, EngineError) else SLOW)

    async def _tell_due(self) -> float:
        """Tell those whose time has come; return the seconds until the next may be due."""
        next_s, old_s = CHECK_S, self._clock.monotonic() - self.tell_after_s
        self.ended_at_s = {chat: at_s for chat, at_s in self.ended_at_s.items() if at_s > old_s}
        untold = list(filter(self.watches, await self._store.jobs.list_untold()))
        if not self._store.controls.paused.is_set():
            await self._tell_queued([job for job in untold if job.job_id not in self.timers])
        if self._store.controls.paused.is_set():
            waiting = [job for job in untold if job.job_id not in self.timers]
            await self._tell_paused(waiting)
            untold = [job for job in untold if job.job_id in self.timers]
        for job in untold:
            left_s = self.tell_after_s - self._idle_s(job)
            if left_s > 0:
                next_s = min(next_s, left_s, await self._offer_cancel(job))
            elif job.job_id in self.timers:
                await self._tell(job, WAITING if job.error.startswith("Engine") else SLOW)
            elif job.message.chat not in self._queued:
                await self._tell(job, QUEUED)
        return max(0.1, next_s)

    async def _tell_paused(self, waiting: list[Job]) -> None:
        """Tell each chat once that all work is paused, with the words of the operator if any."""
        controls = self._store.controls
        if self._paused_at != controls.paused_at:
            self._paused_at, self._told = controls.paused_at, set()
        told = self._told | await controls.find_told() if waiting else self._told
        for job in waiting:
            if job.message.chat not in told and self._is_awaited(job):
                told.add(job.message.chat)
                await self._tell(job, controls.text or PAUSED, is_own=bool(controls.text))
        self._told = told

    async def _tell_queued(self, untold: list[Job]) -> None:
        """Tell at once who waits long for a place, one of each chat; keep what was told true."""
        if not (untold or self._queued):
            return
        places, now_s = await self._store.jobs.places(), self._clock.monotonic()
        begun = [chat for chat, (job, _) in self._queued.items() if job.job_id not in places]
        for chat in begun:
            del self._queued[chat]
        new = {job.message.chat: job for job in reversed(untold) if job.job_id in places}
        for job in (*new.values(), *(job for job, _ in self._queued.values())):
            known, told = self._queued.get(job.message.chat, (job, ""))
            place = places[job.job_id]
            wait_s = estimate_wait_s(self.ends_s, now_s, len(self.timers) + place)
            if known is not job or not wait_s or (wait_s <= SHOWN_OVER_S and not told):
                continue
            # In a group nobody is interested in the queue.
            text = QUEUED_AT if place > 1 and job.message.is_private else QUEUED_FOR
            minutes = max(1, round(wait_s / 60))
            # An estimate that is a little worse than before is not worth an edit.
            if not told or not int(told) <= minutes <= 1 + 1.25 * int(told):
                await self._tell(job, text, place=place, minutes=minutes)
                self._queued[job.message.chat] = job, f"{minutes}"

    def _idle_s(self, job: Job) -> float:
        """Return for how long there was nothing to see, of a job or of those that it waits for."""
        idle_s, now_s = self._timer(job).idle_s, self._clock.monotonic()
        if job.job_id in self.timers:
            return idle_s
        return min(idle_s, now_s - self.ended_at_s.get(job.message.chat, float("-inf")))

    async def _offer_cancel(self, job: Job) -> float:
        """Offer to cancel a job once it has taken CANCEL_AFTER_S; return the seconds until then."""
        timer = self.timers.get(job.job_id)
        is_nobodys = job.message.is_unasked or load_command(job.command).is_silent
        is_asked = job.message.sender_id and not is_nobodys
        if timer is None or timer.is_cancel_offered or not is_asked:
            return CHECK_S
        left_s = timer.began_at_s + CANCEL_AFTER_S - self._clock.monotonic()
        if left_s > 0:
            return left_s
        timer.is_cancel_offered = True
        platform = self._platforms[job.message.chat.platform]
        with bound_contextvars(job=job.job_id, command=job.command):
            await platform.offer_cancel(self._store.deliveries.target(job))
        return CHECK_S

    async def _tell(self, job: Job, text: str, *, is_own: bool = False, **values: object) -> None:
        """Show a text to the person. is_own: it is an operator's, shown as it is."""
        is_open = await self._store.jobs.note_delay_shown(job.job_id)
        if is_open and self._is_awaited(job):
            platform = self._platforms[job.message.chat.platform]
            values["delay"] = load_command(job.command).purpose.delay
            shown = text if is_own else translate(text, job.message.language, **values)
            with bound_contextvars(job=job.job_id, command=job.command):
                await platform.show(self._store.deliveries.target(job), shown, is_lasting=True)

    def _is_awaited(self, job: Job) -> bool:
        """Return whether somebody waits for the reply."""
        return not (load_command(job.command).is_silent or job.message.is_unasked)

    def _timer(self, job: Job) -> StallTimer:
        """Return the timer of a job; a new one, from when the job was due, before its attempts."""
        if timer := self.timers.get(job.job_id):
            return timer
        due_at = max(job.run_at, self._started_at)
        queued_s = max(0.0, (self._clock.now() - due_at).total_seconds())
        return StallTimer(queued_s, self._clock)


def is_too_late(error: Exception, delay_s: float, waited_s: float) -> bool:
    """Return whether a person who has waited for `waited_s` should not wait for a new try.

    A service that says when it is ready, or an operator who must do something, is waited for.
    """
    if not isinstance(error, EngineError) or error.is_parking:
        return False
    needed_s = 0.0 if _is_wait_asked(error) else delay_s + MIN_TRY_S
    return waited_s + needed_s >= StallTimer.max_s


def _is_wait_asked(error: Exception) -> bool:
    """Return whether a service has said how long to wait."""
    return (
        isinstance(error, EngineError) and error.retry_after_s is not None and error.is_wait_asked
    )


async def show_updates(
    jobs: Jobs, platform: Platform, target: DeliveryTarget, updates: asyncio.Queue[str | Progress]
) -> None:
    """Show partial texts as they come. While one is being shown, only the newest waits.

    Once it is known that the job takes long, that is noted in `jobs`. In a group, how far something
    is that nobody has asked for is not shown.
    """
    shown, message, is_noted = "", target.message, False
    while True:
        update = await updates.get()
        while not updates.empty():
            update = updates.get_nowait() or update
        text = update.text if isinstance(update, Progress) else update
        is_lasting = False
        if isinstance(update, Progress) and update.total_s is not None:
            with suppress(StoreError):  # the next one tries again
                is_noted = is_noted or await jobs.note_delay_shown(target.job_id)
            # It lasts: people who wait for long want to see it when they come back.
            is_lasting = bool(message.sender_id) and not message.is_unasked
            if is_lasting:
                text = describe(update, message.language, is_private=message.is_private)
        if text and text != shown:
            shown = text
            await platform.show(target, text, is_lasting=is_lasting)
            if timer := find_timer():
                timer.moved_at_s = timer.clock.monotonic()  # seen, though it is no progress
