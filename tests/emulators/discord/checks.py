"""What Discord demands of a message before it takes it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from tests.emulators.discord.errors import ApiError, bad_field, refused, too_long
from tests.emulators.discord.mentions import check_allowed
from tests.emulators.discord.records import COMPONENTS_V2, VOICE, File

MAX_CHARS = 2000
MAX_EMBEDS_CHARS = 6000
MAX_WAVEFORM_BYTES = 256
#: Flags that a bot may set on what it sends.
_SETTABLE = 1 << 2 | 1 << 6 | 1 << 12 | VOICE | COMPONENTS_V2


def check_body(body: dict[str, Any]) -> None:
    """Check the fields of a new or edited message. Raises ApiError."""
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        raise bad_field("content", "BASE_TYPE_BAD_TYPE", "Must be a string.")
    if content and len(content) > MAX_CHARS:
        raise too_long("content", MAX_CHARS)
    nonce = body.get("nonce")
    if isinstance(nonce, str) and len(nonce) > 25:
        raise too_long("nonce", 25)
    if (body.get("flags") or 0) & ~_SETTABLE:
        raise bad_field("flags", "BASE_TYPE_CHOICES", "Flags that cannot be set.")
    check_allowed(body.get("allowed_mentions"))
    _check_embeds(body.get("embeds") or [])
    check_components(body)


def _check_embeds(embeds: list[dict[str, Any]]) -> None:
    if len(embeds) > 10:
        raise bad_field("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = 0
    for number, embed in enumerate(embeds):
        fields = [text for one in embed.get("fields", []) for text in (one["name"], one["value"])]
        texts = [embed.get("title") or "", embed.get("description") or "", *fields]
        texts.append((embed.get("footer") or {}).get("text", ""))
        total += sum(map(len, texts))
        if len(embed.get("description") or "") > 4096:
            raise too_long(f"embeds.{number}.description", 4096)
    if total > MAX_EMBEDS_CHARS:
        raise bad_field("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds 6000.")


def check_components(body: dict[str, Any]) -> None:
    """Check buttons and selects: lengths, counts, custom ids. Raises ApiError 50035."""
    rows = body.get("components") or []
    is_v2 = bool((body.get("flags") or 0) & COMPONENTS_V2)
    if is_v2 and (body.get("content") or body.get("embeds")):
        raise bad_field(
            "content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
        )  # fmt: skip
    if len(rows) > (40 if is_v2 else 5):
        raise bad_field("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if not is_v2 and row.get("type") != 1:
            raise bad_field(f"components.{number}.type", "UNION_TYPE_CHOICES", "Must be one of 1.")
        parts = row.get("components", []) if row.get("type") == 1 else []
        if row.get("type") == 1 and not 1 <= len(parts) <= 5:
            path = f"components.{number}.components"
            raise bad_field(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        for place, part in enumerate(parts):
            _check_part(f"components.{number}.components.{place}", part, seen)


def _check_part(path: str, part: dict[str, Any], seen: set[str]) -> None:
    if "custom_id" in part:
        _check_custom_id(f"{path}.custom_id", part["custom_id"], seen)
    elif "url" not in part and part.get("style") != 6:
        raise bad_field(f"{path}.custom_id", "BASE_TYPE_REQUIRED", "This field is required")
    if len(part.get("label") or "") > 80:
        raise too_long(f"{path}.label", 80)
    if part.get("type") == 3:
        _check_options(f"{path}.options", part.get("options", []))


def _check_custom_id(path: str, custom_id: str, seen: set[str]) -> None:
    if not 1 <= len(custom_id) <= 100:
        raise bad_field(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if custom_id in seen:
        words = "Component custom id cannot be duplicated"
        raise bad_field(path, "COMPONENT_CUSTOM_ID_DUPLICATED", words)
    seen.add(custom_id)


def _check_options(path: str, options: list[dict[str, Any]]) -> None:
    if not 1 <= len(options) <= 25:
        raise bad_field(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
    for number, option in enumerate(options):
        for name in ("label", "value", "description"):
            if len(option.get(name) or "") > 100:
                raise too_long(f"{path}.{number}.{name}", 100)


def check_voice(body: dict[str, Any], files: Sequence[File]) -> None:
    """Check a message with the flag of voice messages. Raises ApiError.

    One sound of Opus in Ogg with its duration and a waveform, and nothing else.
    """
    others = ("content", "embeds", "components", "sticker_ids", "poll")
    if any(body.get(name) for name in others):
        raise refused(50159)
    if len(files) != 1:
        raise refused(50160)
    [file] = files
    if not file.data.startswith(b"OggS") or b"OpusHead" not in file.data[:128]:
        raise refused(50160)
    if not file.duration_s or file.waveform is None:
        raise refused(50161)
    if not 0 < file.duration_s <= 1200 or not _is_waveform(file.waveform):
        raise refused(50161)


def _is_waveform(text: str) -> bool:
    try:
        return 1 <= len(base64.b64decode(text, validate=True)) <= MAX_WAVEFORM_BYTES
    except (binascii.Error, ValueError):
        return False


def check_not_empty(body: dict[str, Any], files: Sequence[File]) -> None:
    """Check that a message says something. Raises ApiError 50006."""
    content = (body.get("content") or "").strip()
    parts = (body.get("embeds"), body.get("components"), body.get("sticker_ids"), body.get("poll"))
    if not content and not files and not any(parts):
        raise refused(50006)


def file_too_large() -> ApiError:
    """Return the refusal of a file over the limit."""
    return refused(40005)
