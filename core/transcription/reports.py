"""Reports on how far work is that takes long, and when the rest of it is expected."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from core.clock import Clock
from core.errors import StoreError
from core.fair_line import FindPlace, Waiter
from core.interfaces import OnText, Transcriber
from core.limits import AccountGate
from core.limits.budgets import Budgets, FindShare
from core.limits.prices import measure
from core.models import Usage
from core.requester import REQUESTER
from core.transcription.progress import SHOWN_OVER_S, OnProgress, Progress

#: Recordings of this length are shown before the first call has shown how fast the engine is.
LONG_S = 60.0
#: Interval between two estimates.
TICK_S = 5.0
#: So many recordings whose last attempt failed are remembered.
_MOST_INTERRUPTED = 100
#: An estimate that differs by less is not corrected: the time left counts down.
_TOLERANCE_S, _TOLERANCE = 10.0, 0.2

NOTHING_YET = Progress()


class ProgressReport:
    """The progress of one recording while its pieces are being transcribed."""

    #: Whether its time is that of calls, from which others learn how fast the engine is.
    is_only_calls = True

    def __init__(
        self,
        on_progress: OnProgress,
        total_s: float,
        gate: AccountGate,
        clock: Clock,
        latest: Progress = NOTHING_YET,
    ) -> None:
        """latest: what an attempt before this one reached; nobody sees less than that again."""
        self._on_progress, self._gate, self._clock = on_progress, gate, clock
        self.total_s, self.latest = total_s, replace(latest, total_s=total_s)
        self._reached_s = latest.done_s
        #: Audio whose call the account's limits have let through.
        self.admitted_s = latest.done_s
        self._started_s = self._clock.monotonic()
        self._held_back_s = 0.0
        #: Time for each second of audio, without that of being held back.
        self._pace = 0.0
        #: Its calls that wait, or did.
        self.waiting: list[Waiter] = []
        #: Finds its place among the recordings that are to be decoded; None if it never waited.
        self.find_place: FindPlace | None = None
        #: When the end was expected, as it was last shown.
        self._ends_at_s: float | None = None
        #: Finds what it takes of a budget; asked once, when the report is first shown.
        self.find_share: FindShare | None = None
        #: It takes long, by what was known at some moment, or was shown by an attempt before.
        self._is_shown = latest.done_s > 0

    def begin(self, total_s: float) -> None:
        """Take into account that the recording was held back until now; total_s: its length."""
        self.total_s, self.latest = total_s, replace(self.latest, total_s=total_s)
        self._held_back_s = self._clock.monotonic() - self._started_s

    def show(self, text: str, done_s: float) -> None:
        """Report the text so far and how much of the recording it is."""
        if done_s < self._reached_s:
            return
        if done_s > self.latest.done_s:
            active_s = self._clock.monotonic() - self._started_s - self._held_back_s
            self._pace = max(0.0, active_s) / (done_s - self._reached_s)
            if self.is_only_calls:
                self._gate.pace = self._pace
        total_s = max(done_s, self.total_s)
        self.latest = replace(self.latest, text=text, done_s=done_s, total_s=total_s)
        self._report()

    async def keep_estimating(self) -> None:
        """Report the time left every `TICK_S`, also while no piece ends."""
        while True:
            await self._estimate()
            if self._is_shown and self.find_share:
                with suppress(StoreError):
                    self.latest = replace(self.latest, share=await self.find_share())
                    self.find_share = None
            self._report()
            await self._clock.sleep(TICK_S)

    async def _estimate(self) -> None:
        rest_s, own_s = max(0.0, self.total_s - self.admitted_s), self._estimate_own_s()
        waiting = self._find_waiting()
        held_back_s = await self._gate.expected_wait_s(rest_s, waiting)
        is_held_back = held_back_s > TICK_S
        left_s = held_back_s + (own_s or 0.0)
        elapsed_s = self._clock.monotonic() - self._started_s
        queued = self.find_place() if self.find_place else 0
        self._held_back_s += TICK_S * (is_held_back or queued > 0)
        is_unknown = own_s is None or (queued > 0 and elapsed_s >= TICK_S)
        is_slow = is_unknown and self.total_s >= LONG_S
        # While the service fails, notices tell what is known, which is not how long it takes.
        if is_known := not self._gate.is_failing:
            self._is_shown |= is_slow or elapsed_s + left_s > SHOWN_OVER_S
        place = 1 + queued
        if is_held_back and not (self.admitted_s or queued):
            place += self._gate.find_ahead(rest_s, waiting).calls
        self.latest = replace(
            self.latest,
            left_s=self._settle(left_s) if left_s and is_known and not queued else None,
            is_held_back=is_held_back,
            place=place,
        )

    def _estimate_own_s(self) -> float | None:
        """Return the time to the end without that of being held back, None if it is unknown."""
        pace = self._pace or self._gate.pace
        return None if pace is None else pace * max(0.0, self.total_s - self.latest.done_s)

    def _find_waiting(self) -> list[Waiter]:
        return self.waiting

    def _settle(self, left_s: float) -> float:
        """Return the time left to be shown, which counts down and changes in small steps."""
        now_s = self._clock.monotonic()
        if self._ends_at_s is None:
            self._ends_at_s = now_s + left_s
        shown_s = max(0.0, self._ends_at_s - now_s)
        if abs(left_s - shown_s) > max(_TOLERANCE_S, _TOLERANCE * shown_s):
            # Halfway to what is known now: what is said is to be believed.
            shown_s += (left_s - shown_s) / 2
            self._ends_at_s = now_s + shown_s
        return shown_s

    def _report(self) -> None:
        if self._is_shown:
            self._on_progress(self.latest)
        elif self.latest.text:
            self._on_progress(Progress(self.latest.text))

    def start(self) -> asyncio.Task[None]:
        """Start to estimate; the caller cancels the task."""
        return asyncio.create_task(self.keep_estimating())


class LongReports:
    """The reports on recordings. After an attempt that failed, the next one goes on from there."""

    def __init__(self, transcriber: Transcriber, budgets: Budgets, clock: Clock) -> None:
        self._transcriber, self._budgets, self._clock = transcriber, budgets, clock
        #: By the key of the transcript: how far the last attempt came.
        self._interrupted: dict[str, Progress] = {}

    def open(
        self, key: str, on_progress: OnProgress, total_s: float, gate: AccountGate
    ) -> ProgressReport:
        """Return the report on a recording that is `total_s` long."""
        before = self._interrupted.pop(key, NOTHING_YET)
        report = ProgressReport(on_progress, total_s, gate, self._clock, before)
        report.find_share = self._find_share(total_s)
        return report

    def open_jointly(
        self, on_progress: OnProgress, lengths_s: dict[str, float], gate: AccountGate
    ) -> RecordingsReport:
        """Return the report on several recordings, which the caller starts."""
        report = RecordingsReport(on_progress, lengths_s, gate, self._clock)
        report.find_share = self._find_share(sum(lengths_s.values()))
        return report

    def _find_share(self, total_s: float) -> FindShare:
        cost = measure(Usage(self._transcriber.name, self._transcriber.model, total_s), total_s)
        return self._budgets.find_share(cost)

    def interrupt(self, key: str, report: ProgressReport) -> None:
        """Remember how far an attempt came that failed: most are made again."""
        self._interrupted[key] = report.latest
        while len(self._interrupted) > _MOST_INTERRUPTED:
            self._interrupted.pop(next(iter(self._interrupted)))


class JointReport(ProgressReport):
    """The progress of several things that are made side by side."""

    def __init__(
        self, on_progress: OnProgress, lengths_s: dict[str, float], gate: AccountGate, clock: Clock
    ) -> None:
        """lengths_s: of each by name, 0 where it is unknown."""
        super().__init__(on_progress, sum(lengths_s.values()), gate, clock)
        self._lengths_s, self._done_s = lengths_s, dict.fromkeys(lengths_s, 0.0)

    def note(self, name: str, progress: Progress) -> None:
        """Report how far the one called `name` is."""
        self._lengths_s[name] = max(self._lengths_s[name], progress.total_s or 0.0)
        self._done_s[name] = max(self._done_s[name], progress.done_s)
        self.total_s, self.admitted_s = sum(self._lengths_s.values()), sum(self._done_s.values())
        self.show("", self.admitted_s)

    def finish(self, name: str) -> None:
        """Report that the one called `name` is done."""
        self.note(name, Progress(done_s=self._lengths_s[name]))


class RecordingsReport(JointReport):
    """The progress of several recordings, which are downloaded and decoded meanwhile."""

    is_only_calls = False

    def __init__(
        self, on_progress: OnProgress, lengths_s: dict[str, float], gate: AccountGate, clock: Clock
    ) -> None:
        super().__init__(on_progress, lengths_s, gate, clock)
        self._person = REQUESTER.get().person

    def _find_waiting(self) -> list[Waiter]:
        # Each recording has calls of its own, which others may have asked for as well.
        return self._gate.waiting_of(self._person)


class CallReport(ProgressReport):
    """The progress of one call, which has no length, from when it begins to wait for its turn."""

    def __init__(self, on_progress: OnProgress | None, gate: AccountGate, clock: Clock) -> None:
        super().__init__(on_progress or (lambda progress: None), 0.0, gate, clock)
        self._is_wanted = on_progress is not None
        self._estimating: asyncio.Task[None] | None = None
        #: When it was let through.
        self._admitted_at_s: float | None = None

    def wait(self, waiter: Waiter) -> None:
        """Report from now on, if it takes long; waiter: the call."""
        self.waiting.append(waiter)
        self._estimating = self.start() if self._is_wanted else None

    def end_before(self, on_text: OnText) -> OnText:
        """Return a function that calls `on_text`, after which nothing else is reported."""

        def show(text: str) -> None:
            self.close()
            on_text(text)

        return show

    def close(self) -> None:
        """Report no more."""
        if self._estimating:
            self._estimating.cancel()

    def _estimate_own_s(self) -> float:
        now_s = self._clock.monotonic()
        if self._admitted_at_s is None and self.waiting[0].is_served:
            self._admitted_at_s = now_s
        return max(0.0, self._gate.call_s - (now_s - (self._admitted_at_s or now_s)))
