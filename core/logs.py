"""Logs of the whole process, and the promise that no secret reaches them.

Redaction sits in the formatter of the root handler, behind every library's own logging and
behind tracebacks: httpx logs each URL at INFO, and a Telegram URL holds the bot's token.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

import stamina
import structlog

#: What the secrets of platforms and speech services look like, for those nobody told us of; the
#: last two are a bot's and an interaction's of Discord.
_LOOKS_SECRET = re.compile(
    r"\d{6,12}:[A-Za-z0-9_-]{30,}|(?:sk|tp)-[A-Za-z0-9_-]{16,}"
    r"|[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{25,}"
    r"|aW50ZXJhY3Rpb2[A-Za-z0-9_+/=-]{20,}"
)

_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats a line, then takes every secret out of it."""

    secrets: tuple[str, ...] = ()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets, the traceback included."""
        line = super().format(record)
        for secret in self.secrets:
            line = line.replace(secret, "[secret]")
        return _LOOKS_SECRET.sub("[secret]", line)


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
    formatter.secrets = tuple(sorted((s for s in secrets if s), key=len, reverse=True))
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
