"""Progress of a long recording: how much of it is transcribed, and when the rest is expected.

That of long texts, which `core.synthesis.progress` reports, has the same form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from core.clock import Clock
from core.errors import StoreError
from core.interfaces import Transcriber
from core.limits import AccountGate, Waiter
from core.limits.budget_texts import Share
from core.limits.budgets import Budgets
from core.limits.prices import measure
from core.locale import mark, translate
from core.models import Usage
from core.requester import REQUESTER
from core.safety import disable_links
from core.text.timestamps import format_timestamp

#: What takes longer by our estimate shows how far it is, from the beginning.
SHOWN_OVER_S = 30.0
#: The same for recordings of this length, before the first call has shown how fast the engine is.
LONG_S = 60.0
#: Interval between two estimates.
TICK_S = 5.0
#: So many recordings whose last attempt failed are remembered.
_MOST_INTERRUPTED = 100
#: An estimate that differs by less is not corrected: the time left counts down.
_TOLERANCE_S, _TOLERANCE = 10.0, 0.2
#: How much of the newest text is shown: nobody reads more of it live.
_TAIL_CHARS = 1500

SO_FAR = mark("{done} of {total}")
SECONDS_LEFT = mark("about {count} s left")
MINUTES_LEFT = mark("about {count} min left")
HELD_BACK = mark("waiting for the AI service")
PLACE = mark("place {place} in the queue")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is transcribed."""

    #: The text so far.
    text: str = ""
    done_s: float = 0.0
    #: Its length, None unless it is known and the recording is long.
    total_s: float | None = None
    #: Expected time to its end, None if nothing is known yet.
    left_s: float | None = None
    #: The account's limit, or a pause of the engine, holds back the next call.
    is_held_back: bool = False
    #: Its place in the queue of the service, 1 once its first part was let through.
    place: int = 1
    #: What it takes of a budget, None if that is not limited or not known yet.
    share: Share | None = None
    #: The lengths are estimates of speech that is being made, so only the percent is shown.
    is_estimate: bool = False


OnProgress = Callable[[Progress], None]
FindShare = Callable[[], Awaitable[Share | None]]
NOTHING_YET = Progress()


class ProgressReport:
    """The progress of one recording while its pieces are being transcribed."""

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
        self._total_s, self.latest = total_s, replace(latest, total_s=total_s)
        self._reached_s = latest.done_s
        #: Audio whose call the account's limits have let through.
        self.admitted_s = latest.done_s
        self._started_s = self._clock.monotonic()
        self._held_back_s = 0.0
        #: Time for each second of audio, without that of being held back.
        self._pace = 0.0
        #: Its calls that wait, or did.
        self.waiting: list[Waiter] = []
        #: When the end was expected, as it was last shown.
        self._ends_at_s: float | None = None
        #: Finds what it takes of a budget; asked once, when the report is first shown.
        self.find_share: FindShare | None = None
        #: It takes long, by what was known at some moment, or was shown by an attempt before.
        self._is_shown = latest.done_s > 0

    def show(self, text: str, done_s: float) -> None:
        """Report the text so far and how much of the recording it is."""
        if done_s < self._reached_s:
            return
        if done_s > self.latest.done_s:
            active_s = self._clock.monotonic() - self._started_s - self._held_back_s
            self._pace = self._gate.pace = max(0.0, active_s) / (done_s - self._reached_s)
        total_s = max(done_s, self._total_s)
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
        rest_s = max(0.0, self._total_s - self.admitted_s)
        held_back_s = await self._gate.expected_wait_s(rest_s, self.waiting)
        is_held_back = held_back_s > TICK_S
        self._held_back_s += TICK_S * is_held_back
        open_s, own_s = max(0.0, self._total_s - self.latest.done_s), None
        if (pace := self._pace or self._gate.pace) is not None:
            own_s = pace * open_s
        left_s = held_back_s + (own_s or 0.0)
        elapsed_s = self._clock.monotonic() - self._started_s
        is_slow = own_s is None and self._total_s >= LONG_S
        # While the service fails, notices tell what is known, which is not how long it takes.
        if is_known := not self._gate.is_failing:
            self._is_shown |= is_slow or elapsed_s + left_s > SHOWN_OVER_S
        place = 1
        if is_held_back and not self.admitted_s:
            place += self._gate.find_ahead(rest_s, self.waiting).calls
        self.latest = replace(
            self.latest,
            left_s=self._settle(left_s) if left_s and is_known else None,
            is_held_back=is_held_back,
            place=place,
        )

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
        cost = measure(Usage(self._transcriber.name, self._transcriber.model, total_s), total_s)
        report.find_share = partial(self._budgets.share, REQUESTER.get(), cost, is_own=True)
        return report

    def interrupt(self, key: str, report: ProgressReport) -> None:
        """Remember how far an attempt came that failed: most are made again."""
        self._interrupted[key] = report.latest
        while len(self._interrupted) > _MOST_INTERRUPTED:
            self._interrupted.pop(next(iter(self._interrupted)))


