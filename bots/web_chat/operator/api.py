"""The API of the operator's view, under /operator, behind its password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import FileResponse

from bots import PLATFORMS
from bots.web_chat.operator.wire import (
    build_engine,
    build_hour,
    build_job,
    build_job_details,
    build_problem,
    build_queue,
    build_standing,
    build_usage,
)
from core.clock import CLOCK, Clock
from core.config import Settings
from core.inbox import Inbox
from core.limits.prices import READ_AT
from core.locale import mark
from core.logs import list_forms, recent_problems, redact
from core.models import OPEN_STATES, JobDetails, JobState, measure_wait_times

NO_JOB = mark("There is no such job.")
NOT_DEAD = mark("Only dead letters can be retried.")

_PAGE = Path(__file__).parents[1] / "static" / "operator" / "index.html"
_DAY, _MONTH = timedelta(days=1), timedelta(days=30)
Shown = Literal["dead", "open", "ended", "all"]
_STATES: Mapping[Shown, Sequence[JobState]] = {
    "dead": (JobState.DEAD,),
    "open": OPEN_STATES,
    "ended": (JobState.DONE, JobState.REFUSED, JobState.CANCELLED, JobState.DEAD),
    "all": tuple(JobState),
}


class OperatorApi:
    """The routes. They only read, except for retrying dead letters."""

    def __init__(self, inbox: Inbox, settings: Settings, clock: Clock = CLOCK) -> None:
        self.inbox = inbox
        self.settings = settings
        self._clock = clock
        self._started_at = clock.now()

    def build_router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix="/operator", include_in_schema=False)
        router.add_api_route("", self.show_page, methods=["GET"])
        router.add_api_route("/api/state", self.get_state, methods=["GET"])
        router.add_api_route("/api/figures", self.get_figures, methods=["GET"])
        router.add_api_route("/api/problems", self.list_problems, methods=["GET"])
        router.add_api_route("/api/jobs", self.list_jobs, methods=["GET"])
        router.add_api_route("/api/jobs/{job_id}", self.get_job, methods=["GET"])
        router.add_api_route("/api/jobs/{job_id}/retry", self.retry_job, methods=["POST"])
        return router

    async def show_page(self) -> Response:
        """Return the page."""
        return FileResponse(_PAGE)

    async def get_state(self) -> dict[str, Any]:
        """Return the current state: platforms, queue, engines."""
        now, status = self._clock.now(), self.inbox.status
        return {
            "now": now.isoformat(),
            "started_at": self._started_at.isoformat(),
            "platforms": {name: None for name in PLATFORMS} | self.inbox.platform_states(),
            "queue": build_queue(await status.statistics.queue(now)),
            "engines": [build_engine(engine) for engine in await status.engines()],
        }

    async def get_figures(self) -> dict[str, Any]:
        """Return the statistics of 24 hours, and the usage of a day and of 30 days."""
        now, status = self._clock.now(), self.inbox.status
        statistics = status.statistics
        hours = await statistics.hours(now)
        return {
            "hours": [build_hour(hour) for hour in hours],
            "answered": asdict(measure_wait_times(hours)),
            "day": [build_usage(one) for one in await statistics.engine_usage(now - _DAY)],
            "month": [build_usage(one) for one in await statistics.engine_usage(now - _MONTH)],
            "prices_at": READ_AT.isoformat(),
            "budgets": [build_standing(one) for one in await status.budgets.overview()],
        }

    async def list_problems(self) -> dict[str, Any]:
        """Return the latest warnings and errors, newest first."""
        return {"problems": [build_problem(one, self._redact) for one in recent_problems()]}

    async def list_jobs(
        self, show: Shown = "open", limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> dict[str, Any]:
        """Return jobs, newest first."""
        found = await self.inbox.status.statistics.job_summaries(_STATES[show], limit)
        return {"jobs": [build_job(job, self._redact) for job in found]}

    async def get_job(self, job_id: str) -> dict[str, Any]:
        """Return one job with its steps."""
        return build_job_details(await self._find(job_id), self._redact)

    async def retry_job(self, job_id: str) -> dict[str, Any]:
        """Retry a dead letter."""
        if not await self.inbox.retry(job_id):
            await self._find(job_id)
            raise HTTPException(409, NOT_DEAD)
        return build_job_details(await self._find(job_id), self._redact)

    async def _find(self, job_id: str) -> JobDetails:
        steps = await self.inbox.status.statistics.job_details(job_id)
        if steps is None:
            raise HTTPException(404, NO_JOB)
        return steps

    @property
    def _redact(self) -> partial[str]:
        return partial(redact, forms=list_forms(self.settings.secrets()))
