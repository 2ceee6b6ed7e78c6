"""Settings as others may see them: which are set, and the values of those that tell nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from core.config import SECRETS, Settings

#: Settings whose values may be seen.
SHOWN = frozenset(
    (
        *("discord_shard_count", "discord_gateway", "discord_long_answers"),
        *("mimo_asr_model", "mimo_chat_model", "mimo_tts_model", "mimo_auth_header"),
        *("openai_asr_model", "openai_tts_model", "openai_tts_voice", "openai_chat_model"),
        *("transcriber", "answerer", "synthesizer", "model_probe", "max_file_mb", "allow_urls"),
        *("web_host", "web_port", "api_lenient", "api_requests_per_minute"),
        *("budget_person", "budget_chat", "budget_key", "budget_bot", "log_level", "log_format"),
    )
)
#: Addresses, of which scheme, host and port may be seen: the rest may hold a secret.
ADDRESSES = frozenset(
    (
        *("telegram_api_base_url", "telegram_file_base_url", "telegram_webhook_url"),
        *("discord_api_base_url", "mimo_base_url", "openai_base_url"),
        *("database_url", "storage_url", "otel_exporter_otlp_endpoint"),
    )
)
#: Lists, of which the length may be seen: they name chats, people, sites and networks.
COUNTED = frozenset(
    (
        "web_hosts",
        "trusted_proxies",
        "api_cors_origins",
        "allowed_chats",
        "denied_chats",
        "admin_ids",
    )
)
#: Settings of which it may be seen whether they are set.
NAMED = frozenset(
    (*SECRETS, *(f"{name}_file" for name in SECRETS), "discord_public_key", "hearsay_home")
)


def describe_settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return of each setting whether it was set, and its value where that may be seen."""
    return {
        name.upper(): {"is_set": name in settings.model_fields_set, **_describe(settings, name)}
        for name in type(settings).model_fields
    }


def _describe(settings: Settings, name: str) -> dict[str, Any]:
    value = getattr(settings, name)
    if name in SHOWN:
        return {"value": value}
    if name in ADDRESSES and value:
        return {"address": find_origin(value)}
    return {"count": len(value)} if name in COUNTED else {}


def find_origin(address: str) -> str:
    """Return scheme, host and port of an address, without what else it may hold."""
    parts = urlsplit(address)
    place = parts.netloc.rpartition("@")[2]
    # A password with "/" in it is cut there: nobody knows where it ends.
    is_cut = "@" in f"{parts.path}{parts.query}{parts.fragment}"
    return f"{parts.scheme}://{'…' if is_cut else place}"
