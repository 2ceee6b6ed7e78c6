"""Formatting of summaries: points with links to their messages and buttons to play them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from core.locale import Plural, list_counts, mark, translate
from core.models import Button, Link, RememberedMessage, Reply, Span
from core.summaries.points import Kind, Section, Source, Summary
from core.summaries.prompt_input import Talk
from core.text.timestamps import format_timestamp

MAX_BUTTONS = 6
#: Stands for the period in the heading until its times are written.
_PERIOD = "\0"
#: The link to a text message.
ARROW = "↗"

HEAD = mark("{period} · {counts}")
HEADINGS: dict[Kind, str] = {
    "decisions": mark("Decisions"),
    "actions": mark("To do"),
    "questions": mark("Open questions"),
}
EXTRACT = mark("This is an extract selected by rules, because no language model is set up.")
FAILED = mark("These voice messages could not be transcribed:")
CUT = mark("The summary was cut off: it exceeded the length limit.")


@dataclass(frozen=True, slots=True)
class TalkSummary:
    """A summary with its talk."""

    summary: Summary
    talk: Talk
    #: Numbers of the voice notes that could not be transcribed.
    failed: tuple[int, ...] = ()
    is_cut: bool = False


@dataclass(slots=True)
class _Draft:
    """A reply text under construction, with its links."""

    #: Chat of the linked messages, if the reply goes to another one.
    chat_id: str
    text: str = ""
    links: list[Link] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def style(self, text: str, moment: datetime | None = None) -> None:
        """Write bold text, or a time."""
        span = Span(len(self.text), len(self.text) + len(text))
        self.text += text
        if moment:
            span = replace(span, kind="time", at_s=int(moment.timestamp()))
        self.spans.append(span)

    def write(self, text: str) -> None:
        self.text += text

    def link(self, text: str, message: RememberedMessage) -> None:
        start = len(self.text)
        self.text += text
        link = Link(start, len(self.text), message.message_id, message.thread_id, self.chat_id)
        self.links.append(link)


def format_summary(result: TalkSummary, language: str, chat_id: str = "") -> Reply:
    """Return a summary as a reply in `language`.

    chat_id: the chat of the talk, if the reply goes to another one.
    """
    draft = _Draft(chat_id)
    _write_head(draft, result.talk, language)
    for section in result.summary.sections:
        _write_section(draft, section, result.talk, language)
    if result.summary.plain:
        draft.write(f"\n\n{result.summary.plain}")
    _write_notes(draft, result, language)
    return Reply(
        draft.text,
        links=tuple(draft.links),
        spans=tuple(draft.spans),
        buttons=_buttons(result, chat_id),
        aloud=format_speech(result.summary, language),
    )


def format_speech(summary: Summary, language: str) -> str:
    """Return the text of a summary to be read aloud."""
    lines = [summary.plain]
    for section in summary.sections:
        lines += [f"{_heading(section, language)}.", *(point.text for point in section.points)]
    return "\n".join(line for line in lines if line.strip(". "))


def _write_head(draft: _Draft, talk: Talk, language: str) -> None:
    messages = talk.messages
    moments = [message.sent_at.astimezone(talk.zone) for message in messages]
    head = translate(HEAD, language, period=_PERIOD, counts=_describe_counts(talk, language))
    before, _, after = head.partition(_PERIOD)
    draft.write(before)
    _write_period(draft, min(moments), max(moments))
    draft.write(after)


def _describe_counts(talk: Talk, language: str) -> str:
    """Return how many messages, voice messages and people there are: "6 messages, 2 people"."""
    notes = sum(message.attachment is not None for message in talk.messages)
    named = [m for m in talk.messages if not talk.is_anonymous(m)]
    people = len({(m.sender_id, m.sender_name) for m in named})
    messages = len(talk.messages) if notes < len(talk.messages) else 0
    counts = (
        Plural("{count} message", "{count} messages", messages),
        Plural("{count} voice message", "{count} voice messages", notes),
        Plural("{count} person", "{count} people", people),
    )
    return list_counts(counts, language)


def _write_period(draft: _Draft, since: datetime, until: datetime) -> None:
    """Write the moments with what they share only once."""
    start, end = f"{since:%Y-%m-%d %H:%M}", f"{until:%Y-%m-%d %H:%M}"
    draft.style(start, since)
    if start != end:
        draft.write(" – ")
        draft.style(end if since.date() != until.date() else f"{until:%H:%M}", until)


def _heading(section: Section, language: str) -> str:
    if section.kind == "topic":
        return section.title
    return translate(HEADINGS[section.kind], language)


def _write_section(draft: _Draft, section: Section, talk: Talk, language: str) -> None:
    heading = _heading(section, language)
    people = _people(section, talk) if section.kind == "topic" else ""
    draft.write("\n")
    if heading or people:
        draft.write("\n")
    if heading:
        draft.style(heading)
    if people:
        draft.write(f" {people}" if heading else people)
    for point in section.points:
        draft.write(f"\n• {point.text}")
        for source in point.sources:
            if message := talk.find(source.number):
                draft.write(" ")
                draft.link(_link_text(source, talk), message)


def _people(section: Section, talk: Talk) -> str:
    """Return the participants of a topic: those named, and the senders of its sources."""
    found = [talk.find(s.number) for point in section.points for s in point.sources]
    names = dict.fromkeys((*section.people, *(talk.display_name(m) for m in found if m)))
    for message in filter(talk.is_anonymous, talk.messages):
        for name in (talk.name(message), talk.display_name(message)):
            names.pop(name, None)
    return f"({', '.join(names)})" if names else ""


def _link_text(source: Source, talk: Talk) -> str:
    """Return the text of a link: an arrow, or the speaker and the time in the recording."""
    message = talk.find(source.number)
    if message is None or source.second is None:
        return ARROW
    return f"{talk.display_name(message)} {format_timestamp(source.second)}".lstrip()


def _write_notes(draft: _Draft, result: TalkSummary, language: str) -> None:
    if result.failed:
        draft.write(f"\n\n{translate(FAILED, language)}")
        for number in result.failed:
            if message := result.talk.find(number):
                sent_at = message.sent_at.astimezone(result.talk.zone)
                draft.write(" ")
                draft.link(f"{result.talk.display_name(message)} {sent_at:%H:%M}".lstrip(), message)
    if result.is_cut:
        draft.write(f"\n\n{translate(CUT, language)}")
    if result.summary.is_extract:
        draft.write(f"\n\n{translate(EXTRACT, language)}")


def _buttons(result: TalkSummary, chat_id: str) -> tuple[Button, ...]:
    """Return buttons that play the sources of the points."""
    sources = dict.fromkeys(
        source
        for point in result.summary.points
        for source in point.sources
        if source.second is not None
    )
    buttons = []
    for source in list(sources)[:MAX_BUTTONS]:
        if message := result.talk.find(source.number):
            text = f"{message.message_id} {source.second} {chat_id}".strip()
            buttons.append(Button(f"▶ {_link_text(source, result.talk)}", "replay", text))
    return tuple(buttons)


def format_recording(summary: Summary, language: str) -> Reply:
    """Return the summary of one recording as a reply, with timestamps."""
    lines = [summary.plain] if summary.plain else []
    for point in summary.points:
        seconds = ", ".join(format_timestamp(source.second or 0) for source in point.sources)
        lines.append(f"• {point.text}" + (f" ({seconds})" if seconds else ""))
    if summary.is_extract:
        lines += ["", translate(EXTRACT, language)]
    plain = replace(summary, sections=tuple(replace(s, title="") for s in summary.sections))
    return Reply("\n".join(lines), aloud=format_speech(plain, language))
