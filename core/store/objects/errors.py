"""Errors of obstore, read once: what is gone, a full disk, wrong credentials, and all others."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from obstore import exceptions

from core.errors import StorageFull, StoreError
from core.store.database.objects import SoundGone

#: With less than this free, a failed write is one for want of space.
_LITTLE_BYTES = 1 << 20
#: What only the operator can fix; it is tried again, since they may do so at any moment.
_REFUSED = exceptions.PermissionDeniedError | exceptions.UnauthenticatedError
#: An address, which may be signed, and everything after it.
_ADDRESS = re.compile(r"\S+://\S+.*")
#: The end of what says why, before the response of the server.
_REASON = re.compile(r" - ([^:\n]{1,60}(?:: \d{3}[ \w]{0,40})?)")
_NO_SPACE = "No space left on device"


def read_error(error: Exception, folder: Path | None) -> StoreError | SoundGone:
    """Return an error of obstore as one of ours. It has no address, name or content of an object.

    folder: where the objects are, None if a service has them.
    """
    if isinstance(error, FileNotFoundError | exceptions.NotFoundError):
        return SoundGone()
    text = str(error).partition("\n\nDebug source")[0]
    if folder is not None:
        with suppress(OSError):  # a disk that is gone is not full
            free = shutil.disk_usage(folder).free
            if _NO_SPACE in str(error) or free < _LITTLE_BYTES:
                return StorageFull(str(folder), free)
    if isinstance(error, _REFUSED | PermissionError):
        return StoreError("the storage at STORAGE_URL refuses access: check its credentials")
    found = _REASON.search(text)
    reason = found[1] if found else _ADDRESS.sub("", text.partition(":")[0])
    return StoreError(f"the storage at STORAGE_URL failed: {reason.strip()}")
