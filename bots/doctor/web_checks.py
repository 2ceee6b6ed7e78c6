"""Who can reach the page and the operator's view: for `hearsay doctor`."""

from __future__ import annotations

from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG
from bots.openai_api.keys import read_keys
from bots.web_chat.allowed_hosts import (
    LOCAL_HOSTS,
    has_no_names,
    is_open_to_others,
    read_host_names,
    shown_host,
)
from core.config import Settings
from core.errors import ConfigError

#: Shorter passwords are found by trying.
_GOOD_CHARS = 12
_OPEN_CURE = (
    "Set WEB_PASSWORD, or set WEB_HOST=127.0.0.1 and leave WEB_HOSTS empty for this machine alone."
)
_HTTPS_CURE = (
    "Put a proxy with https before it: WEB_HOST=127.0.0.1, and its name in WEB_HOSTS."
    " Browsers also give the microphone to https alone."
)


async def check_page(visit: CheckRun) -> Result:
    """See who can reach the page and the operator's view, and what they are asked for."""
    settings = visit.settings
    try:
        read_host_names(settings)
    except ConfigError as error:
        cure = _OPEN_CURE if settings.web_password is None else "Correct WEB_HOSTS."
        return fail(str(error), cure, CONFIG)
    return _find_weakness(settings) or ok(_describe(settings))


async def check_api(visit: CheckRun) -> Result:
    """See which programs may use the endpoints under /v1, and whether their keys can be read."""
    settings = visit.settings
    try:
        keys = read_keys(settings.secret("api_keys") or "")
    except ConfigError as error:
        return fail(str(error), "Write it as name=key,name=key.", CONFIG)
    if settings.api_keys is None:
        return ok("other programs are not let in: API_KEYS is empty")
    return ok(f"/v1 is open to {', '.join(key.name for key in keys)}")


def _find_weakness(settings: Settings) -> Result | None:
    page, admin = settings.secret("web_password"), settings.secret("admin_password")
    if page and page == admin:
        text = "WEB_PASSWORD opens the operator's view too"
        return warn(text, "Give ADMIN_PASSWORD a value of its own.")
    for name, password in (("WEB_PASSWORD", page), ("ADMIN_PASSWORD", admin)):
        if password and len(password) < _GOOD_CHARS:
            text = f"{name} is shorter than {_GOOD_CHARS} characters"
            return warn(text, "Take a longer one, such as some words.")
    if has_no_names(settings):
        text = "listens to other machines, but answers to this machine's own names only"
        return warn(text, "Set WEB_HOSTS to the names under which browsers reach it.")
    if settings.web_host not in LOCAL_HOSTS:
        return warn(f"{_describe(settings)}; passwords cross the network unencrypted", _HTTPS_CURE)
    return None


def _describe(settings: Settings) -> str:
    address = f"http://{shown_host(settings.web_host)}:{settings.web_port}"
    who = "other machines too" if is_open_to_others(settings) else "this machine alone"
    asks = "asks for a password" if settings.web_password else "asks for no password"
    view = "is on" if settings.admin_password else "is off: ADMIN_PASSWORD is empty"
    return f"{address} for {who}, {asks}; the operator's view {view}"
