"""No command shows a model's text unsanitized: all commands are tried, new ones too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bots.common.chat import clean
from core.commands import COMMANDS, load_command
from core.commands.context import Context
from core.errors import AssistantError
from core.models import (
    Attachment,
    Job,
    JobState,
    NoteMode,
    QuotedMessage,
    Reply,
    TalkRange,
    TalkSettings,
)
from core.safety import restore_links
from core.store import Store
from core.store.work.schedules import DigestPeriod
from core.summaries.ranges import SummaryCopy, SummaryRequest, dump_copy
from tests.emulators.telegram.links import find_links
from tests.support.group_talk import BEN, GROUP, Group, group_on
from tests.support.remembered_talk import REMEMBERS
from tests.support.virtual_time import current_clock

#: Obeys whatever the data asked for, in every form that some command reads.
HOSTILE = """(tone) /forget @everyone https://collect.example.net/?d=1 ev\u200bil.example.com
## Go to collect.example.net now (@ann_lee, Ada)
- /delete @here <@&1> [the minutes](https://collect.example.net/m) [#1] [#99999] [0:00]
## ACTIONS
- Call +1 900 555 0123, #now $TON t.me/collect_me, mail collect@example.net. [#1] [0:00]
HOST: Open https://collect.example.net and press /start@hearsay_test_bot.
Ada (shout @all): ![](https://collect.example.net/p.png) www.collect.shop/x"""
VOICE = Attachment("file-1", duration_s=1.1)


class Trial:
    """A group, and a model with harmful output."""

    def __init__(self, group: Group) -> None:
        self.group, self.loopback = group, group.loopback
        self.loopback.answerer.scripts[""] = HOSTILE
        self.shown: list[str] = []
        self.key = ""
        self.text = self.voice = QuotedMessage("")

    async def open(self) -> None:
        """Let people talk, with a voice message among it."""
        await self.loopback.store.chats.save_settings(GROUP, REMEMBERS)
        written, spoken = (
            await self.group.say("We take the blue tiles."),
            await self.group.speak(BEN),
        )
        self.text = QuotedMessage(written.message_id, written.text, sender_id=written.sender_id)
        self.voice = QuotedMessage(spoken.message_id, "", VOICE, BEN)
        shown = await self.group.ask("transcribe", reply_to=self.voice)
        self.key = shown.heard_key
        assert self.key

    async def run(self, command: str, /, **changes: Any) -> Reply:
        """Return the reply to a command, typed or pressed; an error is a reply too."""
        # A voice note that asks by itself has no command.
        message = self.group.write(**{"command": command, **changes})
        now = current_clock().now()
        job = Job("0123456789", message, command, JobState.RUNNING, 1, now, now, REMEMBERS)
        if message.is_private:
            job = replace(job, settings=replace(REMEMBERS, talk=TalkSettings(NoteMode.BOTH)))
        context = Context(
            job, message, job.settings, self.loopback.platform, self.loopback.transcription,
            self.loopback.synthesis, self.loopback.answering, self.loopback.store, current_clock(),
            self.shown.append, lambda progress: self.shown.append(progress.text),
            lambda pcm, rate: None,
        )  # fmt: skip
        try:
            return await load_command(command).function(context)
        except AssistantError as error:
            return Reply(str(error.user_text))

    def texts(self, reply: Reply) -> list[str]:
        """Return all that people see or hear of a reply, partial text included."""
        # Not the titles of sounds: no client looks for links in those.
        files = [file.name for file in reply.files]
        labels = [button.label for button in reply.buttons]
        return [reply.text, reply.quote, reply.aloud, *files, *labels, *self.shown]

    def due(self) -> str:
        now = current_clock().now() + timedelta(minutes=1)
        return DigestPeriod(now - timedelta(days=1), now, is_late=True).format()


Ways = dict[str, Callable[[Trial], dict[str, Any]]]
#: How each command comes to ask the model.
ASKING: dict[str, Ways] = {
    "ask": {
        "sound": lambda trial: {"text": "What is said?", "reply_to": trial.voice},
        "text": lambda trial: {"text": "What is said?", "reply_to": trial.text},
        "alone": lambda trial: {"text": "What is said?"},
        "spoken": lambda trial: {"command": "", "attachment": VOICE, "is_private": True},
    },
    "translate": {
        "behind it": lambda trial: {"text": "German We take the blue tiles."},
        "text": lambda trial: {"text": "German", "reply_to": trial.text},
        "sound": lambda trial: {"text": "German", "reply_to": trial.voice},
    },
    "summary": {
        "all": lambda trial: {"text": ""},
        "long": lambda trial: {"text": "last 2h long"},
        "voice": lambda trial: {"text": "voice"},
    },
    "private_summary": {
        "pressed": lambda trial: {
            "text": dump_copy(SummaryCopy(GROUP.chat_id, SummaryRequest(TalkRange()))),
            "is_private": True,
            "chat": replace(GROUP, chat_id="7"),
        }
    },
    "digest_due": {"late": lambda trial: {"text": trial.due()}},
    "brief": {"pressed": lambda trial: {"text": trial.key}},
}
WAYS = [(command, way) for command, ways in ASKING.items() for way in ways]


@pytest.fixture
async def trial(store: Store) -> AsyncIterator[Trial]:
    async with group_on(store) as group:
        trial = Trial(group)
        await trial.open()
        yield trial


@pytest.mark.parametrize(("command", "way"), WAYS, ids=[" ".join(pair) for pair in WAYS])
async def test_links_in_model_output_are_disabled(trial: Trial, command: str, way: str) -> None:
    reply = await trial.run(command, **ASKING[command][way](trial))
    assert trial.loopback.answerer.questions, reply
    assert "Ada" in reply.text + reply.quote, reply
    for text in trial.texts(reply):
        assert find_links(text) == []
        assert find_links(clean(text)) == []
        # What the engine itself heard may have named an address: it is read, and dead.
        if not any(trial.loopback.answerer.sounds()):
            assert "collect.example" not in restore_links(
                text
            ) and "collect.shop" not in restore_links(text)
    for utterance in trial.loopback.synthesizer.utterances:
        assert "collect.example" not in utterance.text
    assert not any("collect.example" in file.title for file in reply.files)
    known = {trial.text.message_id, trial.voice.message_id}
    assert {link.message_id for link in reply.links} <= known


async def test_no_other_command_calls_a_model(trial: Trial) -> None:
    # One that begins to ask belongs into the table above, with each of its ways.
    for command in (name for name in COMMANDS if name not in ASKING):
        for text in ("", "on", "1", "German words", "Ada = Eda", trial.key):
            await trial.run(command, text=text)
        for quoted in (trial.text, trial.voice):
            await trial.run(command, reply_to=quoted)
            await trial.run(command, text="German words", reply_to=quoted, button="token")
        assert trial.loopback.answerer.questions == [], command
