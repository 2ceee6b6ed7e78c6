from __future__ import annotations

import pytest

from core.errors import EngineBusy, UserError
from core.limits.budgets import Budgets
from core.models import Audio, SavedVoice
from core.store import Store
from core.synthesis.pipeline import PLAIN_ONLY, SynthesisPipeline, VoiceStyle
from core.synthesis.refusals import MAX_CHARS, TextTooLong
from tests.support import audio_samples
from tests.support.loopback import ScriptedSynthesizer
from tests.support.virtual_time import current_clock

LONG = "".join(f"This is sentence {n} of many, and it is followed by others. " for n in range(14))
SAVED = SavedVoice("v1", "Grandma", Audio(b"RIFF", "audio/wav", 1.0))


def make(store: Store) -> tuple[SynthesisPipeline, ScriptedSynthesizer]:
    engine = ScriptedSynthesizer()
    return SynthesisPipeline(engine, store.results, Budgets(store.budgets), current_clock()), engine


async def test_a_text_becomes_a_voice_note(store: Store) -> None:
    synthesis, engine = make(store)
    result = await synthesis.synthesize("**Good** morning!", VoiceStyle("Mia"))
    assert [(u.text, u.voice) for u in engine.utterances] == [("Good morning!", "Mia")]
    assert result.file.mime == "audio/ogg" and result.file.data[:4] == b"OggS"
    assert result.file.duration_s == pytest.approx(0.05 * len("Good morning!"), abs=0.05)
    assert result.file.waveform and result.note == ""


async def test_a_long_text_is_synthesized_in_pieces_in_order(store: Store) -> None:
    synthesis, engine = make(store)
    engine.char_s = 0.005
    chunks: list[bytes] = []
    result = await synthesis.synthesize(
        LONG, VoiceStyle(), on_audio=lambda pcm, _: chunks.append(pcm)
    )
    assert len(engine.utterances) >= 4
    texts = sorted((u.text for u in engine.utterances), key=LONG.index)
    assert " ".join(texts) == LONG.strip()
    assert sum(map(len, chunks)) / 48_000 == pytest.approx(result.file.duration_s or 0, abs=0.01)
    assert len(audio_samples.decode(result.file.data)) > 0


async def test_paid_pieces_are_not_synthesized_again(store: Store) -> None:
    synthesis, engine = make(store)
    engine.char_s = 0.005
    engine.failures = [None, None, EngineBusy("503")]
    with pytest.raises(EngineBusy):
        await synthesis.synthesize(LONG, VoiceStyle())
    before = len(engine.utterances)
    again = await synthesis.synthesize(LONG, VoiceStyle())
    texts = {u.text for u in engine.utterances}
    assert len(engine.utterances) == len(texts) + 1 > before, "only the failed one was repeated"
    before = len(engine.utterances)
    assert (await synthesis.synthesize(LONG, VoiceStyle())).file.duration_s == again.file.duration_s
    assert len(engine.utterances) == before


async def test_interrupted_audio_is_not_stored(store: Store) -> None:
    synthesis, engine = make(store)
    engine.failures = [EngineBusy("died in the middle")]
    with pytest.raises(EngineBusy):
        await synthesis.synthesize("Good morning", VoiceStyle())
    assert (await synthesis.gate.state()).failed_at == current_clock().now()
    result = await synthesis.synthesize("Good morning", VoiceStyle())
    assert result.file.duration_s == pytest.approx(0.05 * len("Good morning"), abs=0.05)


@pytest.mark.parametrize(
    ("text", "style", "styles", "direction"),
    [
        ("<style>Happy</style>Tomorrow is Friday", "", ("Happy",), ""),
        ("Good morning", "warm, tired, slow", (), "warm, tired, slow"),
        ("Good morning", "(Happy)", ("Happy",), ""),
        ("(Sad)Good morning", "(Happy)", ("Sad",), ""),
    ],
)
async def test_styles_as_people_type_them(
    store: Store, text: str, style: str, styles: tuple[str, ...], direction: str
) -> None:
    synthesis, engine = make(store)
    await synthesis.synthesize(text, VoiceStyle(style=style))
    [utterance] = engine.utterances
    assert (utterance.styles, utterance.direction) == (styles, direction)


async def test_an_engine_without_styles_ignores_them_with_a_note(store: Store) -> None:
    synthesis, engine = make(store)
    object.__setattr__(engine.limits, "can_style", False)
    result = await synthesis.synthesize("(Happy)Good [cough] morning", VoiceStyle())
    [utterance] = engine.utterances
    assert (utterance.text, utterance.styles) == ("Good morning", ())
    assert result.note == PLAIN_ONLY
    assert (await synthesis.synthesize("Good evening", VoiceStyle(SAVED))).note == ""
    assert (engine.utterances[-1].sample, engine.utterances[-1].voice) == (SAVED.sample, None)


async def test_empty_and_too_long_texts_are_refused(
    store: Store,
) -> None:
    synthesis, engine = make(store)
    for text in ("", "   ", "🙂", "<think>hm</think>"):
        with pytest.raises(UserError):
            await synthesis.synthesize(text, VoiceStyle())
    with pytest.raises(TextTooLong) as caught:
        await synthesis.synthesize(LONG * 10, VoiceStyle())
    assert 0 < len(caught.value.start) <= MAX_CHARS and caught.value.start.endswith(".")
    assert engine.utterances == []


async def test_takes_of_a_designed_voice_are_synthesized_once(store: Store) -> None:
    synthesis, engine = make(store)
    for _ in range(2):
        for take in "AB":
            await synthesis.preview("Hello", "calm older woman", take)
    assert [(u.description, u.voice) for u in engine.utterances] == [("calm older woman", None)] * 2
    sample = await synthesis.preview_sample("Hello", "calm older woman", "A")
    assert sample.mime == "audio/wav" and sample.data[:4] == b"RIFF"
    assert len(engine.utterances) == 2
