"""Strangers who try everything, thousands of times: none sees anything of another."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest

from core.interfaces import OnText
from core.models import (
    Answer,
    Attachment,
    Chat,
    ChatSettings,
    Message,
    Question,
    QuotedMessage,
    Reply,
    TalkSettings,
    Usage,
)
from tests.chaos.conftest import IS_LONG
from tests.chaos.report import TRIED
from tests.support.group_talk import Group
from tests.support.loopback import Loopback, ScriptedAnswerer

#: `make security` and `make chaos` take all of them.
STEPS = 5000 if IS_LONG else 150
#: Each has a private chat and a group.
STRANGERS = 10
COMMANDS = """
ask|ask {canary}?|ask What did anybody say?|summary|summary 7d|summary private|find {word}|find a
transcribe|translate German|digest daily 09:00|digest|digest off|say {canary}|voice|style {word}
remember on 7|remember off|remember|forget|forget me|glossary|glossary {word} = {canary}|link
link 123456|cancel|cancel all|language German|mode ask|think on|replies on|read on|help|start
privacy|stop|leave|join|auto on|auto off|voice design {canary}|voice clone|unknown {word}
export|usage|admin status|admin budget
""".replace("\n", "|")


class Parrot(ScriptedAnswerer):
    """A model that repeats all it was given: what reaches it reaches the chat."""

    async def answer(self, question: Question, *, on_text: OnText | None = None) -> Answer:
        turns = " ".join(turn.text for turn in question.turns)
        return Answer(f"{question.instructions} {turns}", usage=Usage(self.name, self.model))


@dataclass
class Stranger:
    """A person with two chats, in each of which another word is said, and what they have seen."""

    person_id: str
    #: The word of each chat.
    chats: dict[str, Group]
    tokens: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    job_ids: list[str] = field(default_factory=list)


class Trial:
    """Random steps of all, with what they know of each other: ids, tokens and job ids."""

    def __init__(self, loopback: Loopback, seed: int) -> None:
        self.loopback, self.random = loopback, random.Random(seed)
        self.all = [self._open_chats(str(7 + number)) for number in range(STRANGERS)]

    def _open_chats(self, person: str) -> Stranger:
        private, group = (Chat("test", "1", chat_id) for chat_id in (person, f"-{person}00"))
        chats = {
            f"qcanary{person}private": Group(self.loopback, private, is_private=True),
            f"qcanary{person}group": Group(self.loopback, group),
        }
        return Stranger(person, chats)

    async def run(self, steps: int) -> None:
        remembers = ChatSettings(is_auto=True, talk=TalkSettings(remember_days=7))
        for one in self.all:
            _, group = one.chats.values()
            await self.loopback.store.chats.save_settings(group.chat, remembers)
        for _ in range(steps):
            await self._step(*self.random.sample(self.all, 2))

    async def _step(self, me: Stranger, other: Stranger) -> None:
        canary, group = self.random.choice([*me.chats.items()])
        message = group.write_as(me.person_id, canary)
        message = self.random.choice((self._say, self._speak, self._command, self._press))(
            message, me, other
        )
        # What they transcribe is their own, too.
        self.loopback.engine.text = f"{canary} said so"
        sent = len(self.loopback.platform.sent)
        job = await self.loopback.inbox.accept(message)
        await self.loopback.settle()
        me.messages.append(message)
        me.job_ids += [job.job_id] if job else []
        for message_id, reply in self.loopback.platform.sent[sent:]:
            self._note(me, message_id, reply)

    def _note(self, me: Stranger, message_id: str, reply: Reply) -> None:
        me.tokens += [button.token for button in reply.buttons]
        shown = [repr(replace(reply, files=())), *(f"{file.data!r}" for file in reply.files)]
        found = {word for text in shown for word in re.findall("qcanary[0-9]+[a-z]+", text)}
        assert found <= me.chats.keys(), (message_id, reply)

    def _say(self, message: Message, me: Stranger, other: Stranger) -> Message:
        text = f"I am {message.sender_name}"
        return replace(message, text=text, reply_to=self._quote(me, other))

    def _speak(self, message: Message, me: Stranger, other: Stranger) -> Message:
        attachment = Attachment(f"file-{self.random.randrange(3)}", duration_s=3.0)
        return replace(message, attachment=attachment)

    def _command(self, message: Message, me: Stranger, other: Stranger) -> Message:
        typed = self.random.choice([one for one in COMMANDS.split("|") if one])
        typed = typed.format(canary=message.sender_name, word="said")
        if self.random.random() < 0.1 and other.job_ids:
            typed = f"cancel {self.random.choice(other.job_ids)}"
        name, _, text = typed.partition(" ")
        return replace(message, command=name, text=text, reply_to=self._quote(me, other))

    def _press(self, message: Message, me: Stranger, other: Stranger) -> Message:
        tokens = self.random.choice((me.tokens, other.tokens)) or ["0123456789none"]
        return replace(message, button=self.random.choice(tokens))

    def _quote(self, me: Stranger, other: Stranger) -> QuotedMessage | None:
        """Return a quote of a message of either: ids of the other are guessed."""
        known = self.random.choice((me.messages, other.messages, []))
        if not known:
            return None
        quoted = self.random.choice(known)
        # The platform shows the sender what they quote; of the other there is only the id.
        text = quoted.text if known is me.messages else ""
        attachment = quoted.attachment if known is me.messages else None
        return QuotedMessage(quoted.message_id, text, attachment, quoted.sender_id)


@pytest.fixture
async def parrot(loopback: Loopback) -> AsyncIterator[Loopback]:
    loopback.answerer.__class__ = Parrot
    async with loopback.running():
        yield loopback


@pytest.mark.parametrize("seed", [1, 2])
async def test_strangers_see_nothing_of_each_other(
    parrot: Loopback, seed: int, record_property: Callable[[str, object], None]
) -> None:
    trial = Trial(parrot, seed)
    await trial.run(STEPS)
    record_property(TRIED, (STEPS, "steps in 20 chats"))
    # They did see their own: else nothing would have been tried.
    replies = " ".join(repr(reply) for _, reply in parrot.platform.sent)
    shown = {word: replies.count(word) for one in trial.all for word in one.chats}
    assert len(shown) == 20 and sum(shown.values()) > STEPS / 2
    assert not IS_LONG or min(shown.values()) > STEPS / 1000, shown
    assert all(one.tokens and one.job_ids for one in trial.all)
