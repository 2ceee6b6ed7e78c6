"""Untrusted JSON, errors and text from services. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from core.errors import (
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    ModelGone,
)
from core.locale import mark

#: The reason of a refusal by moderation, whose own words ("Moderation Block") explain nothing.
UNSAFE = mark("its content filter considers it high risk")
#: A longer wait is not believed.
_LONGEST_WAIT_S = 3600.0
_REASON_CHARS = 200
#: A short machine-readable name: the only part of an error body that is logged.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_LOCKED = {
    401: "the key is rejected: does it belong to this plan and base URL?",
    402: "no balance",
    403: "the region is not served, or the key is restricted",
}
#: An HTTP status of an error.
_STATUS = re.compile(r"[45][0-9]{2}")
_NO_MODEL = re.compile(r"\b(?:un|not )supported model\b")
#: Statuses below 500 that are worth a retry.
_BUSY = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The error in a response body; missing fields are empty."""

    code: str = ""
    type: str = ""
    message: str = ""
    param: str = ""

    @property
    def text(self) -> str:
        """All fields in lower case, for searching."""
        return f"{self.type} {self.code} {self.message} {self.param}".lower()

    @property
    def reason(self) -> str:
        """One line for the person who sent the request."""
        return " ".join((self.param or self.message).split())[:_REASON_CHARS].rstrip(".")

    def label(self, status: int) -> str:
        """Return status and type or code for the log, without anything a person wrote."""
        names = (t for t in (self.type, self.code) if _TOKEN.fullmatch(t) and t != str(status))
        return f"{status} {next(names, '')}".rstrip()


def read_json(body: bytes | str) -> dict[str, Any]:
    """Return the JSON object in `body`, also after `data:`. Raises EngineBadReply."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    text = text.lstrip("\ufeff \r\n\t").removeprefix("data:")
    try:
        value = json.loads(text)
    # Numbers of thousands of digits and endless nesting must not crash us.
    except (ValueError, RecursionError):
        raise EngineBadReply("the response is not JSON") from None
    if not isinstance(value, dict):
        raise EngineBadReply("the response is not a JSON object")
    return value


def read_error_body(body: bytes | str) -> ErrorBody | None:
    """Return the error in `body`, None if there is none."""
    try:
        error = read_json(body).get("error")
    except EngineBadReply:
        return None
    if isinstance(error, str) and error:
        return ErrorBody(message=clean(error))
    if not isinstance(error, dict):
        return None
    fields = ("code", "type", "message", "param")
    return ErrorBody(*(_plain(error.get(field)) for field in fields))


def read_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds in a Retry-After header, which may hold a date; None if invalid."""
    if not value:
        return None
    try:
        wait_s = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        moment = moment.replace(tzinfo=moment.tzinfo or UTC)
        wait_s = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S) if math.isfinite(wait_s) else None


def make_error(status: int, found: ErrorBody | None, wait_s: float | None) -> EngineError:
    """Return the EngineError for `status` and the error in the body, if there is one.

    status: the HTTP status, or the code in the body where that is more accurate. A 404 without an
    error in JSON means a wrong address.
    """
    made = _make_error(status, found or ErrorBody(), wait_s)
    if found is None and status == 404:
        made = EngineLocked("404: no API at this address, is the base URL right?")
    made.status = status if status >= 300 else 0
    return made


def _make_error(status: int, error: ErrorBody, wait_s: float | None) -> EngineError:
    detail = error.label(status)
    if status == 404 or error.code == "model_not_found" or _NO_MODEL.search(error.text):
        return ModelGone(f"{detail}: the model is unknown")
    if status in _LOCKED:
        return EngineLocked(f"{detail}: {_LOCKED[status]}", retry_after_s=wait_s)
    if status in _BUSY or status >= 500:
        return EngineBusy(detail, retry_after_s=wait_s)
    if status == 421 or "moderation" in error.text:
        return EngineRefused(detail, reason=UNSAFE)
    if status >= 400:
        return EngineRefused(detail, reason=error.reason)
    if status >= 300:
        return EngineLocked(f"{detail}: the service has moved, its base URL must be changed")
    return EngineBadReply(f"an error inside the response: {detail}")


@contextmanager
def paid_before() -> Iterator[None]:
    """Make errors in the body cost something: an answer before it has."""
    try:
        yield
    except EngineError as error:
        error.is_free = False
        raise


def find_code(error: ErrorBody) -> int | None:
    """Return the HTTP status that the body itself gives in `code`, None if it gives none."""
    return int(error.code) if _STATUS.fullmatch(error.code) else None


def clean(text: str) -> str:
    """Return `text` without NUL and lone surrogates, which databases and platforms reject.

    Halves of a surrogate pair that came in two chunks are joined, lone ones replaced.
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\x00", "")


def read_count(value: object) -> int:
    """Return `value` if it is a plausible count, else 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 < value < 2**53 else 0


def read_seconds(value: object) -> float:
    """Return `value` if it is a plausible number of seconds, else 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 < value < 1e9 else 0.0


def _plain(value: object) -> str:
    is_plain = isinstance(value, str | int) and not isinstance(value, bool)
    return clean(str(value)) if is_plain else ""
