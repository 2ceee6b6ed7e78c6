"""Answers without a model: the passages that fit a question, or that a talk is about."""

from __future__ import annotations

import asyncio

from core.engines.offline.extracts import extract
from core.engines.offline.role import CONCURRENCY, OfflineRole
from core.interfaces import AnswererLimits, OnText
from core.models import Answer, Question, Usage

#: Passages are read one by one, so that no number of them is too many.
_NO_LIMIT = 1_000_000_000


class OfflineAnswerer(OfflineRole):
    """Quotes passages; it cannot translate and takes no recordings."""

    model = "extracts"
    limits = AnswererLimits(concurrency=CONCURRENCY, context_tokens=_NO_LIMIT, can_translate=False)

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        """Return the passages that answer. Raises AnswererMissing, NothingFound."""
        text = await asyncio.to_thread(extract, question)
        return Answer(text, is_extract=True, usage=Usage(self.name, self.model))
