"""procrastinate, as the job runner of many processes uses it: it survives what a database does.

It stays as it is otherwise. Version 3.10 stops a worker at the first error of the database, and
looks for the next job of a chat only at the next poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import stamina
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import AppNotOpen, ConnectorException
from procrastinate.jobs import Job as Entry
from procrastinate.worker import Worker
from psycopg import OperationalError

from core.errors import StoreError
from core.logs import ThinnedLog
from core.store.work.queue import FIRST_QUEUE, MORE_QUEUE, TASK, URGENT_QUEUE, own_queue

#: What is done at intervals, by whichever process comes first.
CHORES_QUEUE = "chores"
#: Queues of each worker, and how many jobs it runs at once: some places are left to people who have
#: asked for little, and to what waits for nobody.
Places = tuple[tuple[tuple[str, ...], int], ...]
PLACES: Places = (
    ((CHORES_QUEUE,), 1),
    ((URGENT_QUEUE,), 4),
    ((URGENT_QUEUE, FIRST_QUEUE), 8),
    ((URGENT_QUEUE, FIRST_QUEUE, MORE_QUEUE), 24),
)
#: The queue that this process alone takes jobs from, and how many of those it runs at once.
OWN_PLACES = 8
#: How often a process says that it lives, and after how long in silence its jobs are taken over.
HEARTBEAT_S, DEAD_AFTER_S = 2.0, 8.0
#: How often each worker looks at the queue, for what has become due: new jobs are announced.
POLL_S = 1.0
#: A process that was silent for so long is forgotten.
FORGET_S = 3600.0

#: All that a process asks of the queue fails at once.
_outages = ThinnedLog("warning", "the queue is out of reach")


def _is_disconnected(error: Exception) -> bool:
    """Return whether the database cannot be reached just now, and log that."""
    is_so = isinstance(error, ConnectorException) and isinstance(error.__cause__, OperationalError)
    if is_so:
        _outages.add(error=type(error.__cause__).__name__)
    return is_so


#: As long as it takes: whoever waits for a database can do nothing else.
_persist = stamina.retry(on=_is_disconnected, attempts=None, timeout=None, wait_max=2.0)


class RunLater(Exception):  # no error: procrastinate wants one
    """The entry stays, and its job is looked at again."""

    def __init__(self, at: Any = None) -> None:
        super().__init__()
        self.at = at


class _Retries(BaseRetryStrategy):
    """Keeps the entry of a job that runs later."""

    def get_retry_decision(self, *, exception: BaseException, job: Entry) -> RetryDecision | None:
        return RetryDecision(retry_at=exception.at) if isinstance(exception, RunLater) else None


class _Connector(PsycopgConnector):
    """Asks again when the database has failed."""

    execute_query_async = _persist(PsycopgConnector.execute_query_async)
    execute_query_one_async = _persist(PsycopgConnector.execute_query_one_async)
    execute_query_all_async = _persist(PsycopgConnector.execute_query_all_async)
    listen_notify = _persist(PsycopgConnector.listen_notify)


class QueueWorker(Worker):
    """Runs the jobs of some queues. One of several listens for all of them, to save connections."""

    #: Called with the queue of a new job, and without one when any job may be next.
    on_add: Callable[..., None]

    @property
    def has_place(self) -> bool:
        """Whether it can run one more job."""
        return len(self._running_jobs) < self.concurrency

    @property
    def entries(self) -> set[int]:
        """The ids of the entries whose jobs run here."""
        return {one.job.id for one in self._running_jobs.values() if one.job.id is not None}

    def look(self) -> None:
        """Look for the next job now."""
        self._new_job_event.set()

    async def _process_job(self, context: JobContext) -> None:
        if not self.has_place:
            self.on_add()
        # An entry that another process has taken over is gone. The queue may be closed before a
        # database is there again.
        with suppress(ConnectorException, AppNotOpen):
            await super()._process_job(context)
        asyncio.get_running_loop().call_soon(self.on_add)

    async def _handle_notification(self, *, channel: str, notification: Any) -> None:
        self.on_add(channel.partition("#")[2])

    async def _update_heartbeat(self) -> None:
        # The pool of connections may swallow a cancellation: Python before 3.12, gh-86296.
        with suppress(AppNotOpen):
            await super()._update_heartbeat()  # type: ignore[no-untyped-call]

    async def _periodic_deferrer(self) -> None:
        if CHORES_QUEUE in (self.queues or ()):
            await super()._periodic_deferrer()  # type: ignore[no-untyped-call]
        await asyncio.Event().wait()

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        # While its last jobs have time to end, it lives.
        heart = asyncio.create_task(self._update_heartbeat())
        try:
            await super()._shutdown(side_tasks)
        finally:
            heart.cancel()

    async def _poll_jobs_to_abort(self) -> None:
        """Look for nothing: jobs are stopped by `core.jobs.stopping`."""
        await asyncio.Event().wait()


def build_app(conninfo: str, run: Callable[..., Any]) -> App:
    """Return procrastinate with the one task that there is.

    conninfo: as libpq takes it. run: called with the context of an entry and the job's id.
    """
    app = App(connector=_Connector(conninfo=conninfo, min_size=1, max_size=6, timeout=10.0))
    app.task(name=TASK, pass_context=True, retry=_Retries())(run)
    return app


def add_chore(app: App, name: str, cron: str, do: Callable[[], Awaitable[object]]) -> None:
    """Let one of all processes do something at intervals. cron: with seconds at the end."""

    async def run(timestamp: int) -> None:
        with suppress(StoreError):  # the next time is soon
            await do()

    task = app.task(name=name, queue=CHORES_QUEUE, lock=name, queueing_lock=name)(run)
    app.periodic(cron=cron)(task)


def add_own_queue(places: Places, process: str) -> Places:
    """Return places of a process with some for jobs that no other can run."""
    queue = own_queue(process)
    # One worker listens for all queues.
    *first, (queues, count) = places or (((), 0),)
    own = ((queue,), OWN_PLACES)
    return (*first, own, ((*queues, queue), count)) if queues else (own,)


def build_workers(app: App, places: Places) -> list[QueueWorker]:
    """Return a worker for each of `places`: queues, and how many jobs run at once."""
    most = max(len(queues) for queues, _ in places)
    workers = [
        QueueWorker(
            app,
            queues=list(queues),
            name=queues[-1],
            concurrency=count,
            fetch_job_polling_interval=POLL_S,
            delete_jobs="always",
            install_signal_handlers=False,
            listen_notify=len(queues) == most,
            update_heartbeat_interval=HEARTBEAT_S,
            stalled_worker_timeout=FORGET_S,
        )
        for queues, count in places
    ]
    for worker in workers:
        worker.on_add = partial(wake, workers)
    return workers


def wake(workers: Sequence[QueueWorker], queue: str = "") -> None:
    """Wake the worker that takes from most queues, and the others only while it is full.

    Each look at the queue costs as much, whether it finds a job or not. queue: of a new job, empty
    if any may be next.
    """
    able = [one for one in workers if not queue or queue in (one.queues or ())]
    free = [one for one in able if one.has_place]
    for worker in [one for one in free if one.listen_notify] or free:
        worker.look()
