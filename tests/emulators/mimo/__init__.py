"""A local MiMo API server for tests: as strict as its documentation, with every known fault.

    async with MimoServer() as mimo:
        mimo.add_fault("429_seconds", times=2)
        ...  # MIMO_BASE_URL=mimo.base_url, MIMO_API_KEY=mimo.key
        assert len(mimo.billed) == 1

As a process: `python -m tests.emulators.mimo --port 0`, with a control API at `control`.
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
    """The local MiMo server."""

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
        """All requests to /chat/completions, oldest first."""
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
        """The highest number of concurrent requests so far."""
        return self._world.max_concurrent

    def add_fault(
        self, kind: str, *, times: int | None = 1, share: float = 1.0, value: float = 3.0
    ) -> None:
        """Apply a fault to the next `times` requests (None: all), or to a share of them."""
        self._world.plan.faults.append(Fault(kind, times, share, value))

    def clear_faults(self) -> None:
        self._world.plan.faults.clear()

    def reset(self) -> None:
        """Restore the initial state, on the same port."""
        self._world.reset()

    def set_text(self, recording: bytes | str, text: str) -> None:
        """Set the transcript of exactly this recording, given as it is or by its SHA-256."""
        if isinstance(recording, bytes):
            recording = hashlib.sha256(recording).hexdigest()
        self._world.texts[recording] = text

    def set_url(self, url: str, recording: bytes) -> None:
        """Serve a recording at a URL that requests may refer to."""
        self._world.urls[url] = recording

    def add_answer(
        self,
        answer: str | Callable[[ChatRequest], str],
        *,
        pattern: str = "",
        reasoning: str = "Let me see.",
    ) -> None:
        """Set the answer to questions that match `pattern`; the first match wins.

        pattern: a regular expression, searched in the last text of the user. Without a match, the
        lines of a conversation or recording are summarised, and everything else is answered with
        a description of the input.
        """
        self._world.scripts.append(Script(answer, pattern, reasoning))
