"""/privacy: what is kept, who receives it, and how to delete it; the document says the same."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from core.commands import load_command
from core.config import Settings
from core.engines import Engines
from core.privacy.periods import PERIODS, build_table
from tests.commands.conftest import Talk
from tests.support.group_talk import ADA, Group
from tests.support.paths import ROOT

#: Telegram's limit is 4096, Discord's the smallest.
DISCORD_CHARS = 2000


async def test_privacy_says_what_is_kept_how_long_and_what_one_can_do(talk: Talk) -> None:
    reply = await talk.send(command="privacy")
    for one in PERIODS:
        assert (f"{one.what}: {one.describe('')}" in reply.text) == one.is_personal
    for part in ("AES-256-GCM", "/forget me", "/remember me off", "30 days after the reply"):
        assert part in reply.text
    assert len(reply.text) < DISCORD_CHARS
    chinese = await talk.send(command="privacy", language="zh")
    assert "/forget 我" in chinese.text and "30 days" not in chinese.text
    russian = await talk.send(command="privacy", language="ru")
    assert "Запросы и ответы: 30 дней после ответа" in russian.text
    assert len(russian.text) < DISCORD_CHARS


async def test_privacy_works_in_groups(group: Group) -> None:
    assert "/forget me" in (await group.ask("privacy", ADA)).text


async def test_the_document_has_the_same_table() -> None:
    text = (ROOT / "docs" / "privacy.md").read_text()
    assert build_table() in text, "python -m core.privacy.periods"


SERVICES: dict[str, dict[str, Any]] = {
    "Xiaomi MiMo (api.xiaomimimo.com)": {"mimo_api_key": SecretStr("key")},
    "gateway.example": {
        "mimo_api_key": SecretStr("key"),
        "mimo_base_url": "https://user:secret@gateway.example/v1?token=secret",
    },
    "speech.example": {"openai_base_url": "http://speech.example:9000/v1"},
    "this machine alone": {},
}


@pytest.mark.parametrize("processor", SERVICES)
async def test_privacy_names_who_receives_what_people_say(processor: str, talk: Talk) -> None:
    engines = Engines(Settings(_env_file=None, **SERVICES[processor]))  # type: ignore[call-arg]
    loopback = talk.loopback
    made: list[Any] = []
    for pipeline, role in (
        (loopback.transcription, "transcriber"),
        (loopback.synthesis, "synthesizer"),
        (loopback.answering, "answerer"),
    ):
        setattr(pipeline, role, getattr(engines, role)())
        made.append(getattr(pipeline, role))
    reply = await talk.send(command="privacy")
    assert reply.text.count(processor) == len(made)
    assert "secret" not in reply.text
    await engines.close()


def test_privacy_is_listed_and_seen_by_the_sender_alone() -> None:
    command = load_command("privacy")
    assert command.is_listed and command.is_ephemeral
