"""People of the end-to-end scenario, one class per platform, with the same actions.

Each action returns when its reply is complete.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.emulators.discord import DiscordServer
from tests.emulators.discord.records import Message as DiscordMessage
from tests.emulators.telegram import Message as TelegramMessage
from tests.emulators.telegram import TelegramServer
from tests.support.discord_markdown import read

NAMES = ("Ann", "Ben", "Cleo")
NOTE_S = 2
#: The option of each slash command that takes its text.
OPTIONS = {"say": "text", "voice": "voice", "forget": "whose"}
_UNSEEN = re.compile("[\u200b\u2060\ufeff]")

#: Waits until the job of a message has ended.
Settle = Callable[[str], Awaitable[None]]


def flatten(*texts: str) -> str:
    """Return texts line by line, without invisible characters and extra space."""
    lines = _UNSEEN.sub("", "\n".join(texts)).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


@dataclass
class Answer:
    """A reply as a person sees it."""

    #: The text with the quote in its place, without markup of the platform.
    text: str = ""
    #: The voice message, or empty.
    sound: bytes = b""
    labels: tuple[str, ...] = ()
    #: The request and the reply, as stored by the platform.
    sent_id: Any = None
    shown: Any = None


@dataclass
class TelegramPerson:
    """A person in a private chat on Telegram."""

    server: TelegramServer
    settle: Settle
    name: str = NAMES[0]
    language: str = "en"

    def __post_init__(self) -> None:
        self.user = self.server.add_user(self.name, language=self.language)
        self.display_name = self.name

    async def send_note(self, sound: bytes) -> Answer:
        sent_id = self.server.send_voice(self.user, self.user, sound, duration=NOTE_S)
        return await self._answer(sent_id)

    async def send_command(self, command: str, text: str = "") -> Answer:
        sent_id = self.server.send_command(self.user, self.user, f"/{command} {text}".strip())
        return await self._answer(sent_id)

    async def ask_about(self, note: Answer, question: str) -> Answer:
        text, quoted = f"/ask {question}", note.sent_id
        sent_id = self.server.send_command(self.user, self.user, text, reply_to=quoted)
        return await self._answer(sent_id)

    async def reply_to(self, answer: Answer, text: str) -> Answer:
        quoted = answer.shown.message_id
        sent_id = self.server.send_text(self.user, self.user, text, reply_to=quoted)
        return await self._answer(sent_id)

    async def press(self, answer: Answer, label: str) -> Answer:
        before = {message.message_id for message in self.server.replies(self.user)}
        shown = answer.shown.message_id
        pressed = self.server.press_button(self.user, self.user, shown, label)
        await self.settle(f"callback:{pressed}")
        new = [m for m in self.server.replies(self.user) if m.message_id not in before]
        return self._read(shown, new)

    async def _answer(self, sent_id: int) -> Answer:
        await self.settle(str(sent_id))
        return self._read(sent_id, self.server.replies_to(self.user, sent_id))

    def _read(self, sent_id: int, found: list[TelegramMessage]) -> Answer:
        spoken = next((one for one in found if one.file), None)
        shown = next((one for one in found if one.text), spoken)
        return Answer(
            flatten(*(one.text for one in found)),
            spoken.file.data if spoken and spoken.file else b"",
            tuple(label for one in found for label in one.labels),
            sent_id,
            shown,
        )


@dataclass
class DiscordPerson:
    """A person in direct messages on Discord."""

    server: DiscordServer
    settle: Settle
    name: str = NAMES[1]

    def __post_init__(self) -> None:
        self.user = self.server.add_user(self.name)
        self.chat = self.server.dm(self.user)
        self.display_name = self.name

    async def send_note(self, sound: bytes) -> Answer:
        sent_id = self.server.send_voice(self.chat, self.user, sound, duration=NOTE_S)
        return await self._answer_to(sent_id)

    async def send_command(self, command: str, text: str = "") -> Answer:
        options = {OPTIONS[command]: text} if text else {}
        return await self._answer_of(self.server.slash(self.chat, self.user, command, options))

    async def ask_about(self, note: Answer, question: str) -> Answer:
        opened = self.server.context_menu(note.sent_id, self.user, "Ask about this")
        await self.server.wait_for(lambda: self.server.interaction(opened).modal)
        return await self._answer_of(self.server.submit(opened, self.user, {"text": question}))

    async def reply_to(self, answer: Answer, text: str) -> Answer:
        quoted = answer.shown.message_id
        sent_id = self.server.send_text(self.chat, self.user, text, reply_to=quoted)
        return await self._answer_to(sent_id)

    async def press(self, answer: Answer, label: str) -> Answer:
        sent_id = self.server.press(answer.shown.message_id, self.user, label=label)
        return await self._answer_of(sent_id)

    async def _answer_to(self, sent_id: str) -> Answer:
        await self.settle(sent_id)
        return self._read(sent_id, self.server.replies_to(sent_id))

    async def _answer_of(self, sent_id: str) -> Answer:
        """Return the reply to an interaction, with voice messages sent separately."""
        before = {message.message_id for message in self.server.replies(self.chat)}
        await self.settle(f"interaction:{sent_id}")
        new = [m for m in self.server.replies(self.chat) if m.message_id not in before]
        own = self.server.responses_to(sent_id)
        known = {message.message_id for message in own}
        return self._read(sent_id, [*own, *(m for m in new if m.message_id not in known)])

    def _read(self, sent_id: str, found: list[DiscordMessage]) -> Answer:
        spoken = next((one for one in found if one.files), None)
        shown = next((one for one in found if one.content), spoken)
        return Answer(
            flatten(*(read(one.content).text for one in found)),
            spoken.files[0].data if spoken else b"",
            tuple(label for one in found for label in one.labels),
            sent_id,
            shown,
        )


@dataclass
class WebPerson:
    """A person in the web chat; `shown` is the entry of the history."""

    url: str
    settle: Settle
    name: str = NAMES[2]
    display_name: str = "?"

    def __post_init__(self) -> None:
        self.browser = httpx.AsyncClient(base_url=self.url)

    async def open(self) -> None:
        """Open the page."""
        (await self.browser.post("/api/session")).raise_for_status()

    async def close(self) -> None:
        """Close the browser."""
        await self.browser.aclose()

    async def send_note(self, sound: bytes) -> Answer:
        file = {"file": ("note.ogg", sound, "audio/ogg; codecs=opus")}
        return await self._send({"kind": "voice", "duration_s": str(NOTE_S)}, file)

    async def send_command(self, command: str, text: str = "") -> Answer:
        return await self._send({"text": f"/{command} {text}".strip()})

    async def ask_about(self, note: Answer, question: str) -> Answer:
        return await self._send({"text": f"/ask {question}", "reply_to": note.sent_id})

    async def reply_to(self, answer: Answer, text: str) -> Answer:
        return await self._send({"text": text, "reply_to": answer.sent_id})

    async def press(self, answer: Answer, label: str) -> Answer:
        buttons = answer.shown["reply"]["buttons"]
        token = next(button["token"] for button in buttons if button["label"] == label)
        sent_id = secrets.token_hex(8)
        return await self._follow(
            sent_id, self.browser.post("/api/buttons", json={"id": sent_id, "token": token})
        )

    async def _send(self, fields: dict[str, str], files: Any = None) -> Answer:
        sent_id = secrets.token_hex(8)
        form = {name: (None, value) for name, value in {"id": sent_id, **fields}.items()}
        return await self._follow(
            sent_id, self.browser.post("/api/messages", files=form | (files or {}))
        )

    async def _follow(self, sent_id: str, sending: Awaitable[httpx.Response]) -> Answer:
        """Send a request with the events open, and return its reply."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        address = self.url.replace("http", "ws", 1) + "/api/events"
        events: list[dict[str, Any]] = []
        async with connect(address, origin=self.url, additional_headers={"Cookie": cookie}) as page:  # type: ignore[arg-type]
            (await sending).raise_for_status()
            while not (events and events[-1]["type"] == "reply"):
                event = json.loads(await page.recv())
                events += [event] if event["id"] == sent_id else []
        await self.settle(sent_id)
        entries = (await self.browser.get("/api/history")).json()["entries"]
        [entry] = [one for one in entries if one["id"] == sent_id]
        assert entry["reply"] == events[-1]["reply"]
        sounds = [one["at_s"] for one in events if one["type"] == "sound"]
        assert not sounds or sounds[0] == 0, "played while it is synthesized"
        return await self._read(sent_id, entry)

    async def _read(self, sent_id: str, entry: Any) -> Answer:
        reply = entry["reply"]
        texts = [reply["text"], reply["quote"]]
        if reply["is_quote_first"]:
            texts.reverse()
        sound = b""
        for file in reply["files"]:
            sound = (await self.browser.get(file["url"])).raise_for_status().content
        labels = tuple(button["label"] for button in reply["buttons"])
        return Answer(flatten(*texts), sound, labels, sent_id, entry)
