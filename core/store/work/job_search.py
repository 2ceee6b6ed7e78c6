"""Search in what a person has said and was answered, over all of the person's chats."""

from __future__ import annotations

from sqlalchemy import or_

from core.models import Chat, Job
from core.store.database.queries import Database, read_job, select_jobs
from core.store.database.tables import chats, jobs
from core.store.talk.search import Search

#: Jobs that are decrypted at once: other work goes on in between.
_BATCH = 50


class JobSearch:
    """The query behind the search box of the web chat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, person: Chat, words: str, limit: int) -> list[Job]:
        """Return the jobs whose message, transcript or reply has all the words, newest first.

        person: the first chat; the others have its id and a "-" in front.
        """
        search, found, last_seq = Search(words), list[Job](), None
        is_theirs = or_(
            chats.c.chat_id == person.chat_id,
            chats.c.chat_id.startswith(f"{person.chat_id}-", autoescape=True),
        )
        is_here = (chats.c.platform == person.platform) & (chats.c.bot_id == person.bot_id)
        # An edited transcript is found where it is shown.
        is_here &= jobs.c.command != "fix"
        query = select_jobs().where(is_here, is_theirs).order_by(jobs.c.seq.desc()).limit(_BATCH)
        while search.words and len(found) < limit:
            page = query if last_seq is None else query.where(jobs.c.seq < last_seq)
            rows = await self._database.rows(page)
            if not rows:
                break
            now, last_seq = self._database.now(), rows[-1].seq
            found += [job for job in (read_job(row, now) for row in rows) if _has(job, search)]
        return found[:limit]


def _has(job: Job, search: Search) -> bool:
    reply = job.reply
    return search.matches_text(
        "\n".join([job.message.text, *([reply.quote, reply.text] if reply else [])])
    )
