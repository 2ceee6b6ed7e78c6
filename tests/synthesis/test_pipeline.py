from __future__ import annotations

import pytest

from core.errors import EngineBusy, UserError
from core.models import Audio, SavedVoice
from core.store import Store
from core.synthesis.pipeline import (
    MAX_CHARS,
    PLAIN_ONLY,
    SynthesisPipeline,
    TextTooLong,
    VoiceStyle,
)
from tests.support import sounds
from tests.support.loopback import ScriptedVoice
from tests.support.virtual_time import current_clock

LONG = "".join(f"This is sentence {n} of many, and it is followed by others. " for n in range(14))
KEPT = SavedVoice("v1", "Grandma", Audio(b"RIFF", "audio/wav", 1.0))


def make(store: Store) -> tuple[SynthesisPipeline, ScriptedVoice]:
    engine = ScriptedVoice()
    return SynthesisPipeline(engine, store.results, current_clock()), engine


async def test_a_text_becomes_a_voice_note(store: Store) -> None:
    synthesis, engine = make(store)
    spoken = await synthesis.synthesize("**Good** morning!", VoiceStyle("Mia"))
    assert [(u.text, u.voice) for u in engine.said] == [("Good morning!", "Mia")]
    assert spoken.file.mime == "audio/ogg" and spoken.file.data[:4] == b"OggS"
    assert spoken.file.duration_s == pytest.approx(0.05 * len("Good morning!"), abs=0.05)
    assert spoken.file.waveform and spoken.note == ""


async def test_a_long_text_is_said_in_pieces_in_order(store: Store) -> None:
    synthesis, engine = make(store)
    engine.char_s = 0.005
    heard: list[bytes] = []
    spoken = await synthesis.synthesize(
        LONG, VoiceStyle(), on_audio=lambda pcm, _: heard.append(pcm)
    )
    assert len(engine.said) >= 4
    texts = sorted((u.text for u in engine.said), key=LONG.index)
    assert " ".join(texts) == LONG.strip()
    assert sum(map(len, heard)) / 48_000 == pytest.approx(spoken.file.duration_s or 0, abs=0.01)
    assert len(sounds.decode(spoken.file.data)) > 0


async def test_what_was_paid_for_is_not_said_again(store: Store) -> None:
    synthesis, engine = make(store)
    engine.char_s = 0.005
    engine.failures = [None, None, EngineBusy("503")]
    with pytest.raises(EngineBusy):
        await synthesis.synthesize(LONG, VoiceStyle())
    before = len(engine.said)
    again = await synthesis.synthesize(LONG, VoiceStyle())
    texts = {u.text for u in engine.said}
    assert len(engine.said) == len(texts) + 1 > before, "only the one that failed was said twice"
    before = len(engine.said)
    assert (await synthesis.synthesize(LONG, VoiceStyle())).file.duration_s == again.file.duration_s
    assert len(engine.said) == before


async def test_a_sound_that_breaks_off_is_not_kept(store: Store) -> None:
    synthesis, engine = make(store)
    engine.failures = [EngineBusy("died in the middle")]
    with pytest.raises(EngineBusy):
        await synthesis.synthesize("Good morning", VoiceStyle())
    assert (await synthesis.gate.state()).failed_at == current_clock().now()
    spoken = await synthesis.synthesize("Good morning", VoiceStyle())
    assert spoken.file.duration_s == pytest.approx(0.05 * len("Good morning"), abs=0.05)


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
    [utterance] = engine.said
    assert (utterance.styles, utterance.direction) == (styles, direction)


async def test_an_engine_without_styles_says_so_and_speaks_plainly(store: Store) -> None:
    synthesis, engine = make(store)
    object.__setattr__(engine.limits, "can_style", False)
    spoken = await synthesis.synthesize("(Happy)Good [cough] morning", VoiceStyle())
    [utterance] = engine.said
    assert (utterance.text, utterance.styles) == ("Good morning", ())
    assert spoken.note == PLAIN_ONLY
    assert (await synthesis.synthesize("Good evening", VoiceStyle(KEPT))).note == ""
    assert (engine.said[-1].sample, engine.said[-1].voice) == (KEPT.sample, None)


async def test_nothing_to_say_is_said_so_and_too_long_a_text_has_a_part_that_fits(
    store: Store,
) -> None:
    synthesis, engine = make(store)
    for text in ("", "   ", "🙂", "<think>hm</think>"):
        with pytest.raises(UserError):
            await synthesis.synthesize(text, VoiceStyle())
    with pytest.raises(TextTooLong) as caught:
        await synthesis.synthesize(LONG * 10, VoiceStyle())
    assert 0 < len(caught.value.start) <= MAX_CHARS and caught.value.start.endswith(".")
    assert engine.said == []


async def test_takes_of_a_design_differ_and_are_made_once(store: Store) -> None:
    synthesis, engine = make(store)
    for _ in range(2):
        for take in "AB":
            await synthesis.preview("Hello", "calm older woman", take)
    assert [(u.description, u.voice) for u in engine.said] == [("calm older woman", None)] * 2
    sample = await synthesis.preview_sample("Hello", "calm older woman", "A")
    assert sample.mime == "audio/wav" and sample.data[:4] == b"RIFF"
    assert len(engine.said) == 2
