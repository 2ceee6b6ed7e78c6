"""Answers without a model: the best passages by a fixed rule.

Questions: Okapi BM25. Summaries: LexRank (Erkan and Radev, 2004), and maximal marginal relevance
(Carbonell and Goldstein, 1998) to avoid repetition.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.engines.offline.role import CONCURRENCY, OfflineRole
from core.engines.offline.terms import count_terms
from core.errors import AnswererMissing, NothingFound
from core.interfaces import AnswererLimits, OnText
from core.models import Answer, Passage, Question, Usage
from core.text.split import split_speech

#: Longer passages are split into sentences.
_PIECE_CHARS = 280
#: Passages per answer, and the least score of each relative to the best.
_ANSWERS, _WORST_SHARE = 3, 0.35
#: BM25: saturation of repeated terms, and normalization by length.
_K1, _B = 1.5, 0.5
#: LexRank compares all pairs: of more pieces than these only the richest take part, the same
#: number from every stretch of the talk.
_MAX_RANKED, _STRETCHES = 300, 20
_DAMPING, _ROUNDS, _STEADY = 0.85, 30, 0.001
#: Weight of the rank in the choice; the rest is novelty.
_RANK_SHARE = 0.7
_FEWEST_LINES, _MOST_LINES = 3, 12
#: A piece with fewer terms ranks lower.
_FULL_TERMS = 5

#: Passages are read one by one, so that no number of them is too many.
_NO_LIMIT = 1_000_000_000

Vector = dict[str, float]


class OfflineAnswerer(OfflineRole):
    """Quotes passages; it cannot translate and takes no recordings."""

    model = "extracts"
    limits = AnswererLimits(
        concurrency=CONCURRENCY,
        is_slow=True,
        is_own=True,
        context_tokens=_NO_LIMIT,
        can_translate=False,
    )

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """Return the passages that answer. Raises AnswererMissing, NothingFound."""
        text = await asyncio.to_thread(extract, question)
        return Answer(text, is_extract=True, usage=Usage(self.name, self.model))


@dataclass(frozen=True, slots=True)
class _Piece:
    mark: str
    text: str
    terms: Counter[str]


def extract(question: Question) -> str:
    """Return the passages that serve `question`, one per line: "- text [label]".

    An answer has the best first, a summary keeps their order. Raises AnswererMissing for tasks
    that need a model, NothingFound.
    """
    if question.task == "translate" or not question.passages:
        raise AnswererMissing(f"the offline engine cannot {question.task} this")
    pieces = _split(question.passages)
    wanted = count_terms(question.words) if question.task == "answer" else Counter()
    chosen = _find(pieces, wanted) if wanted and pieces else _pick_central(pieces)
    if not chosen:
        raise NothingFound("no passage has a word of the question")
    return "\n".join(f"- {piece.text} [{piece.mark}]" for piece in chosen)


def _split(passages: Iterable[Passage]) -> list[_Piece]:
    """Return the passages in pieces short enough to be quoted, each with its label."""
    pieces = []
    for passage in passages:
        text = " ".join(passage.text.split())
        parts = [text]
        if len(text) > _PIECE_CHARS:
            parts = split_speech(text, _PIECE_CHARS, first_max_chars=_PIECE_CHARS)
        pieces += [_Piece(passage.label, part, count_terms(part)) for part in parts if part]
    return pieces


def _weigh_terms(pieces: Sequence[_Piece]) -> Vector:
    """Return the inverse document frequency of each term."""
    counts = Counter(term for piece in pieces for term in piece.terms)
    total = len(pieces)
    return {t: math.log(1 + (total - n + 0.5) / (n + 0.5)) for t, n in counts.items()}


def _find(pieces: Sequence[_Piece], wanted: Counter[str]) -> list[_Piece]:
    """Return the pieces that match the terms in `wanted` best, the best first."""
    weights = _weigh_terms(pieces)
    mean = sum(piece.terms.total() for piece in pieces) / len(pieces) or 1.0
    scores = [_score(piece.terms, wanted, weights, mean) for piece in pieces]
    order = sorted(range(len(pieces)), key=lambda n: -scores[n])
    least = max(scores[order[0]] * _WORST_SHARE, 1e-9)
    found: dict[str, _Piece] = {}
    for number in order:
        if scores[number] < least or len(found) == _ANSWERS:
            break
        found.setdefault(pieces[number].text, pieces[number])
    return list(found.values())


def _score(terms: Counter[str], wanted: Counter[str], weights: Vector, mean: float) -> float:
    saturation = _K1 * (1 - _B + _B * terms.total() / mean)
    return sum(
        weights[term] * times * terms[term] * (_K1 + 1) / (terms[term] + saturation)
        for term, times in wanted.items()
        if term in terms
    )


def _pick_central(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Return the most central pieces in their order."""
    count = min(_MOST_LINES, max(_FEWEST_LINES, round(math.sqrt(len(pieces)) / 2)))
    if len(pieces) <= count:
        return list(pieces)
    weights = _weigh_terms(pieces)
    ranked = _preselect(pieces, weights)
    vectors = [_make_vector(piece.terms, weights) for piece in ranked]
    similarity = _compare(vectors)
    ranks = _rank(similarity)
    for number, piece in enumerate(ranked):
        ranks[number] *= min(1.0, len(piece.terms) / _FULL_TERMS)
    return [ranked[number] for number in sorted(_choose(ranks, similarity, count))]


