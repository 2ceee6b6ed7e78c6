"""Errors of the database, read once: a full disk is told apart from all others."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import suppress

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from core.errors import StorageFull, StoreError

#: With less than this free, a failed write is one for want of space, whatever it is called.
_LITTLE_BYTES = 1 << 20
#: "disk_full". Source: PostgreSQL's Appendix A.
_DISK_FULL = "53100"


def read_error(error: Exception, url: str) -> StoreError:
    """Return the error of the database at `url` as one of ours.

    It has not the error's own text, which holds the statement's parameters, but that of its cause.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    path = make_url(url).database or ""
    if getattr(cause, "sqlstate", None) == _DISK_FULL:
        return StorageFull(path)
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        with suppress(OSError):  # a disk that is gone is not full
            free = shutil.disk_usage(path).free
            if code == sqlite3.SQLITE_FULL or free < _LITTLE_BYTES:
                return StorageFull(path, free)
    # What PostgreSQL adds to its first sentence may hold values of the row.
    text = getattr(getattr(cause, "diag", None), "message_primary", None) or cause
    return StoreError(f"{type(cause).__name__}: {text}")
