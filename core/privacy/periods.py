"""How long everything is kept: the one table behind the purge, /privacy and docs/privacy.md.

Every table of the database is named here, and a test fails if one is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from core.locale import Plural, mark, translate

#: Ended jobs with everything that belongs to them, dead letters too, and paid results.
REQUESTS_KEPT = timedelta(days=30)
#: Recordings that only we have: how long people can ask about them.
RECORDINGS_KEPT = timedelta(days=7)
#: The archives that /export has made: there is no need to keep everything twice.
EXPORTS_KEPT = timedelta(days=1)
#: Texts forwarded in private, and forwarded recordings as part of what /summary summarizes.
FORWARDS_KEPT = timedelta(days=1)
#: What forms are about, which Discord lets people leave open.
FORMS_KEPT = timedelta(days=1)
#: Settings of chats and people, counted from the last message.
SETTINGS_KEPT = timedelta(days=365)
#: The same where there is nothing but the id, or the chat is gone.
UNUSED_KEPT = timedelta(days=30)
#: Longest history of a chat, and so how long it matters up to when somebody has read it.
LONGEST_HISTORY = timedelta(days=365)
#: How long a code can be used, and the period in which attempts are counted.
CODES_KEPT = timedelta(minutes=10)
#: How much was used on a day counts for its month, and the operator looks back at the one before.
USE_KEPT = timedelta(days=62)
#: The operator compares a month with that of the year before.
COSTS_KEPT = timedelta(days=400)
#: A probe is repeated daily while its model is used.
PROBES_KEPT = timedelta(days=90)
#: What operators have done.
AUDIT_KEPT = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Period:
    """How long one kind of data is kept."""

    #: The tables of the database that hold it.
    tables: tuple[str, ...]
    #: What it is, as people read it; of what is nobody's, as the document says it.
    what: str
    #: None = it is not deleted by age.
    kept_for: timedelta | None
    #: From when that counts, or why it is not deleted by age; as people read it.
    since: str = ""
    #: False if it is nobody's: /privacy leaves it out.
    is_personal: bool = True
    #: The column with the moment from which the age counts, for tables whose rows are simply
    #: deleted; empty where the rule is code in `core.store.operations.retention`.
    column: str = ""

    def describe(self, language: str) -> str:
        """Return how long it is kept, in `language`: "30 days after the reply"."""
        words = [self._count(language), translate(self.since, language)]
        return translate("{time} {since}", language, time=words[0], since=words[1]).strip()

    def _count(self, language: str) -> str:
        if self.kept_for is None:
            return ""
        days, minutes = self.kept_for.days, int(self.kept_for.total_seconds()) // 60
        if days:
            return translate(Plural("{count} day", "{count} days", days), language)
        return translate(Plural("{count} minute", "{count} minutes", minutes), language)


_REPLY = mark("after the reply")
_LAST_USE = mark("after the last message")

PERIODS = (
    Period(
        ("messages", "jobs", "deliveries", "buttons", "uses"),
        mark("Requests and replies"), REQUESTS_KEPT, _REPLY,
    ),
    Period(("jobs", "objects"), mark("The files of an /export"), EXPORTS_KEPT, _REPLY),
    Period(
        ("transcripts", "answers", "sounds"),
        mark("Transcripts, answers and speech"), REQUESTS_KEPT, mark("after they were made"),
        column="created_at",
    ),
    Period(
        ("blobs", "blob_pieces", "objects"),
        mark("Recordings uploaded to the web page (30 days if the request failed)"),
        RECORDINGS_KEPT, _REPLY,
    ),
    Period(
        ("messages",),
        mark("What an open form is about"), FORMS_KEPT, mark("after it was opened"),
    ),
    Period(
        ("remembered", "messages", "jobs"), mark("Texts forwarded in private"), FORWARDS_KEPT,
    ),
    Period(
        ("remembered", "messages", "jobs", "transcripts"),
        mark("History, after /remember on"), None, mark("as many days as was announced"),
    ),
    Period(
        ("readers",), mark("Up to when you have read"), LONGEST_HISTORY,
        mark("after the last summary"), column="read_at",
    ),
    Period(
        ("newcomers",), mark("Who was told that there is a history"), SETTINGS_KEPT,
        mark("after joining"), column="joined_at",
    ),
    Period(
        ("chats", "watermarks", "schedules", "voices"),
        mark("Shared settings, glossary, digests and voices"), SETTINGS_KEPT, _LAST_USE,
    ),
    Period(
        ("people", "voices", "objects"),
        mark("Your settings, links and own voices"), SETTINGS_KEPT, _LAST_USE,
    ),
    Period(
        ("chats", "people"), mark("Ids without any of that"), UNUSED_KEPT,
        _LAST_USE,
    ),
    Period(
        ("people",), mark("Your opt-out"), None, mark("until you opt in again"),
    ),
    Period(("link_codes",), mark("Codes for /link"), CODES_KEPT),
    Period(("link_tries",), mark("Attempts to use such a code"), CODES_KEPT, column="tried_at"),
    Period(
        ("admissions",), mark("Your question whether you may use this bot"), REQUESTS_KEPT,
        mark("after you asked, or until the operator decides"),
    ),
    Period(
        ("admissions",), mark("What the operator has decided about you"), None,
        mark("until the operator takes it back"),
    ),
    Period(
        ("audit",), mark("What the operator has done, with your id if it was about you"),
        AUDIT_KEPT, column="done_at",
    ),
    Period(
        ("switches",), "Whether all work is paused", None, "until it goes on", is_personal=False,
    ),
    Period(
        ("leases",), "Which process does what only one at a time may", None,
        "until another one does it", is_personal=False,
    ),
    Period(
        ("budget_holds", "engine_slots", "paid_calls"), "Which process makes which calls", None,
        "until the call ends, or the process does", is_personal=False,
    ),
    Period(
        ("engine_pauses", "rate_uses"), "How many calls of the last minute there were", None,
        "2 minutes, while the program runs", is_personal=False,
    ),
    Period(
        ("budget_uses",), mark("How much you have used on each day, without your id"), USE_KEPT,
        column="day",
    ),
    Period(
        ("budgets",), mark("A budget of your own, without your id"), None,
        mark("until the operator takes it away"),
    ),
    Period(
        ("usage",), "Cost of each model in each hour", COSTS_KEPT, is_personal=False,
        column="hour_at",
    ),
    Period(
        ("probes",), "Tests of the models, and open incidents", PROBES_KEPT,
        is_personal=False, column="checked_at",
    ),
    Period(
        ("index_key", "retired_keys"), "The key of hashed ids, and ids of former keys", None,
        "as long as the database exists", is_personal=False,
    ),
    Period(
        ("alembic_version",), "Version of the database", None,
        "as long as the database exists", is_personal=False,
    ),
)  # fmt: skip
#: How what people wrote or said is stored.
ENCRYPTION = "AES-256-GCM"


def build_table() -> str:
    """Return the table of docs/privacy.md in Markdown."""
    rows = (
        f"| {one.what} | {one.describe('')} | {', '.join(f'`{name}`' for name in one.tables)} |"
        for one in PERIODS
    )
    return "\n".join(["| What | How long | Tables |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(build_table())
