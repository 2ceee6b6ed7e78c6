"""Logs of the whole process, and the promise that no secret reaches them.

Redaction sits in the formatter of the root handler, behind every library's own logging and
behind tracebacks: httpx logs each URL at INFO, and a Telegram URL holds the bot's token.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import stamina
import structlog

#: What the secrets of platforms and speech services look like, for those nobody told us of; the
#: last two are a bot's and an interaction's of Discord.
_LOOKS_SECRET = re.compile(
    r"\d{6,12}:[A-Za-z0-9_-]{30,}|(?:sk|tp)-[A-Za-z0-9_-]{16,}"
    r"|[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25,}"
    r"|aW50ZXJhY3Rpb2[A-Za-z0-9_+/=-]{20,}"
)

_PROBLEMS = frozenset(("warning", "error", "critical"))
#: Warnings and errors that are remembered.
_REMEMBERED = 200
#: Longest name of an event that is remembered.
_EVENT_CHARS = 120
#: How an error's description begins.
_CLASS = re.compile(r"[A-Z]\w*(?=:|$)")


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning or an error of the log: what it was, never what anybody said."""

    #: Eight hexadecimal digits, which the log's line bears too.
    problem_id: str
    at: datetime
    level: str
    #: The event as we named it; of a library's line its logger's name, since nobody knows what
    #: such lines hold.
    event: str
    #: Class of the error, empty where there is none.
    error: str = ""
    #: The job it happened to, empty outside of jobs.
    job_id: str = ""


#: As the log itself, of the whole process.
_problems: deque[Problem] = deque(maxlen=_REMEMBERED)


def recent_problems() -> Sequence[Problem]:
    """Return the last warnings and errors, the newest first."""
    return tuple(reversed(_problems))


def _note_problem(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Give a warning or an error its id, and remember it."""
    level = str(event["level"])
    if level not in _PROBLEMS:
        return event
    record: logging.LogRecord | None = event.get("_record")
    name = record.name if record else str(event.get("event", ""))
    problem = Problem(
        os.urandom(4).hex(),
        datetime.now(UTC),
        level,
        name[:_EVENT_CHARS],
        _name_error(event, record),
        str(event.get("job", "")),
    )
    _problems.append(problem)
    event["id"] = problem.problem_id
    return event


def _name_error(event: structlog.typing.EventDict, record: logging.LogRecord | None) -> str:
    """Return the class of the error that a line tells of; what follows it may be anything."""
    raised = record.exc_info if record else event.get("exc_info")
    if raised is True:
        raised = sys.exc_info()
    if isinstance(raised, BaseException):
        return type(raised).__name__
    if isinstance(raised, tuple) and raised[0]:
        return str(raised[0].__name__)
    found = _CLASS.match(str(event.get("error", event.get("detail", ""))))
    return found[0] if found else ""


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _note_problem,
]


def sort_secrets(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the secrets with the longest first, so that none hides a part of another."""
    return tuple(sorted((s for s in secrets if s), key=len, reverse=True))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without `secrets`, the longest first, and without what looks like one."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    return _LOOKS_SECRET.sub("[secret]", text)


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats a line, then takes every secret out of it."""

    secrets: tuple[str, ...] = ()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets, the traceback included."""
        return redact(super().format(record), self.secrets)


def set_up_logs(level: str, secrets: Iterable[str] = (), *, is_json: bool | None = None) -> None:
    """Send all logging to stderr: JSON lines, or plain ones where a person looks on."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        _formatter(secrets, not sys.stderr.isatty() if is_json is None else is_json)
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(level)
    # These say per call what our own lines say per message.
    for name in ("httpx", "httpcore", "telegram", "discord", "uvicorn", "aiosqlite", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    stamina.instrumentation.set_on_retry_hooks([_log_retry])
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _formatter(secrets: Iterable[str], is_json: bool) -> RedactingFormatter:
    renderers: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    if not is_json:
        # The plain one: others show local variables, which hold what people said.
        plain = structlog.dev.plain_traceback
        renderers = [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    formatter = RedactingFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        foreign_pre_chain=_SHARED,
    )
    formatter.secrets = sort_secrets(secrets)
    return formatter


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Log a retry; stamina's own line would show the arguments, and with them what people said."""
    structlog.get_logger().warning(
        "trying again",
        what=details.name,
        attempt=details.retry_num,
        wait_s=round(details.wait_for, 1),
        error=type(details.caused_by).__name__,
    )
