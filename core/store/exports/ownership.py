"""Whose words a message, a recording or a reply has, for /export: other people's are left out."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select

from core.models import FORM_TOKEN, Chat, Message, QuotedMessage, RecordingReference
from core.store.database.queries import Database
from core.store.database.tables import jobs, messages
from core.store.talk.forgotten import parent_of, recordings_about

#: The command that nobody sends. Other notices in a private chat may be about other people.
_DIGEST = "digest_due"
#: Commands whose replies in private are about other people.
_OPERATORS = frozenset({"admin", "access_request"})
#: Commands that list what everybody in a group has made, if nothing is typed behind them.
_LISTS = frozenset({"glossary", "voice", "digest"})
_PARENT = (
    select(jobs.c.job_id, jobs.c.command, jobs.c.reply, messages.c.content)
    .join(messages, messages.c.message_pk == jobs.c.message_pk)
    .where(jobs.c.job_id == bindparam("of_job"))
)


class Ownership:
    """What is one person's own on one platform. Rows: of jobs, with their messages."""

    def __init__(self, database: Database, person_id: str, own_chats: Container[Chat]) -> None:
        """own_chats: the private chats of the person, as far as known."""
        self._database = database
        self._person_id, self._own_chats = person_id, own_chats
        #: Job -> whether its reply is own.
        self._known: dict[str, bool] = {}

    def is_sender(self, message: Message) -> bool:
        """Return whether the person sent a message, or it is a digest for them alone."""
        is_digest = message.command == _DIGEST and message.chat in self._own_chats
        return is_digest or message.sender_id == self._person_id

    def speaks(self, one: Message | QuotedMessage | RecordingReference) -> bool:
        """Return whether the words of a message are the person's."""
        # Some platforms withhold whom a forward is from.
        is_unknown = isinstance(one, Message) and one.forwarded_from and not one.origin_id
        return not is_unknown and (one.origin_id or one.sender_id) == self._person_id

    def wrote(self, message: Message) -> bool:
        """Return whether the text and the recording of a message may be shown to the person.

        A private chat is the person's own, with what was forwarded to it.
        """
        return self.is_sender(message) and (message.is_private or self.speaks(message))

    def typed(self, message: Message) -> str:
        """Return the text that the person wrote: buttons bring a text of their own."""
        is_press = message.button and not _is_form(message)
        return message.text if self.wrote(message) and not is_press else ""

    def quoted(self, message: Message) -> Iterable[Message | QuotedMessage]:
        """Return what has words of the person in a message.

        That is the message itself only if somebody else has sent it: a forward.
        """
        subjects = (*(() if self.is_sender(message) else (message,)), message.reply_to)
        return [one for one in subjects if one and self.speaks(one)]

    def spoken(self, message: Message) -> Message | QuotedMessage | None:
        """Return the recording that is transcribed for a message if it is the person's own."""
        if message.attachment:
            return message if self.wrote(message) or self.speaks(message) else None
        quoted = message.reply_to
        return quoted if quoted and quoted.attachment and self.speaks(quoted) else None

    async def owns_reply(self, row: Any) -> bool:
        """Return whether a reply draws on nothing that other people wrote, said or asked."""
        chain, is_own = list[str](), None
        while is_own is None:
            chain.append(row.job_id)
            is_own, row = await self._judge(row)
        self._known |= dict.fromkeys(chain, is_own)
        return is_own

    async def _judge(self, row: Any) -> tuple[bool | None, Any]:
        """Return whether a reply is own; None with the row of the reply that decides it."""
        if row.job_id in self._known:
            return self._known[row.job_id], row
        if self._draws_on_others(row):
            return False, row
        message: Message = row.content
        parent = parent_of(replace(message, button="") if _is_form(message) else message)
        if not parent:
            return True, row
        found = await self._database.rows(_PARENT, {"of_job": parent})
        if found and found[0].content:
            return None, found[0]
        # Whose it was is not known any more.
        return message.is_private, row

    def _draws_on_others(self, row: Any) -> bool:
        message: Message = row.content
        people = set(row.reply.people) if row.reply else set()
        if people - {self._person_id} or row.command in _OPERATORS:
            return True
        if message.is_private:
            return not self.is_sender(message)
        if row.command in _LISTS and not message.text:
            return True
        subjects = [message, *recordings_about(row)]
        return not all(map(self._is_own_or_nobodys, subjects))

    def _is_own_or_nobodys(self, one: Message | QuotedMessage | RecordingReference) -> bool:
        """Return whether it is the person's, or a reply of ours, or nothing at all."""
        is_ours = isinstance(one, QuotedMessage) and (one.job_id or not one.message_id)
        return bool(is_ours) or self.speaks(one)


def _is_form(message: Message) -> bool:
    """Return whether a message is a submitted form, whose text a person has typed."""
    return message.button.startswith(FORM_TOKEN)
