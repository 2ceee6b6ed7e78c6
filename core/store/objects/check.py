"""Whether a storage can be used: for `hearsay doctor`, which changes nothing of the database."""

from __future__ import annotations

import secrets

from core.errors import StoreError
from core.store.database.cipher import Cipher, make_key
from core.store.database.objects import SoundGone
from core.store.objects.storage import Storage

#: Where the object that is tried is, apart from those of every database.
_ROOT = "doctor"
_CONTENT = b"tried by hearsay doctor"


async def try_storage(url: str) -> None:
    """Write, read and delete an object, with a key of its own.

    Raises StoreError, or ConfigError if the address cannot be used.
    """
    storage = Storage(url, Cipher([make_key()]))
    storage.root = _ROOT
    key = secrets.token_hex(16)
    try:
        await storage.put(key, _CONTENT)
        if await storage.get(key) != _CONTENT:
            raise StoreError("the storage returns something else than was written")
        await storage.delete([key])
    except SoundGone:
        raise StoreError("the storage does not return what was written just now") from None
    finally:
        await storage.close()
