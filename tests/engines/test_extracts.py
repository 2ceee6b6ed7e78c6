"""Extracts from transcripts of real recordings, among unrelated text, and from a talk."""

from __future__ import annotations

import random
import re

import pytest

from core.engines.offline.answerer import extract
from core.engines.offline.terms import count_terms, stem
from core.errors import AnswererMissing, EngineRefused, NothingFound
from core.models import Passage, Question
from tests.support.group_week import CLIPS
from tests.support.paths import ROOT

#: Text that has nothing to do with the recordings, and does not change.
PARAGRAPHS = [p for p in re.split(r"\n\s*\n", (ROOT / "LICENSE").read_text()) if p.strip()]
#: Question, and the recording whose words answer it.
QUESTIONS = (
    ("What should the Americans not ask?", "jfk"), ("What was said about my country?", "jfk"),
    ("Who are the fellows he speaks to?", "jfk"), ("Where did the canoe slide?", "sb_example1"),
    ("Were the planks rough or smooth?", "sb_example1"), ("Which club is it?", "cards-001"),
    ("Is there anything about birches?", "sb_example1"), ("他砸了谁的脚？", "sr_chinese"),
    ("What did Mr. Dashwood consider?", "austen-0870"),
    ("Did John have any leisure?", "austen-0870"),
)  # fmt: skip


def true_passages() -> list[Passage]:
    """Return the reference transcripts, one passage per sentence or clause."""
    return [
        Passage(name.partition(".")[0], clause)
        for name, text in CLIPS.items()
        for clause in re.split(r"(?<=[.?!,]) (?=[a-z])", text)
    ]


def make_question(task: str, words: str, passages: list[Passage]) -> Question:
    return Question((), task=task, words=words, passages=tuple(passages))  # type: ignore[arg-type]


def find(words: str, passages: list[Passage], task: str = "answer") -> list[str]:
    """Return the labels of the answer, the best first, or of the summary."""
    lines = extract(make_question(task, words, passages)).splitlines()
    assert all(re.fullmatch(r"- .+ \[[^\[\]]+\]", line) for line in lines)
    return [line.rpartition("[")[2].rstrip("]") for line in lines]


def test_questions_find_their_recording_among_foreign_text() -> None:
    passages = [*true_passages(), *(Passage(f"L{n}", p) for n, p in enumerate(PARAGRAPHS))]
    random.Random(1).shuffle(passages)
    found = [(find(words, passages), mark) for words, mark in QUESTIONS]
    first = sum(marks[0] == mark for marks, mark in found)
    assert first >= 8, found
    assert all(mark in marks[:3] for marks, mark in found), found


def test_questions_in_other_languages() -> None:
    said = [
        *("我们明天下午三点开会，会议在二楼。", "预算由王老师负责。", "晚上去火车站旁边吃饭吧"),
        *("来週の土曜日に京都に行きます", "Концерт в субботу в семь"),
        *("Die Prüfung ist am Montag", "好的，没有问题"),
    ]
    asked = {"什么时候开会？": 0, "会议几点开始？": 0, "谁负责预算": 1, "在哪里吃饭？": 2}
    asked |= {"いつ京都に行きますか": 3, "когда концерт?": 4, "wann ist die prüfung": 5}
    passages = [Passage(str(number), text) for number, text in enumerate(said)]
    assert {words: int(find(words, passages)[0]) for words in asked} == asked


def test_passages_are_quoted_once_and_at_most_three() -> None:
    passages = [Passage(f"#{n}", "the boat leaves at noon") for n in range(5)]
    assert find("When does the boat leave?", passages) == ["#0"]
    passages = [Passage(f"#{n}", f"the boat number {n} leaves at noon") for n in range(9)]
    assert len(find("When does the boat leave?", passages)) == 3


def test_long_passage_is_quoted_by_sentence() -> None:
    filler = "Nothing of this matters to anybody here. " * 20
    passages = [Passage("0:00", filler), Passage("0:45", f"{filler}The tickets cost nine euros.")]
    text = extract(make_question("answer", "How much are the tickets?", passages))
    assert "tickets cost nine euros" in text and text.endswith("[0:45]") and len(text) < 320


