"""Errors of Discord's API: HTTP statuses, JSON error codes and messages."""

from __future__ import annotations

from typing import Any

#: Code -> HTTP status and message. Source: Discord, "Opcodes and Status Codes".
KNOWN: dict[int, tuple[int, str]] = {
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the maximum number of follow up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50008: (400, "Cannot send messages in a non-text channel"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50083: (400, "Thread is archived"),
    50159: (400, "Voice messages do not support additional content."),
    50160: (400, "Voice messages must have a single audio attachment."),
    50161: (400, "Voice messages must have supporting metadata."),
    50162: (400, "Voice messages cannot be edited."),
    50173: (403, "You cannot send voice messages in this channel."),
    160002: (403, "Cannot reply without permission to read message history"),
    50024: (400, "Cannot execute action on this channel type"),
    160004: (400, "A thread has already been created for this message"),
    160005: (400, "Thread is locked"),
}


class ApiError(Exception):
    """An error response."""

    def __init__(self, status: int, code: int, text: str, errors: Any = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.errors = errors

    def to_json(self) -> dict[str, Any]:
        """Return the response body."""
        body: dict[str, Any] = {"message": str(self), "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


def refused(code: int) -> ApiError:
    """Return the error with a known code."""
    status, text = KNOWN[code]
    return ApiError(status, code, text)


def bad_field(path: str, code: str, text: str) -> ApiError:
    """Return error 50035, "Invalid Form Body", for one field.

    path: keys and indexes, joined by dots ("data.options.0.name").
    """
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": text}]}
    for name in reversed(path.split(".")):
        errors = {name: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors)


def too_long(path: str, most: int) -> ApiError:
    """Return error 50035 for a text of more than `most` characters."""
    return bad_field(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
