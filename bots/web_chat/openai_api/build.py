"""Building the endpoints from the parts of the program."""

from __future__ import annotations

from starlette.types import ASGIApp

from bots.web_chat.openai_api.app import build_app
from bots.web_chat.openai_api.budget import Budget
from bots.web_chat.openai_api.entry import Entry
from bots.web_chat.openai_api.keys import read_keys
from bots.web_chat.openai_api.services import Services
from core.config import Settings
from core.hearing import Hearing
from core.speaking import Speaking
from core.store.allowances import Allowances
from core.understanding import Understanding

#: Where it is to be mounted.
PATH = "/v1"


def build_api(
    settings: Settings,
    allowances: Allowances,
    hearing: Hearing,
    speaking: Speaking,
    understanding: Understanding,
) -> ASGIApp:
    """Return the endpoints. Raises ConfigError if API_KEYS cannot be read."""
    keys = read_keys(settings.secret("api_keys") or "")
    budget = Budget(
        allowances, settings.api_requests_per_minute, settings.api_audio_minutes_per_day
    )
    services = Services(hearing, speaking, understanding, budget)
    return Entry(build_app(services), keys, budget)
