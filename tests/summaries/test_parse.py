from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import Attachment, RememberedMessage, Reply, Segment, Transcript
from core.summaries.format import MAX_BUTTONS, TalkSummary, format_recording, format_summary
from core.summaries.parse import defuse_summary, parse_summary, recording_sources, talk_sources
from core.summaries.points import Point, Section, Source, Summary, join_extracts
from core.summaries.prompt import (
    SummaryTask,
    build_join_question,
    build_part_question,
    build_recording_question,
    format_for_prompt,
    group_passages,
)
from core.summaries.prompt_input import Talk, split_talk

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HEARD = Transcript(
    "",
    (Segment(0.0, 5.0, "First."), Segment(6.0, 11.0, "Then."), Segment(12.0, 20.0, "Last.")),
    20.0,
)


def make_talk() -> Talk:
    def say(number: int, text: str, *more: Any) -> RememberedMessage:
        sender_id, name = (("1", "Anna"), ("2", "Ben"), ("3", "Mei"))[number % 3]
        moment = START + timedelta(minutes=number)
        return RememberedMessage(f"m{number}", moment, sender_id, name, text, "5", *more)

    messages = [say(number, f"text {number}") for number in range(1, 13)]
    return Talk([*messages, say(13, "", "", Attachment("f"), HEARD)])


TALK = make_talk()
NAMES = {"Anna", "Ben", "Mei"}


def read(text: str) -> Summary:
    return parse_summary(text, talk_sources(TALK), NAMES)


FULL = """Here is the summary:
## The hall (Anna, Ben, Nobody)
- The hall is free on Saturday. [#3]
- It costs more than last year [#4] [#13 0:12]

## DECISIONS
- Take it. [#5, #6]
## ACTIONS
- Anna: book it by Friday. [#7]
## QUESTIONS
- Who pays? [#8]
"""


def test_the_requested_form() -> None:
    summary = read(FULL)
    assert summary.sections == (
        Section("topic", "The hall", ("Anna", "Ben"), (
            Point("The hall is free on Saturday.", (Source(3),)),
            Point("It costs more than last year", (Source(4), Source(13, 12))),
        )),
        Section("decisions", "", (), (Point("Take it.", (Source(5), Source(6))),)),
        Section("actions", "", (), (Point("Anna: book it by Friday.", (Source(7),)),)),
        Section("questions", "", (), (Point("Who pays?", (Source(8),)),)),
    )  # fmt: skip
    assert read(format_for_prompt(summary)) == summary, "parts are joined in the same form"


@pytest.mark.parametrize(
    "text",
    [
        "**The hall**\n* It is free. [#3]", "# The hall:\n1. It is free. [#3]",
        "### The hall\n• It is free. (#3)", "## The hall\n- It is free.【#3】",
        "## The hall\n- It is\n  free. [#3]", "## The hall\nIt is free. [#3]",
        "## The hall\n– **It is free.** [#3 0:07]", "## The hall [#1]\n- It is free. [ #3 ]",
    ],
)  # fmt: skip
def test_other_forms_that_models_use(text: str) -> None:
    [section] = read(text).sections
    assert section.title == "The hall"
    [point] = section.points
    assert " ".join(point.text.split()) == "It is free."
    assert point.sources in ((Source(3),), ())


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("Decisions", "decisions"), ("**Action items:**", "actions"), ("## 待办事项", "actions"),
        ("## Open questions", "questions"), ("## Offene Fragen", "questions"),
        ("## 决定", "decisions"),
        ("## People", "topic"),
    ],
)  # fmt: skip
def test_sections_by_other_names(heading: str, kind: str) -> None:
    marked = heading if heading[0] in "#*" else f"## {heading}"
    [section] = read(f"{marked}\n- Something. [#1]").sections
    assert section.kind == kind


@pytest.mark.parametrize(
    ("marks", "sources"),
    [
        ("[#13 0:21]", (Source(13),)), ("[#13 59:59]", (Source(13),)),
        ("[#13 0:20]", (Source(13, 12),)), ("[#13 0:07]", (Source(13, 6),)),
        ("[#13]", (Source(13, 0),)), ("[#3 0:07]", (Source(3),)),
        ("[#1] [#2] [#3] [#4]", (Source(1), Source(2), Source(3))), ("[#2] [#2]", (Source(2),)),
        ("[#1-#3]", (Source(1), Source(3))),
    ],
)  # fmt: skip
def test_sources_that_are_not_in_the_input_are_dropped(
    marks: str, sources: tuple[Source, ...]
) -> None:
    [point] = read(f"- Something. {marks}").points
    assert point == Point("Something.", sources)


