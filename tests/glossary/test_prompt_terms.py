"""Terms in the prompt of a transcription."""

from __future__ import annotations

import pytest

from core.glossary.apply import apply
from core.glossary.prompt_terms import find_corrections, list_terms

pytestmark = pytest.mark.finding(28)


@pytest.mark.parametrize(
    ("prompt", "terms"),
    [
        ("Kowalski, Hearsay; Szczecin", ["Kowalski", "Hearsay", "Szczecin"]),
        ("Glossary: Kowalski, Zbigniew Nowak.", ["Kowalski", "Zbigniew Nowak"]),
        ("名字：张伟、王芳", ["张伟", "王芳"]),
        ("Kowalski", ["Kowalski"]),
        # What Home Assistant sends, and other sentences.
        (
            "The following conversation is a smart home user talking to Home Assistant.",
            ["Home Assistant"],
        ),
        ("We met Ada Lovelace in Paris. Then it rained.", ["Ada Lovelace", "Paris"]),
        ("please transcribe everything that is said, word for word and with punctuation", []),
        ("", []),
    ],
)
def test_terms_are_found(prompt: str, terms: list[str]) -> None:
    assert list_terms(prompt) == terms


@pytest.mark.parametrize(
    ("text", "prompt", "corrected"),
    [
        ("Call Mister Kovalsky today.", "Kowalski", "Call Mister Kowalski today."),
        ("Open here say and wait.", "Hearsay", "Open here say and wait."),
        ("The doctor is Smyth.", "Smith, Jones", "The doctor is Smith."),
        # Similar, but another word: nobody looks at these corrections.
        ("She is married to him.", "Marie", "She is married to him."),
        ("Turn on some assistance lights.", "Home Assistant", "Turn on some assistance lights."),
        ("Kowalski and Kovalsky met.", "Kowalski", "Kowalski and Kowalski met."),
    ],
)
def test_only_what_sounds_the_same_is_corrected(text: str, prompt: str, corrected: str) -> None:
    assert apply(text, find_corrections(text, list_terms(prompt))) == corrected


def test_a_huge_prompt_is_bounded() -> None:
    assert len(list_terms(", ".join(f"Name{number}" for number in range(100_000)))) <= 20
