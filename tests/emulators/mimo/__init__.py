"""A local MiMo: as strict as its documents, and able to fail in every way that is known.

    async with MimoServer() as mimo:
        mimo.add_fault("429_seconds", times=2)
        ...  # MIMO_BASE_URL=mimo.base_url, MIMO_API_KEY=mimo.key
        assert len(mimo.billed) == 1

As a process of its own: `python -m tests.emulators.mimo --port 0`; `control` steers it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from tests.emulators.local_server import AsgiServer
from tests.emulators.mimo.answering import Script
from tests.emulators.mimo.app import make_app
from tests.emulators.mimo.chat_contract import ChatRequest
from tests.emulators.mimo.faults import Fault
from tests.emulators.mimo.world import RecordedRequest, Rules, World

__all__ = ["ChatRequest", "Fault", "MimoServer", "RecordedRequest", "Rules"]


class MimoServer(AsgiServer):
    """The server in a thread of this process."""

    def __init__(self, rules: Rules | None = None, *, port: int = 0) -> None:
        self._world = World(rules=rules or Rules())
        super().__init__(make_app(self._world), port=port)

    @property
    def key(self) -> str:
        return self._world.rules.key

    @property
    def rules(self) -> Rules:
        return self._world.rules

    @property
    def requests(self) -> list[RecordedRequest]:
        """The ledger: every call to the model, in order; those to /models are left out."""
        return [
            recorded
            for recorded in list(self._world.requests)
            if recorded.path.endswith("/completions")
        ]

    @property
    def all_requests(self) -> list[RecordedRequest]:
        return list(self._world.requests)

    @property
    def billed(self) -> list[RecordedRequest]:
        return [recorded for recorded in self.requests if recorded.is_billed]

    @property
    def max_concurrent(self) -> int:
        """The most calls that were under way at once."""
        return self._world.max_concurrent

    def add_fault(
        self, kind: str, *, times: int | None = 1, share: float = 1.0, value: float = 3.0
    ) -> None:
        """Let `kind` befall the next `times` calls (None: all), or a share of them."""
        self._world.plan.faults.append(Fault(kind, times, share, value))

    def clear_faults(self) -> None:
        self._world.plan.faults.clear()

    def reset(self) -> None:
        """Be as new, on the same port."""
        self._world.reset()

    def set_text(self, recording: bytes, text: str) -> None:
        """Let this very sound say `text`."""
        self._world.texts[hashlib.sha256(recording).hexdigest()] = text

    def set_url(self, url: str, recording: bytes) -> None:
        """Let the service find `recording` at this address."""
        self._world.urls[url] = recording

    def add_answer(
        self,
        answer: str | Callable[[ChatRequest], str],
        *,
        pattern: str = "",
        reasoning: str = "Let me see.",
    ) -> None:
        """Let questions that hold `pattern` be answered so.

        pattern: a regular expression, looked for in the last text of the user. What was added
        first is taken first. Questions that fit nothing are answered by rule: a talk or recording
        in lines with its summary, everything else with what was heard.
        """
        self._world.scripts.append(Script(answer, pattern, reasoning))
