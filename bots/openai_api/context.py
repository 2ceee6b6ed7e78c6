"""What every route works with: the pipelines, the budgets, and a second try."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina

from bots.openai_api.keys import Budgets
from core.answering.pipeline import AnsweringPipeline
from core.clock import CLOCK, Clock
from core.errors import EngineBusy
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The pipelines that messages use too, and the budgets of the keys."""

    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    budgets: Budgets
    clock: Clock = CLOCK


async def retry_once(
    call: Callable[[], Awaitable[Result]], has_begun: Callable[[], bool] = lambda: False
) -> Result:
    """Return what `call` returns, trying once more if the engine could not be reached.

    Results that were paid for are stored, so the second try does the rest. An engine's refusal
    is for the program to judge, and so is a pause.
    has_begun: whether something was streamed already, which a second try would repeat.
    """

    def is_retryable(error: Exception) -> bool:
        if not isinstance(error, EngineBusy) or has_begun():
            return False
        return not error.status and error.retry_after_s is None

    retrying = stamina.retry_context(on=is_retryable, attempts=2, wait_initial=0.05, wait_max=0.2)
    async for attempt in retrying:
        with attempt:
            return await call()
    raise AssertionError("stamina raises the last error")
