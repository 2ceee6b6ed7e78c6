"""What each key may use: requests in a minute, sound in a day."""

from __future__ import annotations

from datetime import timedelta

from bots.openai_api.errors import RATE_LIMIT, ApiError, tell_wait
from core.clock import CLOCK, Clock
from core.config import Settings
from core.limits import Pace
from core.store.operations.allowances import Allowances


class Budget:
    """The limits of all keys. None = no limit."""

    def __init__(self, settings: Settings, allowances: Allowances, clock: Clock = CLOCK) -> None:
        minutes_per_day = settings.api_audio_minutes_per_day
        self._allowances = allowances
        self._clock = clock
        self._pace = Pace(settings.api_requests_per_minute, clock)
        self._day_s = minutes_per_day * 60.0 if minutes_per_day else None

    async def check_pace(self, name: str) -> None:
        """Count a request of a key. Raises ApiError 429."""
        wait_s = await self._pace.take(name)
        if wait_s:
            text = "Too many requests in this minute."
            error = ApiError(429, text, kind=RATE_LIMIT, code="rate_limit_exceeded")
            raise tell_wait(error, wait_s)

    async def check_sound(self, name: str) -> None:
        """See that a key has some sound left. Raises ApiError 429."""
        now = self._clock.now()
        if self._day_s is None or await self._allowances.spent_s(name, now.date()) < self._day_s:
            return
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        text = f"This key has used its {self._day_s / 60:g} minutes of sound for today."
        error = ApiError(429, text, kind=RATE_LIMIT, code="insufficient_quota")
        raise tell_wait(error, (midnight - now).total_seconds())

    async def spend(self, name: str, audio_s: float) -> None:
        """Note the sound that was heard or spoken for a key."""
        if self._day_s is not None and audio_s:
            await self._allowances.spend(name, self._clock.now().date(), audio_s)
