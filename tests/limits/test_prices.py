"""Estimated costs, by the dated list prices."""

from __future__ import annotations

import pytest

from core.limits.prices import estimate_cost
from core.models import EngineUsage

pytestmark = pytest.mark.finding(24)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (EngineUsage("mimo", "mimo-v2.5-asr", 4, 1800.0, 9, 9, 9, 0, 0), 0.037),
        (EngineUsage("mimo", "mimo-v2.6-flash", 1, 0.0, 10**6, 10**6, 0, 0, 0), 0.42),
        # Tokens that the service had cached cost less, whatever the rest were.
        (EngineUsage("mimo", "mimo-v2.6-pro", 1, 60.0, 10**6, 0, 5, 10**6, 0), 0.0036),
        (EngineUsage("mimo", "mimo-v2.6-pro", 1, 0.0, 10, 0, 0, 99, 0), 3.6e-8),
        (EngineUsage("mimo", "mimo-v2.5-tts", 7, 60.0, 500, 500, 0, 0, 0), 0.0),
        (EngineUsage("offline", "pocketsphinx", 3, 60.0, 0, 0, 0, 0, 0), 0.0),
        (EngineUsage("openai", "gpt-4o-mini", 1, 0.0, 5, 5, 0, 0, 0), None),
        (EngineUsage("openai", "whisper-1", 1, 60.0, 0, 0, 0, 0, 0), None),
        # A server of one's own, which has the open weights.
        (EngineUsage("openai", "XiaomiMiMo/MiMo-V2.5-ASR", 1, 60.0, 0, 0, 0, 0, 0), None),
    ],
)
def test_costs_are_estimated_where_prices_are_known(usage: EngineUsage, cost: float | None) -> None:
    assert estimate_cost(usage) == (cost if cost is None else pytest.approx(cost))


#: Of a million tokens each way.
PRO, FLASH, DEAREST = 0.435 + 0.87, 0.14 + 0.28, 4.35 + 8.7


@pytest.mark.parametrize("engine", ["mimo", "openai"])
@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("mimo-v2.6-pro", PRO),
        ("xiaomi/mimo-v2.6-pro", PRO),
        ("some/gateway/mimo-v2.6-pro[1m]", PRO),
        # Retired: their successors' price.
        ("mimo-v2-pro", PRO),
        ("xiaomi/mimo-v2-omni", FLASH),
        ("mimo-v2-flash", FLASH),
        ("mimo-v2-tts", 0.0),
        # Unknown: as the dearest of their role.
        ("mimo-v9", DEAREST),
        ("xiaomi/mimo-v9-tts", 0.0),
    ],
)
def test_a_model_of_mimo_has_a_price_whatever_a_gateway_calls_it(
    engine: str, model: str, cost: float
) -> None:
    usage = EngineUsage(engine, model, 1, 0.0, 10**6, 10**6, 0, 0, 0)
    assert estimate_cost(usage) == pytest.approx(cost)


def test_an_hour_of_audio_has_a_price_at_a_gateway() -> None:
    for model in ("xiaomi/mimo-v2.5-asr", "mimo-v9-asr"):
        usage = EngineUsage("openai", model, 1, 3600.0, 9, 9, 9, 0, 0)
        assert estimate_cost(usage) == pytest.approx(0.074)


def test_no_name_at_mimos_own_service_is_without_a_price() -> None:
    for model, cost in (("my-model", DEAREST), ("MiMo-V2.6-Pro", PRO)):
        usage = EngineUsage("mimo", model, 1, 0.0, 10**6, 10**6, 0, 0, 0)
        assert estimate_cost(usage) == pytest.approx(cost)
