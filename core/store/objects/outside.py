"""Where the parts of a store come from that keep sound outside the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.store.database.queries import Database
from core.store.objects.files import ReplyFiles
from core.store.objects.index import ObjectIndex
from core.store.objects.sound import OutsideRecordings, OutsideResults, OutsideVoices
from core.store.objects.storage import Storage
from core.store.objects.work import OutsideIntake, OutsideJobs

if TYPE_CHECKING:
    from core.store import Store


class Outside:
    """The storage of a database."""

    def __init__(self, database: Database, url: str) -> None:
        """url: STORAGE_URL. Raises ConfigError if it cannot be used."""
        self._database = database
        self._storage = Storage(url, database.cipher)
        self.index = ObjectIndex(database, self._storage)

    def take_over(self, store: Store) -> None:
        """Put the parts that keep sound here in place of those that keep it in rows."""
        database, index = self._database, self.index
        store.recordings = OutsideRecordings(database, index)
        store.intake = OutsideIntake(database, store.recordings)
        store.jobs = OutsideJobs(database, index)
        store.results = OutsideResults(database, index)
        store.voices = OutsideVoices(database, index)
        store.files = ReplyFiles(index)
        store.rotation.encrypt_outside = index.encrypt_anew

    async def close(self) -> None:
        """Wait for what is under way."""
        await self._storage.close()
