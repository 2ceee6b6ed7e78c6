"""The database: tables, and every query. Nothing else in the program uses SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.clock import CLOCK, Clock
from core.store.audit import Audit
from core.store.budgets import BudgetLedger
from core.store.chats import Chats
from core.store.database.cipher import Cipher
from core.store.database.encryption import make_cipher
from core.store.database.key import find_keys, open_cipher
from core.store.database.migrate import migrate
from core.store.database.objects import refuse_objects
from core.store.database.queries import Database
from core.store.database.rotation import Rotation
from core.store.events import Events
from core.store.exports.collecting import Exports
from core.store.objects.files import ReplyFiles
from core.store.operations.controls import Controls
from core.store.operations.leases import Leases
from core.store.operations.probes import Probes
from core.store.operations.retention import Retention
from core.store.operations.statistics import Statistics
from core.store.people.links import LinkResult, Links
from core.store.people.voices import Voices
from core.store.people.web_sessions import WebSessions
from core.store.recordings import Recordings
from core.store.talk.forgetting import Forgetting
from core.store.talk.forgotten import ForgottenCounts
from core.store.talk.memory import Memory
from core.store.work.admissions import Admissions
from core.store.work.cancellation import Cancellation
from core.store.work.deliveries import Deliveries
from core.store.work.intake import Intake
from core.store.work.job_search import JobSearch
from core.store.work.jobs import Jobs
from core.store.work.newcomers import Newcomers
from core.store.work.restarts import Restarts
from core.store.work.results import Results
from core.store.work.schedules import Schedules
from core.store.work.shared_jobs import SharedJobs

if TYPE_CHECKING:
    from core.store.objects.outside import Outside
    from core.store.operations.processes import Processes
    from core.store.operations.rooms import Rooms
    from core.store.operations.uses import Uses

__all__ = [
    "ForgottenCounts",
    "LinkResult",
    "Store",
    "find_keys",
    "make_cipher",
    "migrate",
    "open_cipher",
]


class Store:
    """All stored data, by subject.

    storage_url: where sound is, None for in the database. Raises ConfigError if it cannot be used.
    """

    files = ReplyFiles(None)
    #: Where several processes use the database: their calls to engines, what they use, and whether
    #: they live.
    rooms: Rooms
    uses: Uses
    processes: Processes

    def __init__(
        self, url: str, cipher: Cipher, clock: Clock = CLOCK, storage_url: str | None = None
    ) -> None:
        self._database = Database(url, cipher, clock)
        self.is_shared, self.clock = self._database.is_shared, clock
        self.events = Events(self._database)
        self.leases = Leases(self._database)
        self.intake = Intake(self._database)
        self.jobs = Jobs(self._database)
        self.shared_jobs = SharedJobs(self._database)
        self.job_search = JobSearch(self._database)
        self.cancellation = Cancellation(self._database)
        self.deliveries = Deliveries(self._database)
        self.admissions = Admissions(self._database)
        self.chats = Chats(self._database, self.admissions)
        self.results = Results(self._database)
        self.voices = Voices(self._database)
        self.links = Links(self._database)
        self.web_sessions = WebSessions(self._database)
        self.memory = Memory(self._database)
        self.newcomers = Newcomers(self._database)
        self.recordings = Recordings(self._database)
        self.rotation = Rotation(self._database)
        self._outside = self._open_storage(storage_url) if storage_url else None
        self.exports = Exports(self._database, self.recordings, self.voices, self.files)
        self.forgetting = Forgetting(self._database, self.recordings)
        self._build_operations()
        if self.is_shared:
            self._share()

    def _build_operations(self) -> None:
        self.restarts = Restarts(self._database)
        self.retention = Retention(self._database, self.recordings)
        self.schedules = Schedules(self._database)
        self.probes = Probes(self._database)
        self.budgets = BudgetLedger(self._database)
        self.statistics = Statistics(self._database)
        self.audit = Audit(self._database)
        self.controls = Controls(self._database, self.admissions)

    def _share(self) -> None:
        # Loaded only where several processes use the database.
        from core.store.operations.processes import Processes
        from core.store.operations.rooms import Rooms
        from core.store.operations.uses import Uses
        from core.store.work.paid_calls import PaidCalls

        self.rooms, self.uses = Rooms(self._database), Uses(self._database)
        self.results.paid_calls = calls = PaidCalls(self._database, self.events)
        self.processes = Processes(self._database)
        self.processes.on_lost = self.results.abandon
        self.processes.on_renewal.append(calls.tell_moved)

    @property
    def process(self) -> str:
        """What tells this process from others on the database; empty where there are none."""
        return self._database.process

    async def load(self) -> None:
        """Read what operators have decided: before anything runs, and when it may have changed."""
        await self.admissions.load()
        await self.controls.load()
        if self._outside is None:
            await self._database.read(refuse_objects)

    def on_job(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called after each commit by which a job may have to run."""
        self._database.on_job = wake

    @property
    def conninfo(self) -> str:
        """The address of a PostgreSQL database as libpq takes it. It may hold a password."""
        return self._database.conninfo

    async def close(self) -> None:
        """Close every connection to the database, and to the storage."""
        await self._database.close()
        if self._outside:
            await self._outside.close()

    def _open_storage(self, url: str) -> Outside:
        from core.store.objects.outside import Outside  # it loads obstore

        outside = Outside(self._database, url)
        outside.take_over(self)
        return outside
