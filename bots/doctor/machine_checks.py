"""Checks of this machine: folders, disk, user, packages, names of servers, and its clock."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG, OTHER, STORE, UNREACHABLE
from core.config import Settings
from core.store.database.check import find_path
from core.worker_process.sandbox import is_root

_MB = 2**20
_FEW_BYTES, _LOW_BYTES = 100 * _MB, 1024 * _MB
_MAX_SKEW_S = 60.0
_DISTRIBUTION = "hearsay-bot"
#: A requirement of this program without an extra: name, and the least version.
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[\w,]+)?[^;]*?>=([\d.]+)(?!.*\bextra\b)")


async def check_home(run: CheckRun) -> Result:
    """Check that HEARSAY_HOME can be used or created."""
    home = run.settings.hearsay_home
    place = _existing(home)
    if not place.is_dir():
        return fail(f"{place} is not a folder", "Set HEARSAY_HOME to a folder.", CONFIG)
    if refused := try_to_write(place):
        cure = "Let this user write there, or set HEARSAY_HOME to another folder."
        return fail(f"{place} cannot be written to: {refused}", cure, CONFIG)
    return ok(f"{home}" if home.exists() else f"{home} will be created at the first start")


async def check_disk(run: CheckRun) -> Result:
    """Check that there is space for the database."""
    database = find_path(run.settings.url)
    folders = [run.settings.hearsay_home, *([database.parent] if database else [])]
    usages = [(shutil.disk_usage(place), place) for place in map(_existing, folders)]
    # What is no disk, such as /proc, has no size.
    free, place = min((usage.free, place) for usage, place in usages if usage.total)
    text = f"{free // _MB} MB free on the disk of {place}"
    cure = "Free space on the disk that holds HEARSAY_HOME and the database."
    if free < _FEW_BYTES:
        return fail(text, cure, STORE)
    return warn(text, cure) if free < _LOW_BYTES else ok(text)


async def check_user(_: CheckRun) -> Result:
    """Check that the program does not run as root."""
    if is_root():
        cure = "Make a user for it, give that user HEARSAY_HOME, and start it as that user."
        return warn("the program runs as root; only what decodes does not", cure)
    return ok("not root")


async def check_packages(_: CheckRun) -> Result:
    """Check that no package is older than this program needs: many had holes before."""
    old = [
        f"{name} {found} is older than {least}"
        for name, found, least in _list_packages()
        if _read_version(found) < _read_version(least)
    ]
    if old:
        cure = "Run: make run, or .venv/bin/pip install --require-hashes -r requirements.lock"
        return fail(f"{'; '.join(old)}: older ones have known holes or faults", cure, OTHER)
    return ok("none is older than this program needs")


def _list_packages() -> Iterator[tuple[str, str, str]]:
    """Yield name, installed version and least version of the packages that are required."""
    for requirement in requires(_DISTRIBUTION) or ():
        if match := _REQUIREMENT.match(requirement):
            try:
                yield match[1], version(match[1]), match[2]
            except PackageNotFoundError:  # of another Python
                continue


def _read_version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


async def check_names(run: CheckRun) -> Result:
    """Check that the names of all servers that the program connects to have addresses."""
    hosts = dict.fromkeys(_list_hosts(run.settings))
    unknown = [host for host in hosts if not await _resolves(host)]
    if not unknown:
        return ok(f"found: {', '.join(hosts)}" if hosts else "no server is used")
    cure = "Check the spelling in the settings."
    if len(unknown) == len(hosts):
        cure = f"{cure} If it is right, this machine has no network or no name server."
    return fail(f"no address is known for {', '.join(unknown)}", cure, UNREACHABLE)


def _list_hosts(settings: Settings) -> Iterator[str]:
    """Yield the names of servers that this machine looks up itself."""
    urls: list[str | None] = []
    if not getproxies().keys() & {"http", "https", "all"}:
        urls += [settings.telegram_api_base_url] if settings.telegram_bot_token else []
        urls += [settings.mimo_base_url] if settings.mimo_api_key else []
        urls.append(settings.openai_base_url)
    # Not through a proxy.
    urls += [settings.discord_api_base_url] if settings.discord_bot_token else []
    urls += [settings.url] if settings.is_shared else []
    for url in urls:
        try:
            host = urlsplit(url or "").hostname
        except ValueError:  # the check of the service tells it
            continue
        if host:
            yield host


async def _resolves(host: str) -> bool:
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return True


async def check_clock(run: CheckRun) -> Result:
    """Check this machine's clock against those of the services that answered."""
    if not run.skews_s:
        return ok("no service to compare it with")
    service, skew_s = max(run.skews_s.items(), key=lambda item: abs(item[1]))
    if abs(skew_s) > _MAX_SKEW_S:
        text = f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead'}"
        return fail(f"{text} of {service}'s", "Set it from the network (NTP).", OTHER)
    return ok(f"agrees with {service}'s")


def try_to_write(folder: Path) -> str:
    """Return why no file can be made in a folder, empty if one can."""
    try:
        # Only a try tells: root has every permission, but not on every file system.
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    return next(p for p in (path, *path.parents) if p.exists())
