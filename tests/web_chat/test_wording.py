"""The page's own words: nobody replies to messages or forwards them there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from string import Formatter
from typing import Any

import pytest
from babel.messages.pofile import read_po
from httpx import AsyncClient

from bots.web_chat import WebChat
from bots.web_chat.wording import NOT_ON_PAGE, WORDING
from core.config import Settings
from core.locale import LANGUAGES
from tests.locale.catalogues import read_page_words
from tests.support.loopback import Loopback
from tests.support.paths import ROOT
from tests.support.virtual_time import current_clock
from tests.support.web_client import open_client, wait_for_reply

#: What people of chat apps do.
ELSEWHERE = re.compile(
    r"(?i)\breply to\b|\bforward|\bgroup|private chat|admins|unread|topic"
    "|回复一|转发|群|私聊|管理员|未读|话题"
    r"|\bответьте на|\bпере(?:шлите|сла)|групп|личн\w+ чат|администратор|непрочит|тем[аеуы]\b"
)


@pytest.fixture
async def client(settings: Settings, loopback: Loopback) -> AsyncIterator[AsyncClient]:
    """A page of the real assistant."""
    web = WebChat(settings, loopback.inbox, current_clock())
    platforms = loopback.inbox.platforms
    assert isinstance(platforms, dict)
    platforms["web"] = web
    serving = asyncio.create_task(web.run())
    await web.is_open.wait()
    async with loopback.running(), open_client(web) as client:
        await client.post("/api/session")
        yield client
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def ask(client: AsyncClient, message_id: str, text: str, language: str = "en") -> Any:
    """Send a text and return its reply."""
    form = {"id": (None, message_id), "text": (None, text)}
    await client.post("/api/messages", files=form, headers={"Accept-Language": language})
    return (await wait_for_reply(client, message_id))["reply"]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_an_empty_page_says_that_it_is_an_ai() -> None:
    shown = [read_page_words(one)["page"]["empty_text"]["other"] for one in ("en", *LANGUAGES)]
    assert all(re.search("AI|ИИ", one) and "/privacy" in one for one in shown)


def test_every_text_that_is_replaced_exists() -> None:
    with (ROOT / "core/locale/zh/hearsay.po").open("rb") as file:
        known = {str(one.id) for one in read_po(file)}
    assert WORDING.keys() <= known
    assert all(fields(words) <= fields(text) for text, words in WORDING.items())


@pytest.mark.finding(23)
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
async def test_no_reply_speaks_of_replying_or_forwarding(
    client: AsyncClient, language: str
) -> None:
    sent = ["hello", "/ask", "/translate", "/transcribe", "/summary", "/find x", "/forget",
            "/remember", "/glossary", "/say", "/help", "/auto", "/digest", "/voice"]  # fmt: skip
    for number, text in enumerate(sent):
        reply = await ask(client, f"message-{number}", text, language)
        assert not ELSEWHERE.search(reply["text"]), (text, reply["text"])
        assert "。 " not in reply["text"], "no spaces between Chinese sentences"
    listed = (await client.get("/api/commands", headers={"Accept-Language": language})).text
    assert "summary" in listed and not ELSEWHERE.search(listed)


@pytest.mark.finding(30)
async def test_forgetting_on_the_page_says_what_stays_there(client: AsyncClient) -> None:
    await ask(client, "message-1", "hello")
    reply = await ask(client, "message-2", "/forget me")
    assert reply["text"].endswith("/privacy says how long.")
    history = (await client.get("/api/history")).json()["entries"]
    assert [entry["id"] for entry in history] == ["message-2"]


async def test_hidden_commands_are_neither_listed_nor_suggested(client: AsyncClient) -> None:
    for number, text in enumerate(["/help", "/autoo"]):
        reply = await ask(client, f"message-{number}", text)
        listed = re.findall(r"(?m)^/(\w+) ", reply["text"])
        suggested = [button["label"].strip("/") for button in reply["buttons"]]
        assert not NOT_ON_PAGE & {*listed, *suggested} and (listed or suggested)


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
async def test_what_people_wrote_is_not_reworded(client: AsyncClient, language: str) -> None:
    """Texts are chosen before they are filled in: what they quote stays as it is."""
    quoted = "Read a text aloud, or the message you reply to, 朗读一段文字，或你回复的那条消息!"
    assert quoted in (await ask(client, "message-1", f"/style {quoted}", language))["text"]
