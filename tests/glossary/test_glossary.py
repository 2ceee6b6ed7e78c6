"""Corrections: how they are applied and parsed, and the search for misheard words."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.glossary.apply import (
    apply,
    apply_to,
    learn,
    replace_words,
    select_for,
)
from core.glossary.changes import (
    dump_changes,
    is_undone,
    list_changes,
    load_changes,
    undo_changes,
)
from core.glossary.corrections import parse_correction
from core.glossary.fuzzy_match import find_misheard
from core.models import CorrectedWords, Correction, Segment, Transcript

WORDS = st.text(st.sampled_from("abcAB 王小"), min_size=1, max_size=6).filter(str.strip)
MADE = st.builds(Correction, WORDS, WORDS, st.sampled_from(["Ada", "Ben"]), is_own=st.booleans())
GLOSSARIES = st.lists(MADE, max_size=6).map(tuple)


def corrections(*pairs: tuple[str, str]) -> tuple[Correction, ...]:
    return tuple(Correction(heard, meant) for heard, meant in pairs)


@pytest.mark.parametrize(
    ("text", "pairs", "corrected"),
    [
        ("kovalsky, KOVALSKY", [("Kovalsky", "Kowalski")], "Kowalski, KOWALSKI"),
        ("Kovalsky's and Kovalskys", [("Kovalsky", "Kowalski")], "Kowalski's and Kovalskys"),
        ("Foo foo", [("foo", "bar")], "Bar bar"),
        ("can can't", [("can", "could")], "could can't"),
        ("in new  york now", [("New York", "Leeds"), ("york", "Hull")], "in Leeds now"),
        ("a b", [("a", "b"), ("b", "c")], "b c"),
        ("old", [("old", "one"), ("OLD", "two")], "two"),
        ("昨天王小明来了", [("王小明", "王晓明")], "昨天王晓明来了"),
        ("我叫Kovalsky了", [("Kovalsky", "Kowalski")], "我叫Kowalski了"),
        ("1.5 and 15", [("15", "50")], "1.5 and 50"),
        (r"a \1 .* b", [("a", r"\1"), (".*", "x")], r"\1 \1 .* b"),
        ("", [("a", "b")], ""),
        ("Paypal: www.paypal.com/paypal", [("paypal", "X")], "X: www.paypal.com/paypal"),
        ("ask paypal@example.org, @paypal", [("paypal", "X")], "ask paypal@example.org, @paypal"),
        ("打开paypal.com。paypal很好", [("paypal", "X")], "打开paypal.com。X很好"),
        ("Ada/paypal.", [("paypal", "X")], "Ada/X."),
    ],
)
def test_whole_words_are_corrected(text: str, pairs: list[tuple[str, str]], corrected: str) -> None:
    assert apply(text, corrections(*pairs)) == corrected


def test_segments_are_corrected_too_and_times_stay() -> None:
    heard = Transcript("hi Kovalsky", (Segment(1.0, 2.0, "hi Kovalsky"),), 3.0)
    segments = (Segment(1.0, 2.0, "hi Kowalski"),)
    replaced = (CorrectedWords(3, 11, "Kovalsky"),)
    meant = Transcript("hi Kowalski", segments, 3.0, corrected=replaced)
    assert apply_to(heard, corrections(("kovalsky", "Kowalski"))) == meant


@given(text=st.text(st.sampled_from("abcAB 王小.'")), known=GLOSSARIES)
def test_other_words_are_unchanged(text: str, known: tuple[Correction, ...]) -> None:
    apply(text, known)
    unnamed = tuple(c for c in known if c.heard.strip().lower() not in text.lower())
    if not any(" " in c.heard.strip() for c in unnamed):
        assert apply(text, unnamed) == text


@given(known=GLOSSARIES, new=MADE)
def test_a_correction_can_be_undone(known: tuple[Correction, ...], new: Correction) -> None:
    known = tuple({(c.scope, c.heard): c for c in known}.values())
    after = learn(known, new)
    changes = load_changes(dump_changes(list_changes(known, after)))
    back = undo_changes(after, changes)
    assert {(*astuple(c),) for c in back} == {(*astuple(c),) for c in known}
    assert is_undone(back, changes) and undo_changes(back, changes) == back, "safe to repeat"


def test_what_was_changed_since_stays_when_a_correction_is_undone() -> None:
    ben, ada = (Correction("Kovalsky", "Kowalsky", who, who) for who in ("Ben", "Ada"))
    changes = list_changes((), (ben,))
    for now in ((Correction("Kovalsky", "Kowalski", "Ada", "Ada"),), (ada,), ()):
        assert undo_changes(now, changes) == now
    assert not is_undone((ada,), changes)
    assert undo_changes((ben,), changes) == ()


def test_a_correction_of_a_correction_replaces_it() -> None:
    known = learn(corrections(("Kovalsky", "Kowalsky")), Correction("Kowalsky", "Kowalski"))
    assert apply("Kovalsky Kowalsky", known) == "Kowalski Kowalski"


@given(text=st.text(st.sampled_from("abcAB 王小.'")), known=GLOSSARIES, new=MADE)
def test_what_is_for_one_person_changes_nothing_of_others(
    text: str, known: tuple[Correction, ...], new: Correction
) -> None:
    known = tuple(one for one in known if one.heard != one.meant)
    after = learn(known, replace(new, by="Ben", is_own=True))
    for speaker in ("Ada", "Eve", ""):
        assert apply(text, select_for(after, speaker)) == apply(text, select_for(known, speaker))


def test_a_person_keeps_words_that_are_corrected_for_everybody() -> None:
    shared = corrections(("Kovalsky", "Kowalsky"))
    after = learn(shared, Correction("Kowalsky", "Kowalski", "Ben", is_own=True))
    assert apply("Kovalsky", select_for(after, "Ben")) == "Kowalski"
    assert apply("Kovalsky", select_for(after, "Ada")) == "Kowalsky"
    after = learn(shared, Correction("Kowalsky", "Kovalsky", "Ben", is_own=True))
    assert replace_words("Kovalsky", select_for(after, "Ben")) == ("Kovalsky", ())
    assert apply("Kovalsky", select_for(after, "Ada")) == "Kowalsky"


def test_an_admin_changes_an_entry_of_one_person_and_takes_nothing_from_it() -> None:
    """What a person says of their own words would else be said of everybody's."""
    own = Correction("harbour", "Kowalsky", "Ben", "Ben", is_own=True)
    after = learn((own,), Correction("Kowalsky", "Kowalski", "Ada"))
    assert apply("harbour", select_for(after, "Ben")) == "Kowalski"
    assert apply("harbour", select_for(after, "Eve")) == "harbour"


