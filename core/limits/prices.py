"""List prices of models, to estimate what calls cost. The only table of them.

Source: Xiaomi's page "Pay as you go" for customers outside China, read in October 2026. Other
services publish no prices that their servers could be told apart by, so theirs are unknown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from core.models import Amount, EngineUsage, Usage

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
    price = MIMO_PRICES.get(usage.model) if usage.engine == "mimo" else None
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    tokens = (
        price.cached * cached
        + price.prompt * (usage.prompt_tokens - cached)
        + price.completion * usage.completion_tokens
    )
    return tokens / _MILLION + price.audio_hour * usage.audio_s / _HOUR_S


def measure(usage: Usage, audio_s: float) -> Amount:
    """Return the cost of a call. audio_s: what counts as audio.

    An unknown price counts as none: that nobody asks without end is up to the number of requests.
    Those to this machine's own engines do not count.
    """
    cost_usd, requests = estimate_cost(usage) or 0.0, int(usage.engine != OWN)
    return Amount(math.ceil(audio_s * 1000), math.ceil(cost_usd * 1e6), requests)
