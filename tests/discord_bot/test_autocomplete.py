"""Autocomplete choices."""

from __future__ import annotations

from bots.discord_bot.interactions.receiving import pick_choices
from core.models import Suggestion


def shown(suggestions: list[Suggestion], typed: str) -> list[tuple[str, str]]:
    return [(choice.name, choice.value) for choice in pick_choices(suggestions, typed)]


VOICES = [Suggestion("kept:1", "Grandma"), Suggestion("Mia", "Mia · English"), Suggestion("Max")]


def test_choices_with_the_typed_prefix_come_first() -> None:
    assert shown(VOICES, "") == [("Grandma", "kept:1"), ("Mia · English", "Mia"), ("Max", "Max")]
    assert shown(VOICES, "MA") == [("Max", "Max"), ("Grandma", "kept:1")]
    assert shown(VOICES, "zzz") == []


def test_at_most_25_choices_of_at_most_100_characters() -> None:
    many = [Suggestion(f"v{n}", "x" * 200) for n in range(100)]
    found = shown(many, "")
    assert len(found) == 25 and {len(name) for name, _ in found} == {100}
    assert shown([Suggestion("x" * 101), Suggestion("")], "") == []  # a value is never cut
    assert shown([Suggestion("kept:1", "a\u202eb\nc")], "") == [("ab c", "kept:1")]
