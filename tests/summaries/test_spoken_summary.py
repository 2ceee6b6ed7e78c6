from __future__ import annotations

from datetime import UTC, datetime

from core.models import RememberedMessage, Voice
from core.summaries.points import Point, Section, Summary
from core.summaries.prompt import SummaryTask
from core.summaries.prompt_input import Talk
from core.summaries.spoken_summary import (
    HOST,
    ScriptLine,
    assign_voices,
    build_script_question,
    extract_script,
    parse_script,
    shorten_script,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAMES = ("Anna", "Ben", "小红")
VOICES = (
    Voice("白桦", "白桦", "zh"), Voice("茉莉", "茉莉", "zh"), Voice("苏打", "苏打", "zh"),
    Voice("Mia", "Mia", "en"), Voice("Dean", "Dean", "en-GB"), Voice("Milo", "Milo", "en"),
)  # fmt: skip


def make_talk(*people: tuple[str, str]) -> Talk:
    return Talk([RememberedMessage(str(n), START, *person) for n, person in enumerate(people)])


def test_lines_are_parsed_by_speaker() -> None:
    text = (
        "HOST: It was about the budget.\n"
        "**Anna:** I asked for two more weeks. [#3 0:12]\n"
        "- Ben (worried): I said that the money is running out.\n"
        "小红：我也这么想。\n"
        "Nobody: This person was not there.\n"
        "And a line without a speaker.\n\n"
    )
    assert parse_script(text, NAMES) == [
        ScriptLine(HOST, "It was about the budget."),
        ScriptLine("Anna", "I asked for two more weeks."),
        ScriptLine("Ben", "I said that the money is running out.", "worried"),
        ScriptLine("小红", "我也这么想。"),
        ScriptLine(HOST, "Nobody: This person was not there."),
        ScriptLine(HOST, "And a line without a speaker."),
    ]


def test_an_extract_is_spoken_by_its_authors() -> None:
    points = (Point("Anna: I book the hall."), Point("The hall is free."))
    summary = Summary((Section("topic", points=points),), is_extract=True)
    assert extract_script(summary, NAMES) == [
        ScriptLine("Anna", "I book the hall."),
        ScriptLine(HOST, "The hall is free."),
    ]
    assert extract_script(Summary(plain="Nothing much."), NAMES) == [
        ScriptLine(HOST, "Nothing much.")
    ]


def test_scripts_are_shortened_to_the_time() -> None:
    lines = [ScriptLine(HOST, "x" * 130)] * 10
    assert len(shorten_script(lines, 60)) == 6
    assert len(shorten_script([ScriptLine(HOST, "汉" * 130)] * 10, 60)) == 2
    assert len(shorten_script([ScriptLine(HOST, "x" * 9000)], 60)) == 1


def test_everybody_keeps_their_voice() -> None:
    talk = make_talk(("1", "Anna"), ("2", "Ben"), ("3", "小红"))
    cast = assign_voices(talk, VOICES, "en-US")
    assert cast[HOST] == "Mia"
    assert {cast[name] for name in NAMES} <= {"Dean", "Milo"}
    # Whoever else speaks, and in whatever order, changes nothing.
    other = assign_voices(make_talk(("9", "Eve"), ("2", "Ben"), ("1", "Anna")), VOICES, "en")
    assert (other["Anna"], other["Ben"]) == (cast["Anna"], cast["Ben"])
    # A new name is the same person.
    assert assign_voices(make_talk(("1", "Annie")), VOICES, "en")["Annie"] == cast["Anna"]
    assert assign_voices(talk, VOICES, "zh")[HOST] == "白桦"
    assert assign_voices(talk, VOICES[:1], "de")["Anna"] == "白桦"
    assert assign_voices(talk, (), "en") == {}


def test_forwarded_people_are_distinguished() -> None:
    people = [("1", f"Name {number}") for number in range(20)]
    cast = assign_voices(make_talk(*people), VOICES, "en")
    assert {cast[name] for _, name in people} == {"Dean", "Milo"}


def test_the_question_names_who_may_speak() -> None:
    summary = Summary((Section("topic", "Hall", ("Anna",), (Point("Anna\u2060: go."),)),))
    question = build_script_question(
        summary, NAMES, SummaryTask(START.date(), "Chinese", "short"), 60
    )
    assert (
        "HOST, Anna, Ben, 小红" in question.instructions and "60 seconds" in question.instructions
    )
    assert "Write in Chinese" in question.instructions
    assert question.turns[0].text == "<data>\n## Hall (Anna)\n- Anna: go.\n</data>"
