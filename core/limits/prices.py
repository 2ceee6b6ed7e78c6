"""List prices of models, to estimate what calls cost. The only table of them.

Source: Xiaomi's page "Pay as you go" for customers outside China, read in October 2026. What a
gateway calls by a name of MiMo's costs as much. Other services publish no prices that their servers
could be told apart by, so theirs are unknown.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from datetime import date
from functools import cache

from core.models import Amount, EngineUsage, Usage
from core.text.mimo_names import find_mimo, list_successors

#: When the prices were read.
READ_AT = date(2026, 10, 1)
#: This machine's own engines.
OWN = "offline"
_MILLION, _HOUR_S = 1e6, 3600.0


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars: per million tokens, and per hour of audio."""

    cached: float = 0.0
    prompt: float = 0.0
    completion: float = 0.0
    audio_hour: float = 0.0


_PRO = Price(cached=0.0036, prompt=0.435, completion=0.87)
_FLASH = Price(cached=0.0028, prompt=0.14, completion=0.28)
#: Speech synthesis is free for a limited time.
_FREE = Price()
MIMO_PRICES = {
    "mimo-v2.6-pro": _PRO,
    "mimo-v2.5-pro": _PRO,
    "mimo-v2.6-flash": _FLASH,
    "mimo-v2.5": _FLASH,
    "mimo-v2.6-pro-ultraspeed": Price(cached=0.036, prompt=4.35, completion=8.7),
    "mimo-v2.5-asr": Price(audio_hour=0.074),
    "mimo-v2.5-tts": _FREE,
    "mimo-v2.5-tts-voicedesign": _FREE,
    "mimo-v2.5-tts-voiceclone": _FREE,
}


def estimate_cost(usage: EngineUsage | Usage) -> float | None:
    """Return the price in US dollars, None if it is unknown. This machine's engines are free."""
    if usage.engine == OWN:
        return 0.0
    price = _find_price(usage.engine, usage.model)
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    tokens = (
        price.cached * cached
        + price.prompt * (usage.prompt_tokens - cached)
        + price.completion * usage.completion_tokens
    )
    return tokens / _MILLION + price.audio_hour * usage.audio_s / _HOUR_S


@cache
def _find_price(engine: str, model: str) -> Price | None:
    """Return the price of a model, None if it is not one of MiMo's.

    A retired one costs what its successor does, an unknown one as much as the dearest of its role.
    """
    name = model.lower() if engine == "mimo" else model
    model_id = find_mimo(name)
    if model_id is None and engine != "mimo":
        return None
    names = (model_id or name, *list_successors(model_id or name))
    listed = next((MIMO_PRICES[one] for one in names if one in MIMO_PRICES), None)
    of_role = (MIMO_PRICES[one] for one in MIMO_PRICES if _find_role(one) == _find_role(name))
    return listed or max(of_role, key=astuple)


def _find_role(name: str) -> str:
    """Return what the name of a model says that it is for."""
    return next((role for role in ("asr", "tts") if role in name), "chat")


def measure(usage: Usage, audio_s: float) -> Amount:
    """Return the cost of a call. audio_s: what counts as audio.

    An unknown price counts as none: that nobody asks without end is up to the number of requests.
    Those to this machine's own engines do not count.
    """
    cost_usd, requests = estimate_cost(usage) or 0.0, int(usage.engine != OWN)
    return Amount(math.ceil(audio_s * 1000), math.ceil(cost_usd * 1e6), requests)
