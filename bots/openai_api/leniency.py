"""What a request may contain beyond what is supported: ignored with a warning, or refused.

Programs written for OpenAI send parameters and model names that this server does not know, and
most of them can do without. With `API_LENIENT=false` all of that is refused.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bots.openai_api.errors import refuse

#: So many ignored parameters are named.
_MAX_NAMES = 8
_MAX_CHARS = 160
#: What a quoted string in a header may not contain; people's words are not repeated either.
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:/\[\] ,'-]")


@dataclass(slots=True)
class Leniency:
    """What was ignored of one request."""

    is_on: bool = False
    #: Whether there is anything to warn of.
    has_ignored: bool = False
    _ignored: set[str] = field(default_factory=set)
    _notes: list[str] = field(default_factory=list)

    def ignore(self, names: Iterable[str]) -> None:
        """Add parameters that were ignored; a few are remembered."""
        room = _MAX_NAMES - len(self._ignored)
        self.has_ignored = True
        self._ignored.update(heapq.nsmallest(room, names) if room > 0 else ())

    def note(self, text: str) -> None:
        """Add a sentence about what was done instead of a refusal."""
        self.has_ignored = True
        self._notes.append(text)

    def drop(self, text: str, param: str) -> None:
        """Ignore a parameter that the engine does not support.

        text: why it is refused otherwise. Raises ApiError without leniency.
        """
        if not self.is_on:
            raise refuse(text, param)
        self.ignore([param])

    def build_headers(self) -> dict[str, str]:
        """Return the header `Warning` of the response, none if nothing was ignored.

        299 is the code of persistent warnings (RFC 7234, section 5.5.7).
        """
        names = ", ".join(_clean(name) for name in sorted(self._ignored))
        texts = [*([f"ignored: {names}"] if names else []), *map(_clean, self._notes)]
        warning = ", ".join(f'299 hearsay "{text}"' for text in texts)
        return {"Warning": warning} if warning else {}


def _clean(text: str) -> str:
    return _UNSAFE.sub("?", text)[:_MAX_CHARS]
