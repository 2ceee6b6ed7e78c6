"""A PostgreSQL server of the tests' own, on a free port, in a temporary folder."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg

from core.store import migrate
from tests.support.ports import free_port

#: Why a test is skipped where there is no server to start.
MISSING = "PostgreSQL is not installed: on Debian and Ubuntu, apt install postgresql"
#: Nothing survives a crash of the machine, which tests do not need.
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")
_SETTINGS = ("max_connections=200", "shared_buffers=64MB", "listen_addresses=127.0.0.1")


@cache
def find_programs() -> Path | None:
    """Return the folder of initdb and postgres, None if there are none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


#: What tells whether a test has changed more than rows.
_SIGNATURE = (
    "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),"
    " (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),"
    " (SELECT count(*) FROM pg_trigger), (SELECT string_agg(version_num, '') FROM alembic_version),"
    " (SELECT count(*) FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase"
    " WHERE datname = current_database())"
)
#: Keys are counted from 1 again, and rows are deleted in any order.
_RESTART = (
    b"SET session_replication_role = replica;"
    b"SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
    b" AND relnamespace = 'public'::regnamespace;"
)
_TABLES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)


def connect(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection to a database, outside the program."""
    return psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True)


def ask(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement on a database, outside the program. "?" stands for a value."""
    with connect(url) as connection:
        written = statement.replace("?", "%s").encode() if values else statement.encode()
        cursor = connection.execute(written, values or None)
        return cursor.fetchall() if cursor.description else []


def list_files(url: str) -> list[Path]:
    """Return the files of the tables of a database, with all that it has committed."""
    ask(url, "CHECKPOINT")
    [(folder, number)] = ask(
        url,
        "SELECT current_setting('data_directory'), oid FROM pg_database"
        " WHERE datname = current_database()",
    )
    return [path for path in Path(folder, "base", str(number)).iterdir() if path.is_file()]


class PostgresServer:
    """A server that `start` starts and `stop` deletes with all its databases."""

    def __init__(self, *settings: str) -> None:
        self._settings = (*_SETTINGS, *(settings or FAST))
        self._programs = find_programs()
        self._names = count(1)
        self._has_template = False
        #: Databases that are as new.
        self._free: list[str] = []

    def start(self, parent: Path | None = None) -> None:
        """Create the server's folder, if need be in another one, and start it."""
        self._folder = Path(tempfile.mkdtemp(prefix="hearsay-postgresql-", dir=parent))
        self.options: dict[str, Any] = {}
        if os.getuid() == 0:  # which the server refuses to be
            self.options = {"user": "postgres", "group": "postgres", "extra_groups": []}
            entry = pwd.getpwnam("postgres")
            os.chown(self._folder, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "hearsay", "--no-sync", "-E", "UTF8")
        self.port = free_port()
        self.begin()

    def begin(self) -> None:
        """Start the server again after `end`."""
        options = ["-p", str(self.port), "-k", str(self._folder)]
        for setting in self._settings:
            options += ["-c", setting]
        self._run(
            "pg_ctl", "-D", "data", "-l", "log", "-w", "-t", "60", "-o", " ".join(options), "start"
        )

    def find_process(self) -> psutil.Process:
        """Return the process whose children serve the connections."""
        return psutil.Process(int((self._folder / "data/postmaster.pid").read_text().split()[0]))

    def forget_process(self) -> None:
        """Forget the process that has run the server, as a start of the machine does."""
        (self._folder / "data/postmaster.pid").unlink(missing_ok=True)

    @contextmanager
    def run_copy(self, parent: Path) -> Iterator[PostgresServer]:
        """Run a server on a copy of this one's folder that was made while it ran."""
        copy = PostgresServer(*self._settings)
        copy.options, copy.port = self.options, free_port()
        copy._folder = parent / self._folder.name
        copy.forget_process()
        copy.begin()
        try:
            yield copy
        finally:
            copy.end("fast")

    def end(self, mode: str = "immediate") -> None:
        """Stop the server; its databases stay. mode: "immediate" as at a crash, or "fast"."""
        self._run("pg_ctl", "-D", "data", "-m", mode, "-w", "stop")

    def stop(self) -> None:
        """Stop the server and delete its folder."""
        self.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def log(self) -> Path:
        """Return the file of the server's log."""
        return self._folder / "log"

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://hearsay@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement, outside the program."""
        return ask(self.url(database), statement)

    def create_empty(self) -> str:
        """Create an empty database; return its URL."""
        name = f"empty{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def create(self) -> str:
        """Create a migrated database; return its URL."""
        if not self._has_template:
            self.execute("CREATE DATABASE template_hearsay")
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, migrate(self.url("template_hearsay"))).result()
            [self._signature] = ask(self.url("template_hearsay"), _SIGNATURE)
            tables = ask(self.url("template_hearsay"), _TABLES)
            self._empty = _RESTART + b";".join(
                b"DELETE FROM " + name.encode() for (name,) in tables
            )
            self._has_template = True
        name = f"test{next(self._names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template_hearsay STRATEGY file_copy")
        return self.url(name)

    def borrow(self) -> str:
        """Return the URL of a migrated database without rows."""
        return self._free.pop() if self._free else self.create()

    def give_back(self, url: str) -> None:
        """Empty a database that was borrowed, for the next test: to create one takes longer."""
        with connect(url) as connection:
            if connection.execute(_SIGNATURE).fetchone() == self._signature:
                connection.execute(self._empty)
                self._free.append(url)

    def _run(self, program: str, *arguments: str) -> None:
        assert self._programs, MISSING
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            check=False,
            **self.options,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
