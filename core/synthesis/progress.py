"""Progress of a long text: how much of it is synthesized, and when the rest is expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.clock import Clock
from core.limits import AccountGate
from core.text.tokens import count_tokens
from core.transcription.progress import JointReport, OnProgress, Progress

#: Fourteen letters a second, or five Chinese characters.
_S_PER_TOKEN = 0.21
#: Of its expected length, a passage has no more before it is done.
_MOST = 0.95
#: Takes the audio of a passage as it comes, then None.
Put = Callable[[bytes | None], None]


class SpeechReport(JointReport):
    """The progress of the passages of one text, which are synthesized side by side.

    Short texts have none.
    """

    def __init__(
        self,
        on_progress: OnProgress,
        texts: Sequence[str],
        rate_hz: int,
        gate: AccountGate,
        clock: Clock,
    ) -> None:
        def show(progress: Progress) -> None:
            on_progress(replace(progress, is_estimate=True))

        lengths_s = {str(n): _S_PER_TOKEN * count_tokens(text) for n, text in enumerate(texts)}
        super().__init__(show, lengths_s, gate, clock)
        self._rate_hz = rate_hz

    def watch(self, number: int, put: Put) -> Put:
        """Return `put`, so that the audio of a passage that is put is reported."""
        received_bytes, most_s = 0, _MOST * self._lengths_s[str(number)]

        def watched(pcm: bytes | None) -> None:
            nonlocal received_bytes
            put(pcm)
            received_bytes += len(pcm or b"")
            done_s = min(most_s, received_bytes / 2 / self._rate_hz)
            self.note(str(number), Progress(done_s=done_s))

        return watched
