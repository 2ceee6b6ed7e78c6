from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.synthesis.styles import SINGING, Styled, read_styles

STYLED = [
    # in an element: any words
    ("<style>Happy</style>Tomorrow is Friday!", "Tomorrow is Friday!", ("Happy",)),
    ("<STYLE>Happy</Style> Hi", "Hi", ("Happy",)),
    ("<style>Happy Whisper</style>Hi", "Hi", ("Happy", "Whisper")),
    ("<style>Happy, Speed up</style>Hi", "Hi", ("Happy", "Speed up")),
    ("<style>开心、东北话</style>走吧", "走吧", ("开心", "东北话")),
    ("<style>开心 变快</style>走吧", "走吧", ("开心", "变快")),
    ("<style>Taiwanese accent</style>Hello", "Hello", ("Taiwanese accent",)),
    ("<style>Happy</style><style>Slow down</style>Hi", "Hi", ("Happy", "Slow down")),
    ("<style>Happy, happy, Happy</style>Hi", "Hi", ("Happy", "happy")),
    ("<style></style>Hi", "Hi", ()),
    ("  <style> Sad </style>\nHi", "Hi", ("Sad",)),
    ("<style>Happy</style>", "", ("Happy",)),
    # in brackets
    ("(Happy)Tomorrow is Friday!", "Tomorrow is Friday!", ("Happy",)),
    ("(happy) Tomorrow is Friday!", "Tomorrow is Friday!", ("happy",)),
    ("(Happy Whisper)Tomorrow", "Tomorrow", ("Happy", "Whisper")),
    ("(very softly) good night", "good night", ("very softly",)),
    ("[Whisper] The baby sleeps", "The baby sleeps", ("Whisper",)),
    ("(old man voice) Back in my day", "Back in my day", ("old man voice",)),
    ("(Slow)“Once upon a time”", "“Once upon a time”", ("Slow",)),
    ("（开心）明天就是周五了", "明天就是周五了", ("开心",)),
    ("（温柔、小声）晚安", "晚安", ("温柔", "小声")),
    ("[粤语] 食咗饭未呀", "食咗饭未呀", ("粤语",)),
    ("（不耐烦）快点走", "快点走", ("不耐烦",)),
    # singing, alone
    ("<style>唱歌</style>祝你生日快乐", "祝你生日快乐", (SINGING,)),
    ("<style>SING</style>Happy birthday to you", "Happy birthday to you", (SINGING,)),
    ("(singing) Happy birthday to you", "Happy birthday to you", (SINGING,)),
    ("<style>Happy, Singing</style>La la la", "La la la", (SINGING,)),
]

ORDINARY = [
    "Tomorrow is Friday (happy)!", "I said (Happy) birthday", "(By the way) I will be late",
    "(sorry)I missed your call", "(I think) she left already", "(2024) was a good year",
    "(1) first, (2) second", "(a) tea (b) coffee", "(s)he said so", "(re)start the server",
    "(https://example.com) look at this", "(see the attached file for all of the details) Thanks",
    "(Happy birthday to you, dear Ann, and many happy returns) she sang", "(John) will come",
    "(Happy)", "(Happy) ", "(Happy), he said", "[link](https://example.com) is here",
    "[Happy](https://example.com) song", "[1] Smith et al. say so", "[Draft] Report of the meeting",
    "[URGENT]Server is down", "[cough] I am coming down with a cold",
    "[heavy breathing] Just... give me... a second.", "(sobbing) We spent all that money",
    "(^_^) hello", "(e.g. tomorrow) works", "()text", "( )text", "(unclosed text", "（注）价格含税",
    "（我觉得）他不会来", "（一）总则", "（2024年）他们结婚了", "（重要）请大家准时到",
    "（笑）你真逗", "[捂脸哭] 我忘了", "（接上条）然后他就走了", "【通知】明天停水",
    "<b>Happy</b> day", "<style>body{color:red}</style>text", "Hello <style>Sad</style> world",
]  # fmt: skip


@pytest.mark.parametrize(("typed", "text", "styles"), STYLED)
def test_styles_are_parsed(typed: str, text: str, styles: tuple[str, ...]) -> None:
    assert read_styles(typed) == Styled(text, styles)


@pytest.mark.parametrize("typed", ORDINARY)
def test_ordinary_texts_are_unchanged(typed: str) -> None:
    assert read_styles(typed) == Styled(typed.strip())


@given(st.text(st.sampled_from("<style>/()[]（） ab开心1.\n")) | st.text())
def test_any_text_can_be_parsed(text: str) -> None:
    styled = read_styles(text)
    assert styled.text in text
    assert all(styled.styles)