@given(text=st.text(st.sampled_from("abcAB 王小.'")), known=GLOSSARIES)
def test_what_was_replaced_is_known_by_its_place(text: str, known: tuple[Correction, ...]) -> None:
    corrected, replaced = replace_words(text, known)
    former, done = "", 0
    for words in replaced:
        former += corrected[done : words.start] + words.heard
        done = words.end
    assert former + corrected[done:] == text


def test_who_made_a_correction_is_kept() -> None:
    ada, ben = (Correction("Kovalsky", "Kowalski", who, who) for who in ("Ada", "Ben"))
    assert [one.by for one in learn((ada,), ben)] == ["Ada"], "it was there"
    changed = learn((ada,), Correction("Kowalski", "Kovacs", "Ben", "Ben"))
    assert [*map(astuple, changed)] == [
        ("Kovalsky", "Kovacs", "Ben", "Ben", False),
        ("Kowalski", "Kovacs", "Ben", "Ben", False),
    ]
    [back] = undo_changes(changed, list_changes((ada,), changed))
    assert astuple(back) == ("Kovalsky", "Kowalski", "Ada", "Ada", False)


@pytest.mark.parametrize(
    ("text", "heard", "meant"),
    [
        ("no, it is Kowalski", "", "Kowalski"), ("No, it's *Kowalski*.", "", "Kowalski"),
        ("no it's kowalski", "", "kowalski"), ("nein, Kowalski", "", "Kowalski"),
        ("Nein, es heißt „Kowalski“", "", "Kowalski"), ("No: Kubernetes!", "", "Kubernetes"),
        ("no, *the who*", "", "the who"), ("non, c'est Kowalski", "", "Kowalski"),
        ("no, es Kowalski", "", "Kowalski"), ("нет, это Ковальский", "", "Ковальский"),
        ("Kovalsky = Kowalski", "Kovalsky", "Kowalski"),
        ("Kuber Netties -> Kubernetes", "Kuber Netties", "Kubernetes"),
        ("Kovalsky → Kowalski", "Kovalsky", "Kowalski"),
        ("it's Kowalski, not Kovalsky", "Kovalsky", "Kowalski"),
        ("No, it is not Kovalsky but Kowalski", "Kovalsky", "Kowalski"),
        ("nicht Kovalsky, sondern Kowalski", "Kovalsky", "Kowalski"), ("不,是王晓明", "", "王晓明"),
        ("不对，应该是王晓明。", "", "王晓明"), ("不是王小明，是王晓明", "王小明", "王晓明"),
        ("王小明 = 王晓明", "王小明", "王晓明"),
    ],
)  # fmt: skip
def test_corrections_are_parsed(text: str, heard: str, meant: str) -> None:
    assert parse_correction(text) == Correction(heard, meant)


