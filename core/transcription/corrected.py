"""Marks in a transcript that people read: what was corrected in it, and that it was edited."""

from __future__ import annotations

from dataclasses import replace

from core.locale import mark, translate
from core.models import Reply, Span, Transcript
from core.safety import disable_links

CORRECTED = mark("Corrected: {corrections}")
EDITED = mark("Edited by hand.")

#: More marks would hide the text, and a longer list would be longer than many transcripts.
_MAX_MARKS, _MAX_LISTED = 50, 5


def show_corrections(reply: Reply, transcript: Transcript, language: str) -> Reply:
    """Return the reply with the marks and the note of the transcript that it quotes.

    language: that of the note. The quote itself stays as it is: it is searched, read aloud,
    copied and corrected again.
    """
    if transcript.edited_from:
        return _show(reply, (), translate(EDITED, language))
    words = transcript.corrected
    marks = tuple(Span(one.start, one.end, "corrected") for one in words[:_MAX_MARKS])
    pairs = dict.fromkeys((one.heard, transcript.text[one.start : one.end]) for one in words)
    listed = [f"{heard} → {meant}" for heard, meant in [*pairs][:_MAX_LISTED]]
    listed += ["…"] * (len(pairs) > _MAX_LISTED)
    corrections = disable_links(translate(", ", language).join(listed))
    note = translate(CORRECTED, language, corrections=corrections) if pairs else ""
    return _show(reply, marks, note)


def _show(reply: Reply, marks: tuple[Span, ...], note: str) -> Reply:
    """Return the reply with these marks and this note, in place of those that it had."""
    text = reply.text.removesuffix(reply.note).rstrip("\n")
    return replace(reply, text="\n".join(filter(None, (text, note))), marks=marks, note=note)
