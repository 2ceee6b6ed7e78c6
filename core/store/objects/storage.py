"""The folder or bucket at STORAGE_URL: encrypted objects under random keys, through obstore.

Credentials are what obstore itself finds in the environment of the process: AWS_…, GOOGLE_…,
AZURE_STORAGE_…, or the machine's role. They pass through nothing of ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from core.errors import ConfigError
from core.store.database.cipher import KEY_ID_BYTES, VERSION, Cipher
from core.store.database.encryption import sync
from core.store.database.objects import SoundGone
from core.store.objects.errors import read_error

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

Result = TypeVar("Result")

#: Longest time of one request, and of one with everything that is tried again. Jobs try again
#: later, and people are told.
REQUEST_S, RETRY_S = 60.0, 60.0
_CONNECT_S, _RETRIES = 5.0, 3
#: Plain HTTP only where AWS_ENDPOINT_URL or its like says http://, as on a local network. What is
#: sent is encrypted, and requests are signed without their secret.
_CLIENT: ClientConfig = {
    "allow_http": True,
    "connect_timeout": timedelta(seconds=_CONNECT_S),
    "timeout": timedelta(seconds=REQUEST_S),
}
_RETRY: RetryConfig = {
    "max_retries": _RETRIES,
    "retry_timeout": timedelta(seconds=RETRY_S),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=5),
        "base": 2,
    },
}
#: Requests at once.
_THREADS = 8
#: Objects stand in so many folders: what their keys begin with.
PREFIXES = tuple(f"{number:02x}" for number in range(256))
#: What a write that was interrupted leaves in a folder.
_HALF_WRITTEN = re.compile(r"[0-9a-f]{32}#\d+")
_ERRORS = (BaseError, OSError, ValueError)


class Storage:
    """Encrypted objects in a folder or a bucket. All of it is blocking work in threads."""

    def __init__(self, url: str, cipher: Cipher, retry: RetryConfig = _RETRY) -> None:
        """url: what `core.config` has checked. Raises ConfigError if it cannot be used."""
        self._cipher = cipher
        #: Where all objects of this database are, empty for what follows from its key.
        self.root = ""
        #: The folder that holds the objects, None if a service does.
        self.folder = find_folder(url)
        self._store = _open(url, self.folder, retry)
        self._threads = ThreadPoolExecutor(_THREADS, "hearsay-storage")

    async def put(self, key: str, plain: bytes) -> str:
        """Write an object whole or not at all, encrypted. Raises StoreError.

        Return the id of the key that has encrypted it, in hexadecimal digits.
        """
        return await self._run(self._put, key, plain)

    async def get(self, key: str) -> bytes:
        """Return the content of an object. Raises StoreError; SoundGone if it is not there."""
        value = await self._run(self._get, key)
        try:
            return await asyncio.to_thread(self._cipher.decrypt, value, _bind(key))
        except ConfigError:
            # The key fits, or the program had not started: it was changed, or written in part.
            raise SoundGone(is_damaged=True) from None

    async def has(self, key: str) -> bool:
        """Return whether an object is there. Raises StoreError."""
        try:
            await self._run(self._head, key)
        except SoundGone:
            return False
        return True

    async def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there are skipped. Raises StoreError."""
        await self._run(self._delete, keys)

    async def list_old(self, prefix: str, before: datetime) -> list[str]:
        """Return the keys that begin with one of PREFIXES and are older. Raises StoreError."""
        return await self._run(self._list, prefix, before)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def _run(self, work: Callable[..., Result], *arguments: object) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work, *arguments)
        except _ERRORS as error:
            raise read_error(error, self.folder) from None

    def _put(self, key: str, plain: bytes) -> str:
        value = self._cipher.encrypt(plain, _bind(key))
        # In one request: parts of an interrupted upload would stay, and be paid for, unseen.
        obstore.put(self._store, self._locate(key), value, use_multipart=False)
        if self.folder is not None:
            path = self.folder / self._locate(key)
            sync(path, path.parent)
        return value[len(VERSION) : len(VERSION) + KEY_ID_BYTES].hex()

    def _get(self, key: str) -> bytes:
        return bytes(obstore.get(self._store, self._locate(key)).bytes())

    def _head(self, key: str) -> None:
        obstore.head(self._store, self._locate(key))

    def _delete(self, keys: Sequence[str]) -> None:
        if self.folder is None:
            obstore.delete(self._store, [self._locate(key) for key in keys])
            return
        for key in keys:
            with suppress(FileNotFoundError):
                obstore.delete(self._store, self._locate(key))

    def _list(self, prefix: str, before: datetime) -> list[str]:
        found: list[str] = []
        folder = self._locate(prefix).removesuffix(f"/{prefix}")
        for page in obstore.list(self._store, folder):
            for one in page:
                if one["last_modified"] < before:
                    found.append(one["path"].rpartition("/")[2])
        if self.folder is not None:
            _drop_half_written(self.folder / folder, before)
        return found

    def _locate(self, key: str) -> str:
        """Return where an object is: apart from those of other databases, which no sweep knows."""
        root = self.root or self._cipher.digest(b"storage", "objects").lstrip("#")
        return f"{root}/{key[:2]}/{key}"


def find_folder(url: str) -> Path | None:
    """Return the folder that a file: URL names."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _open(url: str, folder: Path | None, retry: RetryConfig) -> ObjectStore:
    try:
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return LocalStore(folder)
        return from_url(url, client_options=_CLIENT, retry_config=retry)
    except OSError as error:
        raise ConfigError(f"STORAGE_URL: {folder} cannot be used: {error.strerror}") from None
    except (BaseError, ValueError) as error:
        reason = read_error(error, None)
        raise ConfigError(f"STORAGE_URL cannot be used: {reason}") from None


def _bind(key: str) -> bytes:
    """Return the name that a value is bound to: under another key, it cannot be decrypted."""
    return b"objects.%s" % key.encode()


def _drop_half_written(folder: Path, before: datetime) -> None:
    for path in _list_files(folder):
        if _HALF_WRITTEN.fullmatch(path.name):
            with suppress(FileNotFoundError):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()


def _list_files(folder: Path) -> Iterator[Path]:
    files: Iterable[Path] = folder.iterdir() if folder.is_dir() else ()
    yield from files