def _preselect(pieces: Sequence[_Piece], weights: Vector) -> list[_Piece]:
    """Return at most _MAX_RANKED pieces: the most typical ones of each stretch."""
    if len(pieces) <= _MAX_RANKED:
        return list(pieces)
    size = math.ceil(len(pieces) / _STRETCHES)
    chosen: list[_Piece] = []
    for start in range(0, len(pieces), size):
        stretch = pieces[start : start + size]
        counts = Counter(term for piece in stretch for term in piece.terms)
        scores = [
            sum(weights[t] * (counts[t] - 1) for t in piece.terms)
            / (_FULL_TERMS + len(piece.terms))
            for piece in stretch
        ]
        best = sorted(range(len(stretch)), key=lambda n, s=scores: -s[n])  # type: ignore[misc]
        chosen += [stretch[n] for n in sorted(best[: _MAX_RANKED // _STRETCHES])]
    return chosen


def _make_vector(terms: Counter[str], weights: Vector) -> Vector:
    vector = {term: times * weights[term] for term, times in terms.items()}
    length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {term: value / length for term, value in vector.items()}


def _compare(vectors: Sequence[Vector]) -> list[dict[int, float]]:
    """Return for each vector the cosine similarity to those that share a term with it."""
    holders: dict[str, list[tuple[int, float]]] = defaultdict(list)
    similarity: list[dict[int, float]] = [{} for _ in vectors]
    for number, vector in enumerate(vectors):
        mine = similarity[number]
        for term, value in vector.items():
            for other, weight in holders[term]:
                mine[other] = mine.get(other, 0.0) + value * weight
            holders[term].append((number, value))
    for number, mine in enumerate(similarity):
        for other, cosine in mine.items():
            if other < number:
                similarity[other][number] = cosine
    return similarity


def _rank(similarity: Sequence[dict[int, float]]) -> list[float]:
    """Return how central each piece is, 1 for the most central, by power iteration."""
    sums = [sum(row.values()) for row in similarity]
    ranks = [1.0] * len(similarity)
    for _ in range(_ROUNDS):
        shares = [rank / whole if whole else 0.0 for rank, whole in zip(ranks, sums, strict=True)]
        sums_of_shares = [sum(c * shares[n] for n, c in row.items()) for row in similarity]
        before, ranks = ranks, [1 - _DAMPING + _DAMPING * share for share in sums_of_shares]
        if all(abs(new - old) < _STEADY for new, old in zip(ranks, before, strict=True)):
            break
    highest = max(ranks)
    return [rank / highest for rank in ranks]


def _choose(ranks: Sequence[float], similarity: Sequence[dict[int, float]], count: int) -> set[int]:
    """Return the indexes of `count` pieces that rank high and do not repeat each other."""
    chosen: set[int] = set()
    repeats = [0.0] * len(ranks)
    while len(chosen) < count:
        left = (n for n in range(len(ranks)) if n not in chosen)
        best = max(left, key=lambda n: _RANK_SHARE * ranks[n] - (1 - _RANK_SHARE) * repeats[n])
        chosen.add(best)
        for other, cosine in similarity[best].items():
            repeats[other] = max(repeats[other], cosine)
    return chosen