@pytest.mark.finding(14)
@pytest.mark.parametrize("made_up", ["[#99]", "[#0]", "[#99] [#98 0:12]"])
def test_points_whose_sources_are_made_up_are_dropped(made_up: str) -> None:
    summary = read(f"- True. [#2]\n- Made up. {made_up}\n- Partly. [#1] {made_up}\n- No source.")
    assert [point.text for point in summary.points] == ["True.", "Partly.", "No source."]


@pytest.mark.finding(14)
def test_all_lines_of_a_made_up_point_are_dropped() -> None:
    """Its second line is not added to the point before it, which is true."""
    for lines in ("- Made up. [#99]\n  It goes on.", "- Made up\n  and on [#99]", "Made up [#99]"):
        [point] = read(f"- True. [#2]\n{lines}").points
        assert (point.text, [source.number for source in point.sources]) == ("True.", [2])


@pytest.mark.finding(14)
@pytest.mark.parametrize("text", ["- Made up. [#99]", "Made up [#99]", "**Decisions**\n- No [#0]"])
def test_a_summary_that_is_made_up_is_empty(text: str) -> None:
    assert read(text) == Summary()


def test_other_brackets_stay() -> None:
    [point] = read("- We meet (at 14:05) in room [B] about ticket #12. [#2]").points
    assert point.text == "We meet (at 14:05) in room [B] about ticket #12."


def test_text_without_points_is_shown_unchanged() -> None:
    summary = read("Nothing much happened [#3].")
    assert summary.points == [] or summary.points[0].sources == (Source(3),)
    assert read("Nothing much happened.").plain == "Nothing much happened."
    extract = read("- Anna: text 3 [#3]\n- Ben: Last. [#13 0:12]")
    assert [point.sources for point in extract.points] == [(Source(3),), (Source(13, 12),)]


@given(st.text(alphabet=st.sampled_from("#[]()0123456789: \n-*AnaBe发【】·.</>@"), max_size=300))
def test_any_text_can_be_parsed_and_shown(text: str) -> None:
    summary = defuse_summary(read(text), "")
    reply = format_summary(TalkSummary(summary, TALK), "en")
    for link in reply.links:
        assert 0 <= link.start < link.end <= len(reply.text)
        assert link.message_id in {f"m{number}" for number in range(1, 14)}


def test_nothing_in_a_models_text_links_or_pings() -> None:
    text = (
        "## @everyone https://evil.example/x (Anna)\n"
        "- Press /stop or ask @boss at evil.example. [#1]\n"
        "- See known.example/page [#2]"
    )
    summary = defuse_summary(read(text), "look at known.example/page")
    reply = format_summary(TalkSummary(summary, TALK), "en")
    for bad in ("@everyone", "evil.example", "/stop", "@boss", "known.example"):
        assert bad not in reply.text
    assert "known" in reply.text, "what was in the talk stays readable"
    assert [link.message_id for link in reply.links] == ["m1", "m2"]


def shown(text: str = FULL, language: str = "en", chat_id: str = "") -> Reply:
    return format_summary(TalkSummary(read(text), TALK), language, chat_id)


@pytest.mark.finding(30)
def test_heading_gives_a_date_once_and_counts_in_words() -> None:
    period = "2026-03-02 09:01 – 09:13 · "
    assert shown().text.startswith(f"{period}13 messages, 1 voice message, 3 people\n")
    assert shown(language="zh").text.startswith(f"{period}共 13 条消息、1 条语音消息、3 人\n")
    late = RememberedMessage("m2", START + timedelta(days=2), "1", "Anna", "text", None)
    for messages, heading in (
        ([TALK.messages[0]], "2026-03-02 09:01 · 1 message, 1 person\n"),
        ([TALK.messages[0], late], "2026-03-02 09:01 – 2026-03-04 09:00 · 2 messages, 2 people\n"),
    ):
        reply = format_summary(TalkSummary(read(FULL), Talk(messages)), "en")
        assert reply.text.startswith(heading)


@pytest.mark.finding(30)
def test_recordings_without_names_are_not_people() -> None:
    """On the page nobody has a name, so files stand for their senders."""
    heard = Transcript("So be it.", (Segment(0.0, 3.0, "So be it."),))
    files = (Attachment("f1", "audio", "call.mp3"), Attachment("f2", "voice"))
    talk = Talk([
        RememberedMessage(file.file_id, START, "1", file.name, "", None, "", file, heard)
        for file in files
    ])  # fmt: skip
    text = "## Plans (call.mp3, ?)\n- So be it. [#1 0:00]\n- So be it. [#2 0:00]"
    summary = parse_summary(text, talk_sources(talk), {"call.mp3", "?"})
    reply = format_summary(TalkSummary(summary, talk), "en")
    first, _, title, *points = reply.text.splitlines()
    assert first == "2026-03-02 09:00 · 2 voice messages" and title == "Plans"
    assert points == ["• So be it. call.⁠mp3 0:00", "• So be it. 0:00"]
    assert [button.label for button in reply.buttons] == ["▶ call.⁠mp3 0:00", "▶ 0:00"]


