"""Names and terms in the prompt of a transcription, and what was misheard in their place. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.glossary.corrections import MAX_CHARS
from core.glossary.fuzzy_match import find_misheard
from core.models import Correction

#: Each term is compared with all words of a transcript.
_MAX_TERMS = 20
#: Of a longer prompt the end counts, as in Whisper.
_MAX_PROMPT_CHARS = 2000
#: Nobody looks at these corrections, so the words must sound the same.
_LEAST_SIMILARITY = 0.84
_SEPARATORS = re.compile(r"[,;\n、，；|•]+")
#: "Names: …" introduces a list.
_TITLE = re.compile(r"^[^:：]{1,40}[:：]\s*")
_EDGES = " \t.!?。！？\"'“”„()[]"
_MAX_WORDS = 3
#: Words in capitals within a sentence, which are names.
_NAMES = re.compile(r"(?<=[^\s.!?:] )(?:[A-ZÀ-ÖØ-Þ][\w’'-]+)(?: [A-ZÀ-ÖØ-Þ][\w’'-]+){0,2}")


def list_terms(prompt: str) -> list[str]:
    """Return the terms in a prompt: the items of a list, or the names in sentences."""
    prompt = prompt[-_MAX_PROMPT_CHARS:]
    items = [item.strip(_EDGES) for item in _SEPARATORS.split(_TITLE.sub("", prompt))]
    is_list = all(len(item.split()) <= _MAX_WORDS and len(item) <= MAX_CHARS for item in items)
    found = items if is_list else [name.strip(_EDGES) for name in _NAMES.findall(prompt)]
    terms = [term for term in dict.fromkeys(found) if len(term) > 1]
    return terms[:_MAX_TERMS]


def find_corrections(text: str, terms: Sequence[str]) -> tuple[Correction, ...]:
    """Return what to correct in a transcript so that it has the terms that were meant."""
    pairs = [(find_misheard(text, term, least=_LEAST_SIMILARITY), term) for term in terms]
    return tuple(Correction(heard, term) for heard, term in pairs if heard)
