"""Errors as OpenAI's clients read them: one envelope, a type that tells whose fault it is."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException

from core.errors import (
    AssistantError,
    EngineBadReply,
    EngineError,
    EngineRefused,
    StoreError,
    TooLong,
    UserError,
)
from core.locale import translate

INVALID = "invalid_request_error"
AUTHENTICATION = "authentication_error"
NOT_FOUND = "not_found_error"
RATE_LIMIT = "rate_limit_error"
PROVIDER = "provider_error"
OURS = "server_error"

#: A longer wait is not worth an automatic try.
_LONG_WAIT_S = 60.0


class ApiError(HTTPException):
    """What a program is told. param: the field that is at fault."""

    def __init__(
        self, status: int, message: str, *, kind: str = INVALID, param: str = "", code: str = ""
    ) -> None:
        super().__init__(status, message)
        self.kind = kind
        self.param = param
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """The envelope."""
        error = {"message": self.detail, "type": self.kind}
        return {"error": {**error, "param": self.param or None, "code": self.code or None}}


def refuse(message: str, param: str = "", *, code: str = "") -> ApiError:
    """Return what is told of a request that cannot be done."""
    return ApiError(400, message, param=param, code=code)


def tell_wait(error: ApiError, wait_s: float | None) -> ApiError:
    """Return `error` with the time after which it is worth a new try."""
    if wait_s is not None:
        headers = {"Retry-After": str(math.ceil(wait_s))}
        if wait_s > _LONG_WAIT_S:
            headers["X-Should-Retry"] = "false"
        error.headers = {**(error.headers or {}), **headers}
    return error


def read_error(error: AssistantError, request_id: str) -> ApiError:
    """Return what an error of the core means to a program."""
    if isinstance(error, EngineError):
        return tell_wait(_read_engine_error(error, request_id), error.retry_after_s)
    text = _read_text(error, request_id)
    if isinstance(error, UserError):
        return ApiError(413 if isinstance(error, TooLong) else 400, text)
    if isinstance(error, StoreError):
        return ApiError(503, "The database is busy. Please try again.", kind=OURS)
    return ApiError(500, text, kind=OURS)


def read_http_error(error: HTTPException) -> ApiError:
    """Return an error of HTTP in the envelope."""
    if isinstance(error, ApiError):
        return error
    kind = NOT_FOUND if error.status_code == 404 else INVALID
    told = ApiError(error.status_code, translate(error.detail, "en"), kind=kind)
    told.headers = error.headers
    return told


def _read_engine_error(error: EngineError, request_id: str) -> ApiError:
    """The status of the speech service is kept; what is no answer at all is a bad gateway."""
    status = error.status
    if status in (401, 403):
        text = f"The speech service does not accept the key of this server: {error}"
        return ApiError(status, text, kind=AUTHENTICATION)
    if status == 404:
        return ApiError(404, f"The speech service: {error}", kind=NOT_FOUND)
    if status == 429:
        return ApiError(429, f"The speech service is busy: {error}", kind=RATE_LIMIT)
    if isinstance(error, EngineRefused):
        text = _read_text(error, request_id)
        return ApiError(status if 400 <= status < 500 else 400, text)
    if 400 <= status < 500:
        return ApiError(status, f"The speech service: {error}")
    if isinstance(error, EngineBadReply):
        return ApiError(502, f"The answer of the speech service: {error}", kind=PROVIDER)
    kept = status if status >= 500 else 503
    return ApiError(kept, f"The speech service failed: {error}", kind=PROVIDER)


def _read_text(error: AssistantError, request_id: str) -> str:
    return translate(error.user_text, "en", **{"job": request_id, **error.values})
