"""Tests that set up the log of the program leave it as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import stamina
import structlog


@contextmanager
def keep_logging() -> Iterator[None]:
    """Undo at the end what `set_up_logs` sets for the whole process.

    Loggers of modules that are first used meanwhile keep the set-up for good, unless
    `structlog.configure(cache_logger_on_first_use=False)` follows it.
    """
    handlers, level = logging.root.handlers, logging.root.level
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
    stamina.instrumentation.set_on_retry_hooks(None)
