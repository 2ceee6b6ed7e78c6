"""Texts that are not read aloud, and why."""

from __future__ import annotations

from core.errors import UserError
from core.locale import count_characters, mark, translate
from core.text.scripts import join_texts

NO_VOICE = mark("The voice reply could not be created.")

#: Longest text of one voice note: about six minutes.
MAX_CHARS = 5000


class TextTooLong(UserError):
    """The text exceeds MAX_CHARS; `start` is the part that fits."""

    user_text = "This text is too long to read aloud: the limit is {limit}."

    def __init__(self, start: str) -> None:
        super().__init__("", limit=count_characters(MAX_CHARS))
        self.start = start


class NothingToSay(UserError):
    """The text has no word that can be spoken."""

    user_text = "There is nothing in this text that can be read aloud."


def describe_no_voice(error: Exception, language: str) -> str:
    """Return what stands below a text that could not be read aloud as well.

    It says why if that concerns the person, such as a budget that is used up.
    """
    note = translate(NO_VOICE, language)
    if not isinstance(error, UserError):
        return note
    return join_texts([note, translate(error.user_text, language, **error.values)])
