"""What Discord shows of what may be put into a field. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from discord.app_commands import Choice

from bots.discord_bot.text import clean_line
from core.models import Suggestion

#: Discord takes so many, of so many characters.
MAX_CHOICES = 25
MAX_CHARS = 100


def pick_choices(suggestions: Iterable[Suggestion], typed: str) -> list[Choice[str]]:
    """Return what fits what was typed: first what begins with it, then what holds it."""
    wanted = typed.strip().casefold()
    ranked = [(_rank(one, wanted), one) for one in suggestions if _is_possible(one)]
    fitting = [(rank, one) for rank, one in ranked if rank is not None]
    fitting.sort(key=lambda pair: pair[0])
    return [_build(one) for _, one in fitting[:MAX_CHOICES]]


def _is_possible(suggestion: Suggestion) -> bool:
    # A value is taken as it is: cut, it would be another one.
    return 1 <= len(suggestion.value) <= MAX_CHARS


def _rank(suggestion: Suggestion, wanted: str) -> int | None:
    words = [suggestion.label.casefold(), suggestion.value.casefold()]
    if any(word.startswith(wanted) for word in words):
        return 0
    return 1 if any(wanted in word for word in words) else None


def _build(suggestion: Suggestion) -> Choice[str]:
    label = clean_line(suggestion.label) or suggestion.value
    return Choice(name=label[:MAX_CHARS], value=suggestion.value)
