"""Errors as OpenAI's clients read them: one envelope, whose type says whose fault it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from bots.common.uploads import TooLarge
from core.errors import (
    AssistantError,
    EngineBadReply,
    EngineError,
    EngineRefused,
    OverBudget,
    StorageFull,
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

#: A longer wait is not worth an automatic retry.
_LONG_WAIT_S = 60.0
#: After that a request may be tried again, in case that a pause has ended.
_PAUSE_S = 60.0
_MAX_PARAM_CHARS = 100
_KEY_REFUSED = ("upstream_key_refused", "The speech service does not accept the key of this server")
#: What only the operator can mend: the code and the sentence for each status of the service.
_UPSTREAM = {
    401: _KEY_REFUSED,
    402: ("upstream_no_balance", "The account of this server at the speech service has no balance"),
    403: _KEY_REFUSED,
}
#: How pydantic's sentences begin; ours begin with the field.
_SUBJECT = re.compile("^(Input|String|Value|List|Dictionary|Data) should ")
#: How those about lengths go on.
_ASIDE = " after validation"
#: Our sentences for pydantic's errors, where its own would be unclear.
_SENTENCES = {
    "extra_forbidden": "Unknown parameter: {param!r}.",
    "missing": "{param} is required",
    "model_attributes_type": "{param} must be an object",
    "model_type": "{param} must be an object",
    "none_required": "{param} is not supported",
    "union_tag_invalid": "{unsupported}{param} must be one of {expected_tags}",
    "union_tag_not_found": "{param} is required",
    "value_error": "{param} {error}",
}
#: Kinds of items, which pydantic names after the index of an item.
_TAGS = (
    *("system", "developer", "user", "assistant", "text", "input_audio"),
    *("message", "other", "input_text", "output_text"),
)
#: Kinds of items that OpenAI has and we have not.
_UNSUPPORTED = {
    "image_url": "images",
    "file": "files",
    "video_url": "videos",
    "input_image": "images",
    "input_file": "files",
    "tool": "tools",
    "function": "tools",
}


class ErrorDetail(BaseModel):
    """An error."""

    message: str
    type: str
    #: The field at fault.
    param: str | None
    code: str | None


class ApiErrorBody(BaseModel):
    """The envelope of all errors."""

    error: ErrorDetail


class ApiError(HTTPException):
    """A refusal. param: the field at fault."""

    def __init__(
        self, status: int, message: str, *, kind: str = INVALID, param: str = "", code: str = ""
    ) -> None:
        super().__init__(status, message)
        self.kind = kind
        self.param = param
        self.code = code

    @property
    def body(self) -> ApiErrorBody:
        """The error in its envelope."""
        param, code = self.param or None, self.code or None
        error = ErrorDetail(message=self.detail, type=self.kind, param=param, code=code)
        return ApiErrorBody(error=error)


def refuse(message: str, param: str = "", *, code: str = "") -> ApiError:
    """Return the error for a request that cannot be fulfilled."""
    return ApiError(400, message, param=param, code=code)


def read_validation_error(error: ValidationError) -> ApiError:
    """Return the first thing that is wrong with a body, in a sentence that names the field."""
    first = error.errors(include_url=False, include_input=False)[0]
    kind, context = first["type"], first.get("ctx", {})
    # The field that names the kind of an item, such as 'role', is at fault itself.
    field = [context["discriminator"].strip("'")] if kind.startswith("union_tag") else []
    param = _build_param([*first["loc"], *field])
    if not param:
        what = "not valid JSON" if kind == "json_invalid" else "not a JSON object"
        return refuse(f"The body of your request is {what}.")
    sentence = f"{param} {_SUBJECT.sub('must ', first['msg']).partition(_ASIDE)[0]}"
    if kind in _SENTENCES:
        named = _UNSUPPORTED.get(context.get("tag", ""))
        unsupported = f"{named} are not supported: " if named else ""
        sentence = _SENTENCES[kind].format(param=param, unsupported=unsupported, **context)
    return refuse(sentence, param, code="unknown_parameter" if kind == "extra_forbidden" else "")


def _build_param(loc: Sequence[int | str]) -> str:
    """Return the path of a field, such as messages[0].content[1].text."""
    path = ""
    for before, part in zip((None, *loc), loc, strict=False):
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (isinstance(before, int) and part in _TAGS):
            path += f".{part}" if path else part
    return path[:_MAX_PARAM_CHARS]


def add_retry_after(error: ApiError, wait_s: float | None) -> ApiError:
    """Return `error` with the time after which a retry makes sense."""
    if wait_s is not None:
        error.headers = {**(error.headers or {}), "Retry-After": str(math.ceil(wait_s))}
        if wait_s > _LONG_WAIT_S:
            return _stop_retries(error)
    return error


def make_pause_error() -> ApiError:
    """Return the error for a request that comes while operators let no new work begin."""
    text = "The operator of this server has paused it. Please try again later."
    return add_retry_after(ApiError(503, text, kind=OURS, code="paused"), _PAUSE_S)


def _stop_retries(error: ApiError) -> ApiError:
    """Return `error` with the header that keeps OpenAI's clients from trying again."""
    error.headers = {**(error.headers or {}), "X-Should-Retry": "false"}
    return error


