"""Building the endpoints from the parts of the program."""

from __future__ import annotations

from starlette.types import ASGIApp

from bots.openai_api.app import build_app
from bots.openai_api.keys import read_keys
from bots.openai_api.middleware import ApiMiddleware
from bots.openai_api.services import Services
from core.config import Settings

#: Where it is to be mounted.
PATH = "/v1"


def build_api(settings: Settings, services: Services) -> ASGIApp:
    """Return the endpoints. Raises ConfigError if API_KEYS cannot be read."""
    keys = read_keys(settings.secret("api_keys") or "")
    return ApiMiddleware(build_app(services), keys, services.budget, services.clock)
