"""Logging of the whole process, with secrets redacted.

The formatter of the root handler redacts, so that records of libraries and tracebacks are covered:
httpx logs each URL at INFO, and a Telegram URL contains the bot's token.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import stamina
import structlog

#: Patterns of the secrets of platforms and speech services, for those that are not settings; the
#: last two match the tokens of Discord bots and interactions.
_LOOKS_SECRET = re.compile(
    r"\d{6,12}:[A-Za-z0-9_-]{30,}|(?:sk|tp)-[A-Za-z0-9_-]{16,}"
    r"|[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25,}"
    r"|aW50ZXJhY3Rpb2[A-Za-z0-9_+/=-]{20,}"
)

#: A shorter secret is not redacted.
_MIN_SECRET_CHARS = 8
#: Interval at which `ThinnedLog` tells the number of its events.
_THINNED_S = 60.0
_PROBLEMS = frozenset(("warning", "error", "critical"))
#: Warnings and errors that are kept in memory.
_MAX_PROBLEMS = 200
#: Longest event that is kept.
_EVENT_CHARS = 120
#: The class at the beginning of an error's description.
_CLASS = re.compile(r"[A-Z]\w*(?=:|$)")


@dataclass(frozen=True, slots=True)
class Problem:
    """A warning or an error from the log, without chat content."""

    #: Eight hexadecimal digits, also in the log record.
    problem_id: str
    at: datetime
    level: str
    #: The event; for records of libraries, whose content is unknown, the name of the logger.
    event: str
    #: Class of the error, empty if there is none.
    error: str = ""
    #: The job during which it happened, empty outside of jobs.
    job_id: str = ""


#: Global, like the log itself.
_problems: deque[Problem] = deque(maxlen=_MAX_PROBLEMS)


def recent_problems() -> Sequence[Problem]:
    """Return the last warnings and errors, the newest first."""
    return tuple(reversed(_problems))


def _note_problem(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add an id to a warning or an error, and keep it for `recent_problems`."""
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
    """Return the class of the error in a record. What follows it may have chat content."""
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


class ThinnedLog:
    """Logs the first of many equal events, and then once a minute how many more there were.

    For what strangers can cause: they must not fill the log, nor push other problems out of it.
    """

    def __init__(self, level: str, event: str) -> None:
        self._level = level
        self._event = event
        self._more = 0
        self._fields: dict[str, object] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, **fields: object) -> None:
        """Count an event. Of those that are not the first, the last one's fields are logged."""
        if self._timer is not None:
            self._more += 1
            self._fields = fields
            return
        self._log(**fields)
        self._start()

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_THINNED_S, self._tell_more)

    def _tell_more(self) -> None:
        self._timer = None
        if self._more:
            self._log(**self._fields, more=self._more)
            self._more = 0
            self._start()

    def _log(self, **fields: object) -> None:
        getattr(structlog.get_logger(), self._level)(self._event, **fields)


def list_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return what to replace: each secret as it is and as logs quote it, the longest first.

    A short one may be part of a longer one. Very short secrets are left out: their characters stand
    in any text, and each place where they are covered would tell what they are.
    """
    forms = {secret for secret in secrets if len(secret) >= _MIN_SECRET_CHARS}
    # A log in JSON has what an error quotes of another one.
    for _ in range(3):
        forms = {quoted for form in forms for quoted in _quote(form)}
    return tuple(sorted(forms, key=len, reverse=True))


def _quote(text: str) -> set[str]:
    """Return `text` as it is, and as it stands in strings of Python and JSON and in URLs."""
    utf_8 = text.encode("utf-8", "surrogatepass")
    # After both kinds of quotation marks, and without these.
    in_python = {repr(f"\"'{text}")[4:-1], repr(b"\"'" + utf_8)[5:-1]}
    # Within double quotes a single one is not escaped.
    in_python |= {form.replace("\\'", "'") for form in in_python}
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return {text, quote(utf_8, safe=""), quote(utf_8), quote_plus(utf_8), *in_python, *in_json}


def redact(text: str, forms: Iterable[str]) -> str:
    """Return the text without `forms` of secrets, and without what looks like a secret."""
    for form in forms:
        text = text.replace(form, "[secret]")
    return _LOOKS_SECRET.sub("[secret]", text)


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats a record and redacts every secret in it."""

    forms: tuple[str, ...] = ()

    def format(self, record: logging.LogRecord) -> str:
        """Return the formatted record and its traceback without secrets."""
        return redact(super().format(record), self.forms)


def set_up_logs(level: str, secrets: Iterable[str] = (), *, format: str = "auto") -> None:
    """Log everything to stderr.

    format: "text" for people, "json" for programs, "auto" = text if stderr is a terminal.
    """
    handler = logging.StreamHandler()
    is_json = format == "json" or (format == "auto" and not sys.stderr.isatty())
    handler.setFormatter(_formatter(secrets, is_json))
    logging.root.handlers = [handler]
    logging.root.setLevel(level)
    # These log every call; our own records of each message are enough.
    for name in ("httpx", "httpcore", "telegram", "discord", "uvicorn", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))
    # These log every connection that fails while a database is down, and it is tried again.
    for name in ("procrastinate", "psycopg"):
        logging.getLogger(name).setLevel(max(logging.ERROR, logging.root.level))
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
        # Other formatters show local variables, which have chat content.
        plain = structlog.dev.plain_traceback
        has_colours = sys.stderr.isatty()
        renderers = [structlog.dev.ConsoleRenderer(colors=has_colours, exception_formatter=plain)]
    formatter = RedactingFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        foreign_pre_chain=_SHARED,
    )
    formatter.forms = list_forms(secrets)
    return formatter


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Log a retry. Stamina's own record has the arguments, which may be chat content."""
    if not logging.getLogger(details.name).isEnabledFor(logging.WARNING):
        return  # of a library whose warnings nobody wants
    structlog.get_logger().warning(
        "retrying",
        what=details.name,
        attempt=details.retry_num,
        wait_s=round(details.wait_for, 1),
        error=type(details.caused_by).__name__,
    )
