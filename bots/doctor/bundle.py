"""The support bundle: a ZIP file of what helps to find a fault, without secrets and content."""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bots.doctor.results import Report
from bots.doctor.shown_settings import describe_settings
from bots.own_process import OwnProcess, find_urls
from core.config import Settings
from core.errors import AssistantError
from core.logs import list_forms, redact
from core.store.database.overview import describe_database

#: Numbers as long as ids of people and chats.
_ID = re.compile(r"(?<![\w.])-?\d{6,}(?![\w.]*\d)")
_README = """\
What hearsay support-bundle has collected on this machine. Secrets are taken out, and so are ids of
people and chats and the folder of this user; what people wrote or said is not collected. Please
look through it before you give it to somebody.
"""


class Bundle:
    """Collects the files of a bundle, by name; whatever cannot be had is named in its place."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._forms = list_forms(settings.secrets())
        ids = (*settings.allowed_chats, *settings.denied_chats, *settings.admin_ids)
        self._ids = sorted({one.rpartition(":")[2] for one in ids} - {"ask"}, key=len, reverse=True)
        self.files: dict[str, str] = {"README.txt": _README}

    async def collect(self, report: Report) -> None:
        """Collect everything. report: what `hearsay doctor` has found."""
        self._add("doctor.json", report.value)
        self._add("versions.json", describe_versions())
        self._add("settings.json", describe_settings(self._settings))
        try:
            self._add("database.json", await describe_database(self._settings.url))
        except AssistantError as error:
            self._add("database.json", {"error": str(error)})
        self._collect_running()

    def _collect_running(self) -> None:
        """Collect what the running process says of itself, if it answers."""
        urls, settings = find_urls(self._settings), self._settings
        if not urls:
            self._add("process.json", {"error": "WEB_PORT is 0"})
            return
        process, found = OwnProcess(urls[0]), dict[str, Any]()
        for name, ask in {
            "health": lambda: _find_health(process),
            "problems": lambda: _find_problems(process, settings.secret("admin_password")),
        }.items():
            found[name] = _try(ask)
        self._add("process.json", found)
        password = settings.secret("web_password")
        text = _try(lambda: process.get("/metrics", password=password).decode())
        # They have no ids, and numbers as long.
        self.files["metrics.txt"] = redact(str(text), self._forms)

    def _add(self, name: str, value: object) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
        text = _hide_home(redact(text, self._forms))
        for one in self._ids:
            text = text.replace(one, "[id]")
        self.files[name] = _ID.sub("[number]", text)


def _hide_home(text: str) -> str:
    """Return a text without the name of the user's folder, if there is one."""
    try:
        home = str(Path.home())
    except RuntimeError:
        return text
    # Users that systemd makes for a service have /, which is in every path.
    return text if home == "/" else text.replace(home, "~")


def write_bundle(files: dict[str, str], path: Path) -> None:
    """Write a ZIP file that this user alone can read. Raises FileExistsError, OSError."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in files.items():
            out.writestr(f"hearsay-support/{name}", text)


def describe_versions() -> dict[str, Any]:
    """Return versions of the system and of all packages."""
    packages = {one.name: one.version for one in distributions()}
    return {
        "hearsay": packages.get("hearsay-bot", ""),
        "python": sys.version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "sqlite": sqlite3.sqlite_version,
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def _try(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (OSError, ValueError) as error:
        return f"not to be had: {type(error).__name__}: {error}"


def _find_health(process: OwnProcess) -> Any:
    try:
        return json.loads(process.get("/readyz"))
    except OSError as error:
        # That something fails is an answer, too.
        read: Callable[[], bytes] | None = getattr(error, "read", None)
        if read is None:
            raise
        return json.loads(read())


def _find_problems(process: OwnProcess, password: str | None) -> Any:
    """Return the latest warnings and errors, as the operator's view shows them."""
    if password is None:
        return "not to be had: ADMIN_PASSWORD is not set"
    process.post("/operator/login", {"password": password})
    try:
        return json.loads(process.get("/operator/api/problems"))["problems"]
    finally:
        process.post("/operator/logout", {})
