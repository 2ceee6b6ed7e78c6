"""Errors of the Bot API, with the descriptions of the real server.

Source: tdlib/telegram-bot-api at Bot API 10.0, `Client.cpp` (`fail_query_with_error`,
`check_chat_access`, the `check_message` calls), and the errors that Telegram itself passes on.
"""

from __future__ import annotations

from typing import Any

_PREFIXES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
}

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly "
    "the same as a current content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
OTHER_POLLER = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_IS_SET = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the "
    "webhook first"
)


class ApiError(Exception):
    """An error response: HTTP status, description and `parameters`."""

    def __init__(self, status: int, text: str = "", **parameters: int) -> None:
        prefix = _PREFIXES.get(status, "Error")
        super().__init__(f"{prefix}: {text}" if text else prefix)
        self.status = status
        self.parameters = parameters

    def to_json(self) -> dict[str, Any]:
        """Return the response body."""
        body = {"ok": False, "error_code": self.status, "description": str(self)}
        return body | ({"parameters": self.parameters} if self.parameters else {})


def bad_request(text: str, **parameters: int) -> ApiError:
    return ApiError(400, text, **parameters)


def forbidden(text: str) -> ApiError:
    return ApiError(403, text)


def too_many_requests(retry_after: int) -> ApiError:
    """Return a 429 error with `retry_after` in seconds."""
    return ApiError(429, f"retry after {retry_after}", retry_after=retry_after)