def test_unmentioned_topic_is_not_found() -> None:
    with pytest.raises(NothingFound) as caught:
        find("Is she being sarcastic?", true_passages())
    assert isinstance(caught.value, EngineRefused) and not caught.value.is_retryable


def test_question_of_stop_words_gets_central_passages() -> None:
    assert "jfk" in find("What is this about?", true_passages())


@pytest.mark.parametrize(("task", "passages"), [("translate", true_passages()), ("answer", [])])
def test_tasks_that_need_a_model_are_refused(task: str, passages: list[Passage]) -> None:
    with pytest.raises(AnswererMissing) as caught:
        extract(make_question(task, "Hello", passages))
    assert "MIMO_API_KEY" in caught.value.user_text


TALK = """
Shall we rent a boat for Saturday?
ok
A boat for eight people costs 120 euros for the whole Saturday.
haha
Then let us rent the boat on Saturday at ten, eight people, 120 euros.
lol
By the way, who brings the grill for dinner in the evening?
I have a grill, and charcoal for dinner, I can bring both in the evening.
Good, the grill and the charcoal are there, we need bread and salad for dinner.
ok ok
I buy the bread and the salad for dinner.
Shall we rent a boat for Saturday?
👍
"""


def test_summary_has_both_topics_in_order_without_repeats() -> None:
    lines = [line for line in TALK.splitlines() if line]
    marks = find("", [Passage(str(n), line) for n, line in enumerate(lines)], "summarize")
    chosen = [lines[int(mark)] for mark in marks]
    assert len(chosen) == 3 and [*map(int, marks)] == sorted(map(int, marks))
    assert any("boat" in line for line in chosen) and any("dinner" in line for line in chosen)
    assert all(len(line.split()) > 5 for line in chosen), chosen
    assert len(set(chosen)) == 3


def test_summary_covers_more_than_chance_would() -> None:
    passages = [Passage(str(n), " ".join(p.split())[:250]) for n, p in enumerate(PARAGRAPHS)]
    bags = [count_terms(passage.text) for passage in passages]
    whole = sum(bags, start=count_terms(""))

    def cover(numbers: list[int]) -> float:
        """Return the share of all that is said whose terms are among these passages."""
        terms = {term for n in numbers for term in bags[n]}
        return sum(whole[term] for term in terms) / whole.total()

    marks = [int(mark) for mark in find("", passages, "summarize")]
    draw = random.Random(5)
    chance = sorted(cover(draw.sample(range(len(bags)), len(marks))) for _ in range(500))
    assert cover(marks) > chance[450], (cover(marks), chance[250], chance[450])


def test_summary_of_few_passages_is_all_of_them() -> None:
    passages = [Passage("0:00", "One."), Passage("0:05", "two"), Passage("0:09", "三")]
    assert extract(make_question("summarize", "", passages)) == (
        "- One. [0:00]\n- two [0:05]\n- 三 [0:09]"
    )


@pytest.mark.parametrize("texts", [["", " "], ["👍", "!!!", "…", "??", "--"], ["a"] * 9])
def test_texts_without_terms_are_accepted(texts: list[str]) -> None:
    passages = [Passage(str(n), text) for n, text in enumerate(texts)]
    for task, words in (("summarize", ""), ("answer", "what?"), ("answer", "a boat?")):
        try:
            assert extract(make_question(task, words, passages))
        except NothingFound:
            assert task == "answer" or not any(text.strip() for text in texts)


def test_related_words_share_a_stem() -> None:
    families = "decide decides decided deciding, plan plans planned planning, city cities, "
    families += "carry carries carried carrying, meeting meetings, box boxes, happy happily"
    for words in families.split(","):
        assert len({stem(word) for word in words.split()}) == 1, words


def test_terms_leave_out_stop_words() -> None:
    assert count_terms("What's the boat's price? It isn't 10€!") == {"boat": 1, "pric": 1, "10": 1}
    assert count_terms("我们的会议") == {"会议": 1}
    assert count_terms("ＡＢＣ") == count_terms("abc")
