"""A summary as people see it: points with links to where they were said, seconds to be played."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from core.locale import mark, translate
from core.models import Button, Link, RememberedMessage, Reply
from core.summaries.points import Kind, Section, Source, Summary
from core.summaries.prompt_input import Talk
from core.text.timestamps import format_timestamp

MAX_BUTTONS = 6
#: What stands behind a point that was written.
ARROW = "↗"

HEAD = mark("{since} – {until} · messages: {messages} · voice notes: {notes} · people: {people}")
HEADINGS: dict[Kind, str] = {
    "decisions": mark("Decisions"),
    "actions": mark("To do"),
    "questions": mark("Open questions"),
}
EXTRACT = mark("An extract, picked by a rule: no engine that understands is set up.")
UNHEARD = mark("I could not hear these voice notes:")
CUT = mark("The summary was too long for the service: its end is missing.")


@dataclass(frozen=True, slots=True)
class ToldSummary:
    """A summary and the talk that it is of."""

    summary: Summary
    talk: Talk
    #: Numbers of the voice notes that could not be heard.
    unheard: tuple[int, ...] = ()
    is_cut: bool = False


@dataclass(slots=True)
class _Page:
    """A text that is being written, and its links."""

    #: Set where the links lead to another chat than the reply goes to.
    chat_id: str
    text: str = ""
    links: list[Link] = field(default_factory=list)

    def write(self, text: str) -> None:
        self.text += text

    def link(self, text: str, message: RememberedMessage) -> None:
        start = len(self.text)
        self.text += text
        place = Link(start, len(self.text), message.message_id, message.thread_id, self.chat_id)
        self.links.append(place)


def show_summary(told: ToldSummary, language: str, chat_id: str = "") -> Reply:
    """Return the reply that shows a summary to a reader of `language`.

    chat_id: the talk's chat where the reply goes to another one.
    """
    page = _Page(chat_id)
    page.write(_head(told.talk, language))
    for section in told.summary.sections:
        _write_section(page, section, told.talk, language)
    if told.summary.plain:
        page.write(f"\n\n{told.summary.plain}")
    _write_notes(page, told, language)
    return Reply(
        page.text,
        links=tuple(page.links),
        buttons=_buttons(told, chat_id),
        aloud=write_aloud(told.summary, language),
    )


def write_aloud(summary: Summary, language: str) -> str:
    """Return what of a summary is said aloud."""
    lines = [summary.plain]
    for section in summary.sections:
        lines += [f"{_heading(section, language)}.", *(point.text for point in section.points)]
    return "\n".join(line for line in lines if line.strip(". "))


def _head(talk: Talk, language: str) -> str:
    messages = talk.messages
    moments = [message.sent_at.astimezone(talk.zone) for message in messages]
    return translate(
        HEAD,
        language,
        since=_moment(min(moments)),
        until=_moment(max(moments)),
        messages=len(messages),
        notes=sum(message.attachment is not None for message in messages),
        people=len({(m.sender_id, m.sender_name) for m in messages}),
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _heading(section: Section, language: str) -> str:
    if section.kind == "topic":
        return section.title
    return translate(HEADINGS[section.kind], language)


def _write_section(page: _Page, section: Section, talk: Talk, language: str) -> None:
    heading = _heading(section, language)
    people = _people(section, talk) if section.kind == "topic" else ""
    page.write("\n")
    if heading or people:
        page.write("\n" + " ".join(filter(None, (heading, people))))
    for point in section.points:
        page.write(f"\n• {point.text}")
        for source in point.sources:
            if message := talk.find(source.number):
                page.write(" ")
                page.link(_name(source, talk), message)


def _people(section: Section, talk: Talk) -> str:
    """Return who took part in a topic: those the summary names, and those it rests on."""
    found = [talk.find(s.number) for point in section.points for s in point.sources]
    names = dict.fromkeys((*section.people, *(talk.shown(m) for m in found if m)))
    return f"({', '.join(names)})" if names else ""


def _name(source: Source, talk: Talk) -> str:
    """Return the words of a link: an arrow, or who said it and when in the recording."""
    message = talk.find(source.number)
    if message is None or source.second is None:
        return ARROW
    return f"{talk.shown(message)} {format_timestamp(source.second)}"


def _write_notes(page: _Page, told: ToldSummary, language: str) -> None:
    if told.unheard:
        page.write(f"\n\n{translate(UNHEARD, language)}")
        for number in told.unheard:
            if message := told.talk.find(number):
                sent_at = message.sent_at.astimezone(told.talk.zone)
                page.write(" ")
                page.link(f"{told.talk.shown(message)} {sent_at:%H:%M}", message)
    if told.is_cut:
        page.write(f"\n\n{translate(CUT, language)}")
    if told.summary.is_extract:
        page.write(f"\n\n{translate(EXTRACT, language)}")


def _buttons(told: ToldSummary, chat_id: str) -> tuple[Button, ...]:
    """Return what plays the seconds that points rest on."""
    sources = dict.fromkeys(
        source
        for point in told.summary.points
        for source in point.sources
        if source.second is not None
    )
    buttons = []
    for source in list(sources)[:MAX_BUTTONS]:
        if message := told.talk.find(source.number):
            text = f"{message.message_id} {source.second} {chat_id}".strip()
            buttons.append(Button(f"▶ {_name(source, told.talk)}", "replay", text))
    return tuple(buttons)


def show_recording(summary: Summary, language: str) -> Reply:
    """Return the reply that shows the summary of one recording, with the seconds in words."""
    lines = [summary.plain] if summary.plain else []
    for point in summary.points:
        seconds = ", ".join(format_timestamp(source.second or 0) for source in point.sources)
        lines.append(f"• {point.text}" + (f" ({seconds})" if seconds else ""))
    if summary.is_extract:
        lines += ["", translate(EXTRACT, language)]
    plain = replace(summary, sections=tuple(replace(s, title="") for s in summary.sections))
    return Reply("\n".join(lines), aloud=write_aloud(plain, language))
