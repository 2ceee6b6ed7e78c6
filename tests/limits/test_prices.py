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
        (EngineUsage("mimo", "mimo-v9", 1, 0.0, 5, 5, 0, 0, 0), None),
        (EngineUsage("openai", "mimo-v2.6-pro", 1, 0.0, 5, 5, 0, 0, 0), None),
    ],
)
def test_costs_are_estimated_where_prices_are_known(usage: EngineUsage, cost: float | None) -> None:
    assert estimate_cost(usage) == (cost if cost is None else pytest.approx(cost))
