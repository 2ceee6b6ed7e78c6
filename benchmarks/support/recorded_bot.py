"""`hearsay run` with a record of its database work: statements, transactions, processor time.

python -m benchmarks.support.recorded_bot REPORT   # pickles a list of Turn when it is stopped
"""

from __future__ import annotations

import copyreg
import pickle
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from bots.cli import main as hearsay
from core.store.database.connections import Readers, Writer


@dataclass
class Turn:
    """One call to a thread of the database."""

    began_s: float
    #: Transactions that were committed together, 0 for a look.
    transactions: int
    cpu_s: float = 0.0
    #: SQL, parameters, and whether these are many.
    statements: list[tuple[str, Any, bool]] = field(default_factory=list)


turns: list[Turn] = []
#: The turn of this thread.
current = threading.local()


def record(method: Callable[..., Any], count: Callable[[Any], int]) -> Callable[..., Any]:
    """Return a method that records each of its calls, which run in a thread of their own."""

    def recorded(self: Any, work: Any) -> Any:
        current.turn = Turn(time.monotonic(), count(work))
        turns.append(current.turn)
        began_s = time.thread_time()
        try:
            return method(self, work)
        finally:
            current.turn.cpu_s = time.thread_time() - began_s

    return recorded


def add_statement(_: Any, _cursor: Any, statement: str, values: Any, *more: Any) -> None:
    if hasattr(current, "turn"):
        current.turn.statements.append((statement, values, more[-1]))


def watch() -> None:
    Writer._commit = record(Writer._commit, len)  # type: ignore[method-assign]
    Readers._read = record(Readers._read, lambda work: 0)  # type: ignore[method-assign]
    event.listen(Engine, "before_cursor_execute", add_statement)


def as_bytes(view: memoryview) -> tuple[type[bytes], tuple[bytes]]:
    return bytes, (bytes(view),)


def main(report: Path) -> None:
    watch()
    sys.argv[1:] = ["run"]
    try:
        hearsay()
    finally:
        copyreg.pickle(memoryview, as_bytes)  # type: ignore[arg-type]
        report.write_bytes(pickle.dumps(turns))


if __name__ == "__main__":
    # Pickled classes must not belong to `__main__`.
    from benchmarks.support import recorded_bot

    recorded_bot.main(Path(sys.argv[1]))