@pytest.mark.parametrize(
    "text",
    [
        "", "no", "no, it is", "x =", "= x", "a = a", "is it x = y?", "no, it is fine",
        "no, it is my fault", "no, it is not", "no, it's raining today and so on",
        "No, what is it about?", "no, who said that", "No. I meant the second part",
        "no, summarize it", "Nein danke", "Nein, danke", "nein, warum", "No, Thanks", "not now",
        "It is Kowalski", "what did she mean", "Is it Kowalski, not Kovalsky?",
        "translate to German", "不，是谁说的", "不是吧", "不，是我说的", "不,是的",
        "应该是什么意思", "他是王晓明吗", "no, it is " + "a" * 61, "x = " + "y" * 1000,
        "no,\n" * 500,
    ],
)  # fmt: skip
def test_other_texts_are_no_corrections(text: str) -> None:
    assert parse_correction(text) is None


@given(st.text(st.sampled_from("no, it'is =->*?不是王 Kk\n"), max_size=60))
def test_any_text_can_be_parsed(text: str) -> None:
    parsed = parse_correction(text)
    assert parsed is None or (parsed.meant and "?" not in parsed.meant)


SAID = (
    "Yesterday I met mister Kovalsky and his wife at the harbour. We spoke about Kuber Netties, "
    "and then of Frau Meier. The five of us, and Anna."
)


@pytest.mark.parametrize(
    ("meant", "heard"),
    [
        *(("Kowalski", "Kovalsky"), ("Kubernetes", "Kuber Netties"), ("Meyer", "Meier")),
        *(("harbor", "harbour"), ("Mr Kowalski", "mister Kovalsky"), ("Hearsay", None)),
        *(("raining", None), ("tomorrow", None), ("Zürich", None)),
        ("Anna", None),  # already there, and nothing else is similar
    ],
)
def test_misheard_words_are_found_by_similarity(meant: str, heard: str | None) -> None:
    assert find_misheard(SAID, meant) == heard


def test_words_of_two_lines_are_one_phrase() -> None:
    assert find_misheard("about Kuber\n\tNetties then", "Kubernetes") == "Kuber Netties"
    known = corrections(("Kuber Netties", "Kubernetes"))
    assert apply("about Kuber\n\tNetties then", known) == "about Kubernetes then"


def test_chinese_is_compared_by_characters() -> None:
    assert find_misheard("昨天我和王小明去了上海", "王晓明") == "王小明"
    assert find_misheard("昨天我和王小明去了上海", "北京") is None
    assert find_misheard("他在北京开会", "北京") is None