def read_error(error: Exception, request_id: str) -> ApiError:
    """Return any error as one of the API."""
    if isinstance(error, HTTPException):
        return _read_http_error(error)
    if isinstance(error, EngineError):
        return add_retry_after(_read_engine_error(error, request_id), error.retry_after_s)
    if isinstance(error, UserError):
        return _read_user_error(error, request_id)
    if isinstance(error, StorageFull):
        return ApiError(503, _read_text(error, request_id), kind=OURS)
    if isinstance(error, StoreError):
        return ApiError(503, "The database is busy. Please try again.", kind=OURS)
    if isinstance(error, AssistantError):
        return ApiError(500, _read_text(error, request_id), kind=OURS)
    if isinstance(error, TimeoutError):
        return ApiError(408, "The body did not arrive in time.")
    return ApiError(500, f"The server had an error. Reference: {request_id}.", kind=OURS)


def _read_http_error(error: HTTPException) -> ApiError:
    if isinstance(error, ApiError):
        return error
    kind = NOT_FOUND if error.status_code == 404 else INVALID
    values = error.values if isinstance(error, TooLarge) else {}
    found = ApiError(error.status_code, translate(error.detail, "en", **values), kind=kind)
    found.headers = error.headers
    return found


def _read_user_error(error: UserError, request_id: str) -> ApiError:
    text = _read_text(error, request_id)
    if isinstance(error, OverBudget):
        used_up = ApiError(429, text, kind=RATE_LIMIT, code="insufficient_quota")
        return add_retry_after(used_up, error.retry_after_s)
    return ApiError(413 if isinstance(error, TooLong) else 400, text)


def _read_engine_error(error: EngineError, request_id: str) -> ApiError:
    """Keep the status of the speech service; no usable answer is a bad gateway.

    So is a key or an account of this server that the service refuses: with 401 or 402 the program
    would doubt its own.
    """
    status = error.status
    if status in _UPSTREAM:
        code, text = _UPSTREAM[status]
        refused = ApiError(502, f"{text}: {error}", kind=PROVIDER, code=code)
        return _stop_retries(refused)
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
        return ApiError(502, f"The speech service sent an unusable answer: {error}", kind=PROVIDER)
    kept = status if status >= 500 else 503
    return ApiError(kept, f"The speech service failed: {error}", kind=PROVIDER)


def _read_text(error: AssistantError, request_id: str) -> str:
    values = {"job": request_id, "failure": "", **error.values}
    return translate(error.user_text, "en", **values).strip()
