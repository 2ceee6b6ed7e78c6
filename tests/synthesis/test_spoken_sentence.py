"""The sentence of a consent: what may be misheard, and where in a recording it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.locale import translate
from core.models import ExpectedRecording, Segment, Transcript
from core.store import Store
from core.synthesis import code_words
from core.synthesis.spoken_sentence import (
    CARRYING,
    CODE,
    DIFFERENT,
    EXTRA,
    OPPOSITE,
    ORDER,
    SILENT,
    TOO_LONG,
    find_difference,
    find_speech,
)
from core.synthesis.voice_consent import CONSENT
from core.text.scripts import split_words
from core.transcription.pipeline import TranscriptionPipeline
from tests.support import audio_samples
from tests.support.loopback import run_loopback

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CODES = {"en": "apple river garden window tiger coffee", "zh": "苹果 花园 老虎 咖啡 月亮 地铁"}
CODES["ru"] = "яблоко речка огород окошко тигр капуста"


def expect(language: str) -> ExpectedRecording:
    sentence = translate(CONSENT, language, code=CODES[language])
    return ExpectedRecording("consent", sentence, CODES[language], NOW)


def differs(said: str, language: str = "en", seconds: float = 20.0) -> str:
    return find_difference(expect(language), Transcript(said, duration_s=seconds))


EN = expect("en").text
ZH = expect("zh").text
RU = expect("ru").text


@pytest.mark.parametrize(
    "said",
    [
        EN,
        EN.lower().replace(".", ""),
        EN.replace("computer", "computor").replace("is made", "was made"),
        EN.replace("apple", "apples"),
        f"Um, {EN}",
        f"{EN} Uh.",
        EN.replace("My code", "Äh, my code"),
        EN.replace("I am", "I'm"),
        EN.replace("recording", "re cording"),
        EN.replace("which only", "only"),
        EN.replace("computer voice", "computer-voice"),
    ],
)
def test_recognisers_may_mishear_a_little(said: str) -> None:
    assert differs(said) == ""


@pytest.mark.parametrize(
    "said", [ZH, ZH.replace("，", "").replace(" ", ""), ZH.replace("制作", "制做"), f"嗯，{ZH}"]
)
def test_chinese_is_compared_by_characters(said: str) -> None:
    assert differs(said, "zh") == ""


@pytest.mark.parametrize(
    "said", [RU, RU.lower().replace(".", ""), f"Ну, {RU}", RU.replace("огород", "огород,")]
)
def test_russian_is_compared_by_words(said: str) -> None:
    assert differs(said, "ru") == ""


@pytest.mark.parametrize(
    ("said", "language", "difference"),
    [
        ("", "en", SILENT), ("…", "zh", SILENT),
        (f"{EN} {EN}", "en", EXTRA), (f"Hello there, {EN}", "en", EXTRA), (ZH * 2, "zh", EXTRA),
        (f"今天{ZH}", "zh", EXTRA), (f"{ZH}谢谢", "zh", EXTRA),
        (EN.replace("speaker of this recording", "recording of this speaker"), "en", ORDER),
        (EN.replace("apple river", "river apple"), "en", ORDER),
        (ZH.replace("苹果 花园", "花园 苹果"), "zh", ORDER),
        (EN.replace("apple river", "apples rivers"), "en", CODE),
        (f"Okay {EN}", "en", EXTRA), (f"{EN} Thanks", "en", EXTRA), (f"{EN} Bob", "en", EXTRA),
        (EN.replace("I am the", "He is the"), "en", DIFFERENT),
        (EN.replace("the speaker", "the speeker"), "en", DIFFERENT),
        *((EN.replace("I agree", f"I {word}"), "en", DIFFERENT)
          for word in ("contest", "doubt", "regret")),
        (EN.replace("I agree", "He agrees"), "en", DIFFERENT),
        (EN.replace("I agree", "I barely agree"), "en", OPPOSITE),
        (EN.replace("only I", "everyone"), "en", DIFFERENT),
        (EN.replace("only I", "only you"), "en", DIFFERENT),
        (EN.replace("garden", "guardian"), "en", CODE),
        (ZH.replace("我是", "他是"), "zh", DIFFERENT), (ZH.replace("月亮", "月饼"), "zh", CODE),
        (ZH.replace("咖", "卡"), "zh", CODE), (ZH.replace("只供我", "只供他"), "zh", DIFFERENT),
        (EN.replace("coffee", "banana"), "en", CODE), (EN.replace(" coffee", ""), "en", CODE + "?"),
        (ZH.replace("咖啡", "香蕉"), "zh", CODE),
        (EN.replace("I am the speaker of this recording. ", ""), "en", DIFFERENT),
        (EN.replace("agree", "disagree"), "en", OPPOSITE),
        (EN.replace("I agree", "I never agree"), "en", OPPOSITE),
        (EN.replace("is made", "isn't made"), "en", OPPOSITE),
        (ZH.replace("同意", "不同意"), "zh", OPPOSITE),
        (ZH.replace("同意", "拒绝"), "zh", OPPOSITE),
        (RU.replace("Я даю", "Я не даю"), "ru", OPPOSITE),
        (RU.replace("только я", "только он"), "ru", DIFFERENT),
        (RU.replace("капуста", "банан"), "ru", CODE),
    ],
)  # fmt: skip
def test_anything_else_is_not_the_sentence(said: str, language: str, difference: str) -> None:
    found = differs(said, language)
    assert found == difference or (difference.endswith("?") and found)


def test_it_is_not_longer_than_a_minute() -> None:
    assert differs(EN, seconds=60.5) == TOO_LONG


def test_what_is_longer_than_its_words_has_others_that_were_not_heard() -> None:
    assert differs(EN, seconds=27.0) == differs(ZH, "zh", seconds=27.0) == ""
    assert differs(EN, seconds=58.0) == differs(ZH, "zh", seconds=58.0) == EXTRA
    whole = Transcript(EN, (Segment(0.0, 58.0, EN),), 58.0)
    assert find_difference(expect("en"), whole) == EXTRA
    quiet = replace(whole, pauses=((0.0, 20.0), (30.0, 35.0), (50.0, 58.0)))
    assert find_difference(expect("en"), quiet) == "", "it is cut, and one may pause"


def test_the_words_that_carry_the_consent_are_in_the_sentence() -> None:
    for language, sentence in (("en", EN), ("zh", ZH), ("ru", RU)):
        phrases = translate(CARRYING, language).split("|")
        assert len(phrases) == 3 and all(phrase in sentence for phrase in phrases)


def test_codes_have_six_different_words_of_their_language() -> None:
    codes = [code_words.make_code(sentence).split() for sentence in (EN, ZH, RU) for _ in range(50)]
    assert {len(set(code)) for code in codes} == {6}
    assert all(word.isascii() for code in codes[:50] for word in code)
    assert all(len(split_words(word)) == 2 for code in codes[50:100] for word in code)
    assert all(re.fullmatch("[а-я]+", word) for code in codes[100:] for word in code)
    assert len({tuple(code) for code in codes}) == 150


def test_the_sentence_is_found_by_segments_and_pauses() -> None:
    def find(segments: tuple[Segment, ...], *pauses: tuple[float, float]) -> tuple[float, float]:
        text = " ".join(segment.text for segment in segments)
        return find_speech(Transcript(text, segments, 20.0, pauses=pauses))

    first, rest = EN.split(" I agree", 1)
    said = Segment(3.0, 6.0, first), Segment(6.0, 17.0, f"I agree{rest}")
    assert find(said) == (2.85, 17.15)
    assert find((Segment(0.5, 2.0, "Um."), *said)) == (2.85, 17.15)
    assert find((*said, Segment(18.0, 19.0, "Hm."))) == (2.85, 17.15)
    whole = (Segment(0.0, 20.0, EN),)
    assert find(whole) == (0.0, 20.0)
    assert find(whole, (0.0, 2.0), (8.0, 9.0), (18.0, 20.0)) == (1.85, 18.15)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="apt install espeak-ng")
async def test_a_spoken_sentence_is_cut_out_of_its_silence(store: Store) -> None:
    """Real speech with seconds of silence around it."""
    command = ["espeak-ng", "--stdout", "-v", "en", EN]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    pcm = audio_samples.decode(spoken, 16_000, "wav")
    quiet = bytes(3 * 16_000 * 2)
    async with run_loopback(store) as loopback:
        pipeline: TranscriptionPipeline = loopback.transcription
        loopback.engine.text = EN
        sound = audio_samples.wav(quiet + pcm + quiet)
        heard = await pipeline.transcribe(sound)
        assert find_difference(expect("en"), heard.transcript) == ""
        sample = await pipeline.convert(sound, find_speech(heard.transcript))
        length_s = len(pcm) / 2 / 16_000
        assert heard.transcript.duration_s > length_s + 5.9
        assert length_s - 1 < sample.duration_s < length_s + 0.7
