"""How far a long recording or text is, or a call that waits, and how people are told so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.limits.budget_texts import Share
from core.locale import mark, translate
from core.safety import disable_links
from core.text.timestamps import format_timestamp

#: What takes longer by our estimate shows how far it is, from the beginning.
SHOWN_OVER_S = 30.0
#: How much of the newest text is shown: nobody reads more of it live.
_TAIL_CHARS = 1500

SO_FAR = mark("{done} of {total}")
SECONDS_LEFT = mark("about {count} s left")
MINUTES_LEFT = mark("about {count} min left")
HELD_BACK = mark("waiting for the AI service")
PLACE = mark("place {place} in the queue")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is transcribed, a text is read aloud, or a call waits."""

    #: The text so far.
    text: str = ""
    done_s: float = 0.0
    #: Its length, None unless it takes long. 0: it has no length, or none that is known.
    total_s: float | None = None
    #: Expected time to its end, None if nothing is known yet.
    left_s: float | None = None
    #: The account's limit, or a pause of the engine, holds back the next call.
    is_held_back: bool = False
    #: Its place in the queue of the service, 1 once its first part was let through.
    place: int = 1
    #: What it takes of a budget, None if that is not limited or not known yet.
    share: Share | None = None
    #: The lengths are estimates of speech that is being made, so only the percent is shown.
    is_estimate: bool = False


OnProgress = Callable[[Progress], None]


def describe(progress: Progress, language: str, *, is_private: bool = True) -> str:
    """Return the newest text, with links disabled, and below it how far the recording is.

    is_private: False for a group, in which nobody is interested in the queue and the budget.
    """
    if not is_private:
        progress = replace(progress, place=1, share=None)
    text = progress.text
    if len(text) > _TAIL_CHARS:
        text = "…" + text[-_TAIL_CHARS:]
    return f"{disable_links(text)}\n\n{describe_state(progress, language)}".strip()


def describe_state(progress: Progress, language: str) -> str:
    """Return, for example, "40% · 12:00 of 30:00 · about 2 min left".

    Without a length that is "place 3 in the queue · about 2 min left · waiting for the AI service".
    """
    total_s, left_s = progress.total_s or 0.0, progress.left_s
    clocks = {"done": format_timestamp(progress.done_s), "total": format_timestamp(total_s)}
    share = progress.done_s / total_s if total_s else 0.0
    facts = [f"{int(100 * share)}%"] if total_s else []
    if total_s and not progress.is_estimate:
        facts.append(translate(SO_FAR, language, **clocks))
    if progress.place > 1:
        facts.append(translate(PLACE, language, place=progress.place))
    if left_s is not None and share < 1:
        # In steps of ten seconds: nobody expects it to the second.
        tens, minutes = 10 * max(1, round(left_s / 10)), round(left_s / 60)
        left = translate(SECONDS_LEFT, language, count=tens)
        facts.append(left if tens <= 90 else translate(MINUTES_LEFT, language, count=minutes))
    if progress.share and (use := progress.share.describe(language)):
        facts.append(use)
    if progress.is_held_back or not facts:
        facts.append(translate(HELD_BACK, language))
    return " · ".join(facts)
