"""An offline worker that a recording or a text has taken over says what cannot be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.engines.offline import espeak
from core.engines.offline.synthesizer import OfflineSynthesizer
from core.engines.offline.transcriber import OfflineTranscriber
from core.errors import EngineBadReply
from core.models import Audio, Utterance
from tests.worker_process.conftest import Pool, tell

WORDS = {"start_s": 1.0, "end_s": 2.5, "text": "ten of clubs"}
AUDIO = Audio(b"RIFF", "audio/wav", 10.0)


@pytest.fixture
async def transcriber() -> AsyncIterator[OfflineTranscriber]:
    transcriber = OfflineTranscriber()
    yield transcriber
    await transcriber.close()


@pytest.mark.pocketsphinx
@pytest.mark.parametrize(
    ("changes", "count", "is_good"),
    [
        ({}, 1, True),
        ({"end_s": 10.4}, 2, True),
        *(({"end_s": 12.0}, 1, False), ({"end_s": 0.5}, 1, False), ({"start_s": -1.0}, 1, False)),
        *(({"end_s": float("nan")}, 1, False), ({"end_s": "2.5"}, 1, False)),
        *(({"text": ""}, 1, False), ({"text": None}, 1, False), ({"text": "x" * 900}, 1, False)),
        *(({"more": 1}, 1, False), ({"text": "no end"}, 500, False)),
    ],
)
async def test_only_possible_words_are_believed(
    transcriber: OfflineTranscriber, changes: dict[str, Any], count: int, is_good: bool
) -> None:
    transcriber._pool = Pool(size=1, code=tell(*[({**WORDS, **changes}, 0)] * count))
    if is_good:
        transcript = await transcriber.transcribe(AUDIO)
        assert transcript.text == " ".join(["ten of clubs"] * count)
    else:
        with pytest.raises(EngineBadReply):
            await transcriber.transcribe(AUDIO)


@pytest.mark.pocketsphinx
async def test_words_follow_one_another(transcriber: OfflineTranscriber) -> None:
    earlier = {**WORDS, "start_s": 0.5}
    transcriber._pool = Pool(size=1, code=tell((WORDS, 0), (earlier, 0)))
    with pytest.raises(EngineBadReply):
        await transcriber.transcribe(AUDIO)


@pytest.mark.parametrize("sizes", [(1000,), (1000, 1000), (999,), ()])
async def test_a_text_has_one_sound(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(espeak, "find_program", lambda: None)
    monkeypatch.setattr(espeak, "has_library", lambda: True)
    synthesizer = OfflineSynthesizer()
    synthesizer._pool = Pool(size=1, code=tell(*[({}, size) for size in sizes]))
    try:
        [sound] = [pcm async for pcm in synthesizer.synthesize(Utterance("Hello."))]
        assert sizes == (1000,) and sound == bytes(1000)
    except EngineBadReply:
        assert sizes != (1000,)
    finally:
        await synthesizer.close()
