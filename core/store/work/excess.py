"""How many jobs one person and one chat may have open, and the answer to more.

What comes beyond that is committed as refused. Only the first of it is answered: a reply to each
would be as much work again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, select

from core.locale import Plural, mark, translate
from core.models import JobState, Message, Reply
from core.store.database.encryption import UtcDateTime
from core.store.database.tables import jobs
from core.store.work.turns import URGENT

#: Telegram forwards a hundred messages at once.
MAX_OF_PERSON = 100
#: A chat has several people.
MAX_IN_CHAT = 200
#: One answer stands for everything that is refused so soon after it.
_ANSWER_AGE = timedelta(minutes=5)
#: What such a job has as its error.
ERROR = "TooManyOpen"

TOO_MANY = mark(
    "I am still working on {requests} of yours and take no more until some of them are done. "
    "This one is refused, and so is what you send until then."
)
TOO_MANY_HERE = mark(
    "I am still working on {requests} of this chat and take no more until some of them are "
    "done. This one is refused, and so is what is sent here until then."
)


def _count_open(condition: ColumnElement[bool]) -> ColumnElement[int]:
    is_open = jobs.c.finished_at.is_(None)
    return select(func.count()).select_from(jobs).where(is_open, condition).scalar_subquery()


#: Columns with the numbers of open jobs; take the parameters `of_person` and `of_chat`.
OPEN_COUNTS = (
    _count_open(jobs.c.person == bindparam("of_person")).label("of_person"),
    _count_open(jobs.c.chat_pk == bindparam("of_chat")).label("in_chat"),
)
_IS_THEIRS = (jobs.c.person == bindparam("of_person")) & (jobs.c.error == ERROR)
_IS_ANSWERED = select(
    exists().where(_IS_THEIRS, jobs.c.finished_at.is_(None)),
    exists().where(
        _IS_THEIRS,
        jobs.c.finished_at > bindparam("since", type_=UtcDateTime()),
        jobs.c.turn == URGENT,
    ),
)


def refuse(
    connection: Connection,
    message: Message,
    counts: Any,
    job: Mapping[str, Any],
    *,
    is_silent: bool,
) -> dict[str, Any]:
    """Return what is different in the job of a refused message: it has ended, unless it answers.

    A message that waits for a response of its own, as a slash command does, always gets one.
    counts: a row of OPEN_COUNTS. is_silent: nobody has asked for the job.
    """
    now, text, most = job["created_at"], TOO_MANY_HERE, MAX_IN_CHAT
    if counts.of_person >= MAX_OF_PERSON:
        text, most = TOO_MANY, MAX_OF_PERSON
    requests = Plural("{count} request", "{count} requests", most)
    reply = Reply(translate(text, message.language, requests=requests))
    refused = {"outcome": JobState.REFUSED, "error": ERROR, "reply": reply}
    key = {"of_person": job["person"], "since": now - _ANSWER_AGE}
    if not is_silent and (
        message.reply_token or not any(connection.execute(_IS_ANSWERED, key).one())
    ):
        return {**refused, "is_urgent": True}
    return {**refused, "state": JobState.REFUSED, "finished_at": now}