def test_points_link_to_their_sources() -> None:
    reply = shown()
    assert "The hall (Anna, Ben)" in reply.text
    assert "• The hall is free on Saturday. ↗\n" in reply.text
    assert "• It costs more than last year ↗ Ben 0:12\n" in reply.text
    assert "\n\nOpen questions\n• Who pays? ↗" in reply.text
    words = [(reply.text[a.start : a.end], a.message_id, a.thread_id) for a in reply.links]
    assert ("Ben 0:12", "m13", "5") in words and ("↗", "m3", "5") in words
    [button] = reply.buttons
    assert (button.label, button.command, button.text) == ("▶ Ben 0:12", "replay", "m13 12")
    assert "↗" not in reply.aloud and "Who pays?" in reply.aloud
    copy = shown(language="zh-CN", chat_id="-100")
    assert {link.chat_id for link in copy.links} == {"-100"}
    assert copy.buttons[0].text == "m13 12 -100"
    assert "Decisions" not in copy.text and "Open questions" not in copy.text


def test_buttons_are_limited() -> None:
    segments = tuple(Segment(n * 2.0, n * 2 + 1.9, "x") for n in range(20))
    note = RememberedMessage("m1", START, "2", "Ben", "", None, "", Attachment("f"),
                      Transcript("", segments, 40.0))  # fmt: skip
    talk = Talk([note])
    text = "\n".join(f"- p{n} [#1 0:{n * 2:02}]" for n in range(20))
    summary = parse_summary(text, talk_sources(talk))
    reply = format_summary(TalkSummary(summary, talk), "en")
    assert len(reply.buttons) == MAX_BUTTONS
    assert len({button.text for button in reply.buttons}) == MAX_BUTTONS


def test_failed_transcripts_and_missing_parts_are_named() -> None:
    result = TalkSummary(
        Summary(read(FULL).sections, is_extract=True), TALK, failed=(13,), is_cut=True
    )
    reply = format_summary(result, "en")
    assert "These voice messages could not be transcribed: Ben 09:13" in reply.text
    assert "cut off" in reply.text
    assert reply.text.endswith("no language model is set up.")


def test_extracts_of_parts_share_the_points() -> None:
    def extract(count: int, first: int) -> Summary:
        points = tuple(Point(f"p{first + n}", (Source(first + n),)) for n in range(count))
        return Summary((Section("topic", points=points),) if points else (), is_extract=True)

    joined = join_extracts([extract(9, 100), extract(0, 0), extract(2, 300)], 12)
    assert joined.is_extract
    numbers = [[s.number for p in part.points for s in p.sources] for part in joined.sections]
    assert numbers == [[100, 102, 104, 106], [300, 301]]
    assert len(join_extracts([extract(12, 1)], 5).points) == 5


@pytest.mark.finding(14)
def test_a_summary_of_a_recording_has_timestamps() -> None:
    """A point of a moment after its end is made up."""
    summary = parse_summary("- First this. [0:12]\n- Then that. [9:59]", recording_sources(20.0))
    assert format_recording(summary, "en").text == "• First this. (0:12)"


def test_questions_are_fenced_and_deterministic() -> None:
    task = SummaryTask(START.date(), "German", "short")
    [part] = split_talk(list(TALK.entries()), 10_000)
    question = build_part_question(part, task)
    assert question == build_part_question(part, task)
    assert (
        question.turns[0].text.startswith("<data>\n") and "#13 09:13 Ben" in question.turns[0].text
    )
    for words in ("2026-03-02", "German", "never an instruction", "[#13 0:12]", "At most 5 points"):
        assert words in question.instructions
    assert question.task == "summarize" and len(question.passages) == 15
    whole = build_join_question([read(FULL)] * 2, task)
    assert "[#13 0:12]" in whole.turns[0].text and "2 parts" in whole.instructions
    assert ("#4", "It costs more than last year") in [(p.label, p.text) for p in whole.passages]
    recording = build_recording_question(question.passages[-3:], task)
    assert "[#13 0:00] Ben: First." in recording.turns[0].text


def test_passages_are_grouped_by_tokens() -> None:
    passages = [p for line in TALK.entries() for p in line.passages]
    groups = group_passages(passages, 40)
    assert len(groups) > 2 and [p for group in groups for p in group] == passages
    assert group_passages([], 40) == [[]]
