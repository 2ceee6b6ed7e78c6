"""Questions about what transcribes, answers and speaks."""

from __future__ import annotations

from bots.doctor.engine_checks import PLAN_KEY, PLAN_REGIONS
from bots.setup.draft import Draft
from bots.setup.terminal import ask, ask_secret, choose, tell, title
from bots.setup.tokens import keep, try_out, try_until_decided
from core.config import Settings

_SERVICES = {
    "mimo": "Xiaomi MiMo, with a key from https://platform.xiaomimimo.com",
    "openai": "any server with the OpenAI endpoints, here or elsewhere",
    "offline": "this machine alone, without a key: rough transcripts in English, robotic speech",
}
_PLAN_TEXT = "This key belongs to a token plan, which works in one region alone."
_ADDRESS = "Address of the server, such as http://127.0.0.1:8000/v1"


def ask_for_engines(draft: Draft) -> None:
    """Ask for a service, and say what this machine lacks where there is none."""
    title("Speech and answers")
    if not _keep_service(draft):
        service = choose("Which one", _SERVICES, "offline")
        if service == "mimo":
            _ask_for_mimo(draft)
        elif service == "openai":
            _ask_for_server(draft)
    try_out(draft.build(), "engine")


def _keep_service(draft: Draft) -> bool:
    """Return whether a service is set and is to stay."""
    services = (("mimo_api_key", "mimo"), ("openai_base_url", "openai"))
    for name, check in services:
        if draft.is_set(name) and keep(draft, name):
            return try_until_decided(draft, check) or draft.is_fixed(name)
    return False


def _ask_for_mimo(draft: Draft) -> None:
    while value := ask_secret("Key of Xiaomi MiMo (not shown)"):
        tried = {"mimo_api_key": value}
        if value.startswith(PLAN_KEY) and _has_default_address(draft.build()):
            tell(_PLAN_TEXT)
            tried["mimo_base_url"] = PLAN_REGIONS[_ask_for_region()]
        if try_until_decided(draft, "mimo", **tried):
            return


def _ask_for_region() -> str:
    meanings = {"cn": "China", "sgp": "Singapore", "ams": "Europe"}
    return choose("Its region", {one: meanings[one] for one in PLAN_REGIONS}, "sgp")


def _has_default_address(settings: Settings) -> bool:
    default: str = Settings.model_fields["mimo_base_url"].default
    return settings.mimo_base_url == default


def _ask_for_server(draft: Draft) -> None:
    while address := ask(_ADDRESS):
        tried = {"openai_base_url": address}
        if key := ask_secret("Its key, if it wants one (not shown)"):
            tried["openai_api_key"] = key
        if try_until_decided(draft, "openai", **tried):
            return
