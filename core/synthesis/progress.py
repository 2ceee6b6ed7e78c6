"""Progress of a long text: how much of it is synthesized, and when the rest is expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from core.clock import Clock
from core.limits import AccountGate
from core.text.scripts import EAST_ASIAN
from core.transcription.progress import OnProgress, Progress
from core.transcription.reports import JointReport

#: Letters spoken per second; a Chinese character takes as long as three.
_LETTERS_PER_S = 13
_EAST_ASIAN = re.compile(f"[{EAST_ASIAN}]")
#: Of its expected length, a passage has no more before it is done.
_MOST = 0.95
#: Takes the audio of a passage as it comes, then None.
Put = Callable[[bytes | None], None]


def estimate_s(text: str) -> float:
    """Return about how long it takes to speak `text`."""
    return (len(text) + 2 * len(_EAST_ASIAN.findall(text))) / _LETTERS_PER_S


class SpeechReport(JointReport):
    """The progress of the passages of one text, which are synthesized side by side."""

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

        lengths_s = {str(n): estimate_s(text) for n, text in enumerate(texts)}
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
