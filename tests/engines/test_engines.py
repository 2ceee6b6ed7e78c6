"""The table of engines and the choice among them."""

from __future__ import annotations

from itertools import combinations
from operator import is_
from typing import Any

import pytest

from core.config import Settings
from core.engines import ENGINES, OFFLINE, Engines
from core.errors import ConfigError
from core.interfaces import TranscriberLimits
from core.models import Audio, Transcript
from tests.engines.conftest import make_settings

MIMO: dict[str, Any] = {"mimo_api_key": "sk-x"}
OPENAI: dict[str, Any] = {"openai_base_url": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize(
    ("values", "transcriber", "answerer", "synthesizer"),
    [
        ({}, "offline", "offline", "offline"),
        ({"mimo_api_key": "", "openai_base_url": ""}, "offline", "offline", "offline"),
        (MIMO, "mimo", "mimo", "mimo"),
        (OPENAI, "openai", "openai", "openai"),
        ({**MIMO, "synthesizer": "offline"}, "mimo", "mimo", "offline"),
        ({**MIMO, **OPENAI, "synthesizer": "openai"}, "mimo", "mimo", "openai"),
        ({**MIMO, "transcriber": "offline"}, "offline", "mimo", "mimo"),
        ({**MIMO, **OPENAI, "transcriber": "openai"}, "openai", "mimo", "mimo"),
        ({**MIMO, **OPENAI, "answerer": "openai"}, "mimo", "openai", "mimo"),
        ({**OPENAI, "answerer": "offline"}, "openai", "offline", "openai"),
    ],
)
async def test_roles_of_one_engine_share_its_connections(
    values: dict[str, Any], transcriber: str, answerer: str, synthesizer: str
) -> None:
    engines = Engines(make_settings(**values))
    roles: list[Any] = [engines.transcriber(), engines.answerer(), engines.synthesizer()]
    assert [role.name for role in roles] == [transcriber, answerer, synthesizer]
    for one, other in combinations(roles, 2):
        is_shared = one.shared is not None and one.shared is other.shared
        assert is_shared == (one.name == other.name != OFFLINE)
    again = [engines.transcriber(), engines.answerer(), engines.synthesizer()]
    assert all(map(is_, again, roles))
    await engines.close()
    await engines.close()
    assert engines.synthesizer() is not roles[2], "closed engines are built anew"
    await engines.close()


@pytest.mark.parametrize("values", [{}, MIMO, OPENAI])
async def test_limits_and_voices_of_every_engine(values: dict[str, Any]) -> None:
    """Only the offline engine takes no audio; voices are distinct and have a language."""
    engines = Engines(make_settings(**values))
    answerer, synthesizer = engines.answerer(), engines.synthesizer()
    assert answerer.model and answerer.limits.context_tokens >= 128_000
    assert bool(answerer.limits.formats) == bool(values)
    assert (answerer.limits.max_bytes > 0) == bool(values)
    voices = synthesizer.voices()
    assert len({voice.voice_id for voice in voices}) == len(voices) > 8
    assert all(voice.name and voice.language for voice in voices)
    assert synthesizer.model and synthesizer.rate_hz in (22_050, 24_000)
    await engines.close()


@pytest.mark.parametrize(
    ("role", "name", "remedy"),
    [
        ("answerer", "openai", "but OPENAI_BASE_URL"),
        ("answerer", "gpt", "choose auto, mimo, openai, offline"),
        ("synthesizer", "mimo", "but MIMO_API_KEY"),
        ("transcriber", "mimo", "but MIMO_API_KEY"),
        ("transcriber", "whisper", "choose auto, mimo"),
    ],
)
def test_unusable_setting_is_named_with_the_remedy(role: str, name: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=f"{role.upper()} is '{name}'[,:] {remedy}"):
        getattr(Engines(make_settings(**{role: name})), role)()


class Dictaphone:
    """An engine that only transcribes, and is always configured."""

    name, model, requires, shared = "dictaphone", "tape", "", None
    limits = TranscriberLimits()

    def __init__(self, settings: Settings, shared: None = None) -> None:
        pass

    @classmethod
    def is_configured(cls, settings: Settings) -> bool:
        return True

    async def transcribe(self, audio: Audio, **_: object) -> Transcript:
        return Transcript("hello")

    async def close(self) -> None:
        pass


async def test_an_engine_is_picked_only_for_the_roles_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = {"dictaphone": f"{__name__}:Dictaphone", **ENGINES["transcriber"]}
    monkeypatch.setitem(ENGINES, "transcriber", table)
    engines = Engines(make_settings(**MIMO))
    roles: list[Any] = [engines.transcriber(), engines.answerer(), engines.synthesizer()]
    assert [role.name for role in roles] == ["dictaphone", "mimo", "mimo"]
    await engines.close()
    for role in ("answerer", "synthesizer"):
        with pytest.raises(ConfigError, match="'dictaphone': choose auto, mimo, openai, offline"):
            getattr(Engines(make_settings(**{role: "dictaphone"})), role)()
    assert Engines(make_settings(transcriber="dictaphone")).transcriber().name == "dictaphone"
