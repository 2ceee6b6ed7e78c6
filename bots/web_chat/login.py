"""Login by password, for the page and, with a password of its own, for the operator's view.

A login is a random key in a cookie. The server stores the key's hash in memory, so a restart
logs everybody out.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import structlog
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import HTTPConnection

from bots.common.client_address import TrustedProxies
from bots.common.uploads import BAD_FORM, read_body
from bots.web_chat.allowed_hosts import is_https
from bots.web_chat.login_throttle import FREE_ATTEMPTS, LoginThrottle
from bots.web_chat.session import BrowserSessions
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ConfigError
from core.locale import mark
from core.logs import ThinnedLog

WRONG_PASSWORD = mark("Wrong password.")
TOO_MANY_TRIES = mark("Too many attempts. Please wait a moment.")

#: Shorter passwords can be guessed.
MIN_CHARS = 12
#: Logins per password; the oldest ends first.
MAX_LOGINS = 1000
#: Largest body of the form: strangers send it.
FORM_BYTES = 16 * 1024
#: Paths for programs, which send the password as `Authorization: Bearer …`.
_BEARER_PATHS = ("/metrics",)
_FORM = Path(__file__).parent / "static" / "login" / "index.html"


@dataclass(frozen=True, slots=True)
class Area:
    """What one password protects."""

    name: str
    #: The path of its login form, logout and cookie.
    path: str
    cookie: str
    life_s: int
    #: The area's paths, and those of them that need no password.
    protected: re.Pattern[str]
    public: re.Pattern[str]

    def guards(self, path: str) -> bool:
        """Return whether `path` needs the password."""
        return bool(self.protected.match(path)) and not self.public.fullmatch(path)


#: Health checks and static files need no password; /v1 and the operator's view have their own.
PAGE = Area(
    "page",
    "",
    "hearsay_login",
    30 * 24 * 3600,
    re.compile(""),
    re.compile(r"/(livez|readyz|login(/state)?|(static|v1|operator)/.*|operator)"),
)
OPERATOR = Area(
    "operator",
    "/operator",
    "hearsay_operator",
    12 * 3600,
    re.compile("/operator"),
    re.compile(r"/operator/login(/state)?"),
)


class _LoginForm(BaseModel):
    """The body of the login form."""

    model_config = ConfigDict(extra="forbid")

    password: Annotated[str, StringConstraints(max_length=1024)]


class Login:
    """The password of one area, and who is logged in."""

    def __init__(
        self,
        area: Area,
        password: str,
        clock: Clock = CLOCK,
        proxies: TrustedProxies | None = None,
        sessions: BrowserSessions | None = None,
    ) -> None:
        """sessions: of the browsers, for an area in which they have any."""
        self.area = area
        self._sessions = sessions
        self._proxies = proxies or TrustedProxies()
        self._digest = _hash(password)
        self._clock = clock
        self._throttle = LoginThrottle(clock)
        self._log = ThinnedLog("warning", "many wrong passwords")
        #: When each login expires, by the hash of its key, oldest first.
        self._ends_at_s: dict[bytes, float] = {}

    def build_router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(prefix=self.area.path, include_in_schema=False)
        router.add_api_route("/login", self.show_form, methods=["GET"])
        router.add_api_route("/login", self.log_in, methods=["POST"])
        router.add_api_route("/login/state", self.get_state, methods=["GET"])
        router.add_api_route("/logout", self.log_out, methods=["POST"])
        return router

    def is_logged_in(self, connection: HTTPConnection) -> bool:
        """Return whether the caller is logged in."""
        return self._ends_at_s.get(self._read_key(connection), 0.0) > self._clock.monotonic()

    async def refuses(self, connection: HTTPConnection) -> bool:
        """Return whether the path needs a login or, for programs, the password, and has neither."""
        path = connection.scope["path"]
        if not self.area.guards(path) or self.is_logged_in(connection):
            return False
        return path not in _BEARER_PATHS or not await self._sends_password(connection)

    async def show_form(self) -> Response:
        """Return the login form."""
        return FileResponse(_FORM)

    async def get_state(self, request: Request) -> dict[str, bool]:
        """Return whether the browser is logged in.

        A browser that followed a link from another site withholds its strict cookie from the
        page, but sends it here.
        """
        return {"is_in": self.is_logged_in(request)}

    async def log_in(self, request: Request) -> Response:
        """Log in. Raises HTTPException 403 if the password is wrong, 429 after many failures."""
        client = self._proxies.find_client(request)
        _refuse_early(self._throttle.wait_s(client))
        try:
            body = await read_body(request, FORM_BYTES, HTTPException(413, BAD_FORM))
            given = _LoginForm.model_validate_json(body)
        except ValidationError:
            # Without its cause, which contains what was typed.
            raise HTTPException(400, BAD_FORM) from None
        async with self._throttle.turn(client) as wait_s:
            _refuse_early(wait_s)
            if not self._check_password(given.password, client):
                raise HTTPException(403, WRONG_PASSWORD)
        response = self._start_login(request)
        if self._sessions:
            await self._sessions.renew(request, response)
        return response

    async def log_out(self, request: Request) -> Response:
        """Log out on the server too, so that the cookies are worthless."""
        self._ends_at_s.pop(self._read_key(request), None)
        response = JSONResponse({"is_in": False})
        response.delete_cookie(self.area.cookie, path=self.area.path or "/")
        if self._sessions:
            await self._sessions.renew(request, response, is_over=True)
        return response

    def _start_login(self, request: Request) -> Response:
        area, key = self.area, secrets.token_urlsafe(32)
        self._ends_at_s.pop(self._read_key(request), None)
        self._ends_at_s[_hash(key)] = self._clock.monotonic() + area.life_s
        if len(self._ends_at_s) > MAX_LOGINS:
            del self._ends_at_s[next(iter(self._ends_at_s))]
        structlog.get_logger().info("logged in", area=area.name)
        response = JSONResponse({"is_in": True})
        response.set_cookie(
            area.cookie,
            key,
            max_age=area.life_s,
            path=area.path or "/",
            secure=is_https(request),
            httponly=True,
            samesite="strict",
        )
        return response

    def _read_key(self, connection: HTTPConnection) -> bytes:
        return _hash(connection.cookies.get(self.area.cookie, ""))

    async def _sends_password(self, connection: HTTPConnection) -> bool:
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        client = self._proxies.find_client(connection)
        if scheme.lower() != "bearer" or self._throttle.wait_s(client) > 0:
            return False
        async with self._throttle.turn(client) as wait_s:
            return wait_s == 0 and self._check_password(given, client)

    def _check_password(self, password: str, client: str) -> bool:
        """Compare the hashes, in a time that does not depend on the password."""
        if hmac.compare_digest(_hash(password), self._digest):
            self._throttle.reset(client)
            return True
        # Once for each client, and not for each of many: strangers must not flood the log.
        if self._throttle.add_failure(client) == FREE_ATTEMPTS + 1:
            self._log.add(area=self.area.name, address=client)
        return False


def build_logins(
    settings: Settings, clock: Clock = CLOCK, sessions: BrowserSessions | None = None
) -> list[Login]:
    """Return a login for each area that has a password. Raises ConfigError if one is short."""
    check_passwords(settings)
    proxies = TrustedProxies(settings.trusted_proxies)
    found = (
        (PAGE, settings.secret("web_password"), sessions),
        (OPERATOR, settings.secret("admin_password"), None),
    )
    return [
        Login(area, password, clock, proxies, of_area)
        for area, password, of_area in found
        if password
    ]


def check_passwords(settings: Settings) -> None:
    """Raise ConfigError if a password can be guessed."""
    for name in ("web_password", "admin_password"):
        password = settings.secret(name)
        if password and len(password) < MIN_CHARS:
            raise ConfigError(f"{name.upper()} is shorter than {MIN_CHARS} characters")


def _refuse_early(wait_s: float) -> None:
    """Raise HTTPException 429 if there is any time to wait."""
    if wait_s > 0:
        headers = {"Retry-After": str(math.ceil(wait_s)), "Connection": "close"}
        raise HTTPException(429, TOO_MANY_TRIES, headers=headers)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
