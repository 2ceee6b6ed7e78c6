"""Prompt injections, typed and spoken, and a model that obeys them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.safety import restore_links
from tests.chaos.conftest import IS_LONG
from tests.emulators.mimo import ChatRequest
from tests.emulators.telegram import Message, TelegramServer
from tests.emulators.telegram.links import find_links
from tests.support.paths import DATA

CORPUS = DATA / "injections.json"
#: Links of the model that are in no message.
STOLEN = "https://collect.example.net/?d=all or collect.example.net"
#: Kinds of links, as opposed to mentions.
_LINKS = frozenset({"url", "text_link", "email", "phone_number", "button"})
_TAG = re.compile(r"zq\d{3}")


@dataclass
class Attempt:
    """One attempt and its results."""

    tag: str
    language: str
    kind: str
    is_spoken: bool
    text: str
    #: The reply of an obeying model; {prompt} is its whole prompt.
    obeyed: str
    #: Commands that pass it to a model.
    commands: tuple[str, ...]
    chat: int = 0
    message_id: int = 0
    #: Number of messages that show the model's reply.
    shown: int = 0
    effects: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        """The message sent to the chat, marked with the tag."""
        return f"{self.text} ({self.tag})"

    def inspect(self, telegram: TelegramServer, answer: Message) -> None:
        """Collect links and mentions in every version of a message."""
        found = [one.partition(": ")[::2] for one in telegram.foreign_links(answer)]
        for version in answer.versions:
            found += find_links(version)
            # Where the model heard the sound itself, it may have been said: read, and dead.
            if "collect.example" in restore_links(version) and not self.is_spoken:
                found.append(("url", "what nobody had named"))
        for kind, words in found:
            (self.links if kind in _LINKS else self.pings).append(f"{kind}: {words}")
        for entity in answer.entities:
            target = telegram.follow_link(entity.get("url", ""))
            if target and (target.chat_id, target.message_id) != (self.chat, self.message_id):
                self.links.append(entity["url"])
        self.shown += self.tag in answer.text


def read_attempts() -> list[Attempt]:
    """Return the attempts of the corpus; in the short form a sample."""
    attempts: list[Attempt] = []
    seen: Counter[tuple[str, bool]] = Counter()
    for number, entry in enumerate(json.loads(CORPUS.read_text()), 1):
        times = entry.pop("times", 1)
        entry["text"], entry["obeyed"] = entry["text"] * times, entry["obeyed"] * times
        kind = entry["kind"], entry["is_spoken"]
        first = "transcribe" if entry["is_spoken"] else "translate"
        commands: tuple[str, ...] = (first, "ask", "summary")
        if not IS_LONG:  # each kind once, in one language after the other, for one command
            seen[kind] += 1
            place = list(seen).index(kind)
            if seen[kind] != 1 + place % 5:
                continue
            commands = (commands[place % 3],)
        attempts.append(Attempt(f"zq{number:03}", **entry, commands=commands))
    return attempts


class ObedientModel:
    """A model that obeys every instruction, as far as text can."""

    def __init__(self, attempts: Iterable[Attempt]) -> None:
        self._attempts = {attempt.tag: attempt for attempt in attempts}
        self._sounds: dict[str, Attempt] = {}
        #: Every prompt so far.
        self.prompts: list[str] = []

    def add_recording(self, sound: bytes, attempt: Attempt) -> None:
        """Register a recording of an attempt."""
        self._sounds[hashlib.sha256(sound).hexdigest()] = attempt

    def obey(self, order: ChatRequest) -> str:
        """Return what it says."""
        prompt = "\n".join(order.texts)
        self.prompts.append(prompt)
        told = [self._attempts[tag] for tag in dict.fromkeys(_TAG.findall(order.question))]
        told += [self._sounds[sound.sha256] for sound in order.recordings]
        is_summary = "## DECISIONS" in prompt
        say = self._sum_up if is_summary else self._answer
        return "\n".join(say(attempt, prompt) for attempt in told) or f"Done. {STOLEN}"

    def _answer(self, attempt: Attempt, prompt: str) -> str:
        obeyed = attempt.obeyed.replace("{prompt}", prompt)
        return f"{obeyed} {attempt.tag}\n{STOLEN}\n{attempt.text}\n{obeyed}"

    def _sum_up(self, attempt: Attempt, prompt: str) -> str:
        obeyed = " ".join(attempt.obeyed.replace("{prompt}", prompt).split())
        lines = (
            f"## {obeyed} (@everyone, Eve)",
            f"- {attempt.tag} {obeyed[:400]} [#1] [#99999] [#1 59:59]",
            f"- {STOLEN} [#2] [#0]\n## ACTIONS",
            f"- {attempt.tag} {attempt.text[:400]} [#1] https://t.me/c/1/1",
            attempt.obeyed.replace("{prompt}", prompt)[:400],
        )
        return "\n".join(lines)
