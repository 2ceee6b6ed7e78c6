"""Validation of messages: lengths, flags, components, voice messages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from tests.emulators.discord.errors import bad_field, refused, too_long
from tests.emulators.discord.mentions import check_allowed
from tests.emulators.discord.records import VOICE, File

MAX_CHARS = 2000
MAX_WAVEFORM_BYTES = 256
#: Message flags that a bot may set.
_SETTABLE = 1 << 2 | 1 << 6 | 1 << 12 | VOICE


def check_body(body: dict[str, Any]) -> None:
    """Validate the fields of a new or edited message. Raises ApiError."""
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
    check_components(body)


def check_components(body: dict[str, Any]) -> None:
    """Validate action rows and buttons: counts, lengths, custom ids. Raises ApiError 50035."""
    rows = body.get("components") or []
    if len(rows) > 5:
        raise bad_field("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for number, row in enumerate(rows):
        if row.get("type") != 1:
            raise bad_field(f"components.{number}.type", "UNION_TYPE_CHOICES", "Must be one of 1.")
        parts = row.get("components", [])
        if not 1 <= len(parts) <= 5:
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


def _check_custom_id(path: str, custom_id: str, seen: set[str]) -> None:
    if not 1 <= len(custom_id) <= 100:
        raise bad_field(path, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if custom_id in seen:
        words = "Component custom id cannot be duplicated"
        raise bad_field(path, "COMPONENT_CUSTOM_ID_DUPLICATED", words)
    seen.add(custom_id)


def check_voice(body: dict[str, Any], files: Sequence[File]) -> None:
    """Validate a voice message: one OGG/Opus file with duration and waveform. Raises ApiError."""
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
    """Check that a message is not empty. Raises ApiError 50006."""
    content = (body.get("content") or "").strip()
    parts = (body.get("embeds"), body.get("components"), body.get("sticker_ids"), body.get("poll"))
    if not content and not files and not any(parts):
        raise refused(50006)
