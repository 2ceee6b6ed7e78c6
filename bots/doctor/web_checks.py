"""Checks of the web chat, the operator's view and the API: who can reach them."""

from __future__ import annotations

import fcntl
from pathlib import Path

from bots.common.api_keys import read_keys
from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG
from bots.web_chat.allowed_hosts import (
    LOCAL_HOSTS,
    has_no_names,
    is_open_to_others,
    read_host_names,
)
from bots.web_chat.login import check_passwords
from bots.web_server import open_socket
from bots.web_server.server import shown_host
from core.config import Settings
from core.errors import ConfigError

_OPEN_CURE = (
    "Set WEB_PASSWORD, or set WEB_HOST=127.0.0.1 and leave WEB_HOSTS empty for this machine only."
)
_HTTPS_CURE = (
    "Put an HTTPS proxy in front of it: WEB_HOST=127.0.0.1, and its name in WEB_HOSTS."
    " Browsers also allow the microphone over HTTPS only."
)


async def check_page(run: CheckRun) -> Result:
    """Check who can reach the page and the operator's view, and which passwords they need."""
    settings = run.settings
    try:
        read_host_names(settings)
    except ConfigError as error:
        cure = _OPEN_CURE if settings.web_password is None else "Correct WEB_HOSTS."
        return fail(str(error), cure, CONFIG)
    try:
        check_passwords(settings)
    except ConfigError as error:
        return fail(str(error), "Choose a longer one, such as a few words.", CONFIG)
    try:
        open_socket(settings.web_host, settings.web_port).close()
    except ConfigError as error:
        if is_running(settings.hearsay_home):
            return ok(f"hearsay is running; {_describe(settings)}")
        cure = "Set WEB_PORT to another port, such as 8766, or end the program that uses this one."
        return fail(str(error), cure, CONFIG)
    return _find_weakness(settings) or ok(_describe(settings))


async def check_api(run: CheckRun) -> Result:
    """Check which programs may use the endpoints under /v1, and that their keys can be read."""
    settings = run.settings
    try:
        keys = read_keys(settings.secret("api_keys") or "")
    except ConfigError as error:
        return fail(str(error), "Write it as name=key,name=key.", CONFIG)
    if settings.api_keys is None:
        return ok("other programs have no access: API_KEYS is empty")
    return ok(f"/v1 is open to {', '.join(key.name for key in keys)}")


def is_running(home: Path) -> bool:
    """Return whether a `hearsay run` holds the lock of its folder."""
    try:
        with (home / "hearsay.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _find_weakness(settings: Settings) -> Result | None:
    page, admin = settings.secret("web_password"), settings.secret("admin_password")
    if page and page == admin:
        text = "WEB_PASSWORD also opens the operator's view"
        return warn(text, "Choose a different ADMIN_PASSWORD.")
    if has_no_names(settings):
        text = "listens to other machines, but answers only to this machine's own names"
        return warn(text, "Set WEB_HOSTS to the names under which browsers reach it.")
    if settings.web_host not in LOCAL_HOSTS:
        return warn(f"{_describe(settings)}; passwords cross the network unencrypted", _HTTPS_CURE)
    if is_open_to_others(settings) and not settings.trusted_proxies:
        text = "all visitors count as one, the proxy: who mistypes the password slows down the rest"
        return warn(text, "Set TRUSTED_PROXIES to the proxy's address, such as 127.0.0.1.")
    return None


def _describe(settings: Settings) -> str:
    address = f"http://{shown_host(settings.web_host)}:{settings.web_port}"
    who = "other machines too" if is_open_to_others(settings) else "this machine only"
    asks = "asks for a password" if settings.web_password else "asks for no password"
    view = "is on" if settings.admin_password else "is off: ADMIN_PASSWORD is empty"
    return f"{address} for {who}, {asks}; the operator's view {view}"