class JointReport(ProgressReport):
    """The progress of several recordings that are transcribed side by side."""

    def __init__(
        self, on_progress: OnProgress, lengths_s: dict[str, float], gate: AccountGate, clock: Clock
    ) -> None:
        """lengths_s: of the recordings by name, 0 where it is unknown."""
        super().__init__(self._show_long, 0.0, gate, clock)
        self._show, self._lengths_s = on_progress, lengths_s
        self._done_s = dict.fromkeys(lengths_s, 0.0)
        self._total_s = sum(lengths_s.values())

    def note(self, name: str, progress: Progress) -> None:
        """Report how far the recording called `name` is."""
        self._lengths_s[name] = max(self._lengths_s[name], progress.total_s or 0.0)
        self._done_s[name] = max(self._done_s[name], progress.done_s)
        self._total_s, self.admitted_s = sum(self._lengths_s.values()), sum(self._done_s.values())
        self.show("", self.admitted_s)

    def finish(self, name: str) -> None:
        """Report that the recording called `name` is done."""
        self.note(name, Progress(done_s=self._lengths_s[name]))

    def _show_long(self, progress: Progress) -> None:
        if self._total_s >= LONG_S:
            self._show(replace(progress, total_s=max(progress.done_s, self._total_s)))


def describe(progress: Progress, language: str, *, is_private: bool = True) -> str:
    """Return the newest text, with links disabled, and below it how far the recording is.

    is_private: False for a group, in which nobody is interested in the queue and the budget.
    """
    if not is_private:
        progress = replace(progress, place=1, share=None)
    text = progress.text
    if len(text) > _TAIL_CHARS:
        text = "…" + text[-_TAIL_CHARS:]
    return f"{disable_links(text)}\n\n{describe_state(progress, language)}".strip()


def describe_state(progress: Progress, language: str) -> str:
    """Return, for example, "40% · 12:00 of 30:00 · about 2 min left"."""
    total_s, left_s = progress.total_s or 0.0, progress.left_s
    clocks = {"done": format_timestamp(progress.done_s), "total": format_timestamp(total_s)}
    share = progress.done_s / total_s if total_s else 0.0
    facts = [f"{int(100 * share)}%"]
    if not progress.is_estimate:
        facts.append(translate(SO_FAR, language, **clocks))
    if progress.place > 1:
        facts.append(translate(PLACE, language, place=progress.place))
    if left_s is not None and share < 1:
        # In steps of ten seconds: nobody expects it to the second.
        tens, minutes = 10 * max(1, round(left_s / 10)), round(left_s / 60)
        left = translate(SECONDS_LEFT, language, count=tens)
        facts.append(left if tens <= 90 else translate(MINUTES_LEFT, language, count=minutes))
    if progress.share and (use := progress.share.describe(language)):
        facts.append(use)
    if progress.is_held_back:
        facts.append(translate(HELD_BACK, language))
    return " · ".join(facts)
