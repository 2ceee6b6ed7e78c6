"""Whose turn it is: which jobs run next, and how many a person and a chat may have open.

People take turns by the length of their recordings (fair queueing: Demers, Keshav and Shenker,
1989). A job's turn is that of the newest job that runs, or that of its person's last one, whichever
is later, plus its length. So each person who waits gets the same share of the time, short notes
pass long recordings, and somebody who has asked for nothing lately is next, however much others
have asked for.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Integer, Select, bindparam, case, exists, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from core.models import JobState
from core.store.database.dialects import BigInt, Largest, Smallest, Unindexed
from core.store.database.encryption import UtcDateTime
from core.store.database.operator_tables import PAUSED, switches
from core.store.database.queries import IS_OPEN, select_jobs
from core.store.database.tables import jobs

#: Jobs of one person that run at once while somebody waits who has fewer.
SHARE = 4
#: The turn of what neither waits for its chat nor for other jobs of its person.
URGENT = -1
#: Urgent jobs of one person that run at once, whoever waits: else many would leave others no place.
URGENT_SHARE = 1
#: What a job counts for, in seconds of audio: at least what its overhead is worth. More than the
#: most counts as that: a long recording would wait for hundreds of notes.
COST_S = range(10, 301)
#: A recording whose length nobody has told.
UNKNOWN_COST_S = 60

_RUNNING, _OTHER = jobs.alias("running"), jobs.alias("other")
_IS_RUNNING = _RUNNING.c.finished_at.is_(None) & (_RUNNING.c.state == JobState.RUNNING)
_NEWEST = select(func.max(_RUNNING.c.turn)).where(_IS_RUNNING).scalar_subquery()
_LAST = (
    select(func.max(_OTHER.c.turn))
    .where(_OTHER.c.finished_at.is_(None), _OTHER.c.person == bindparam("of_person"))
    .scalar_subquery()
)
_LATEST = Largest(func.coalesce(_NEWEST, 0), func.coalesce(_LAST, 0))


def _add_cost(latest: ColumnElement[int]) -> ColumnElement[int]:
    is_urgent = bindparam("is_urgent", type_=Boolean())
    return case((is_urgent, URGENT), else_=latest + bindparam("cost", type_=Integer()))


#: The turn of a job that is inserted; takes the parameters `of_person`, `cost` and `is_urgent`.
NEXT_TURN = _add_cost(_LATEST)

_OF_CHAT = jobs.alias("of_chat")
_LAST_OF_CHAT = (
    select(func.max(_OF_CHAT.c.turn))
    .where(_OF_CHAT.c.finished_at.is_(None), _OF_CHAT.c.chat_pk == bindparam("in_chat"))
    .scalar_subquery()
)
_NOW_S = bindparam("now_s", type_=BigInt)
#: That where many processes run jobs, whose queue takes turns for what comes first in a chat, too.
#: Turns are not ahead of the clock, `now_s`: for its 32 bits they would grow too fast.
SHARED_TURN = _add_cost(
    Largest(
        Smallest(func.coalesce(_NEWEST, _NOW_S), _NOW_S),
        func.coalesce(_LAST, 0),
        func.coalesce(_LAST_OF_CHAT, 0),
    )
)


#: Commands of operators, and those of messages to people who have asked for nothing.
OF_OPERATORS = (
    *("admin", "notice", "broadcast"),
    *("access_asked", "access_request", "access_denied", "access_approved"),
)
#: Commands that run while all work is paused.
WHILE_PAUSED = (*OF_OPERATORS, "cancel")


#: Since when all work is paused. It is read with the jobs: another process may turn the switch.
PAUSED_AT = select(switches.c.changed_at).where(switches.c.name == PAUSED).scalar_subquery()


def _select_next() -> Select[Any]:
    earlier = jobs.alias("earlier")
    is_blocked = exists().where(
        earlier.c.chat_pk == jobs.c.chat_pk,
        earlier.c.finished_at.is_(None),
        earlier.c.seq < jobs.c.seq,
        ~earlier.c.is_told,
    )
    # A /cancel has taken effect already, and would come too late after the others.
    is_urgent = jobs.c.turn == URGENT
    is_alike = (_RUNNING.c.turn == URGENT) == is_urgent
    held: ColumnElement[int] = (
        select(func.count())
        .where(_IS_RUNNING, _RUNNING.c.person == jobs.c.person, is_alike)
        .correlate(jobs)
        .scalar_subquery()
    )
    share = case((is_urgent, URGENT_SHARE), else_=bindparam("share", type_=BigInt))
    is_due = Unindexed(jobs.c.run_at) <= bindparam("now", type_=UtcDateTime())
    is_next = (is_urgent | ~is_blocked) & (held < share)
    # What has only to be delivered goes on while all work is paused.
    may_run = PAUSED_AT.is_(None) | jobs.c.reply.is_not(None) | jobs.c.command.in_(WHILE_PAUSED)
    return (
        select_jobs()
        .add_columns(held.label("held"))
        .where(IS_OPEN, jobs.c.state == JobState.WAITING, is_due, is_next, may_run)
        .order_by(jobs.c.turn, jobs.c.seq)
        .limit(bindparam("most"))
    )


# Built once: building them costs more than running them, and every job waits for them.
NEXT = _select_next()
BEGIN = (
    update(jobs)
    .where(jobs.c.seq == bindparam("next_seq"))
    .values(state=JobState.RUNNING, attempts=jobs.c.attempts + 1)
)
