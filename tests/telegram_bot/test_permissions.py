"""The cells of docs/permissions.md on Telegram, through the whole assistant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from core.errors import NotAllowed, NotMember
from core.models import (
    CANCEL_TOKEN,
    Audio,
    Chat,
    ChatSettings,
    Correction,
    Job,
    JobState,
    SavedVoice,
    TalkSettings,
)
from core.permissions import Action
from tests.emulators.telegram import ANONYMOUS_ADMIN
from tests.emulators.telegram import TelegramServer as Server
from tests.support.loopback import Loopback
from tests.support.paths import SPEECH
from tests.support.permission_table import (
    Person,
    Place,
    Row,
    decide_cell,
    list_cells,
    list_trials,
)
from tests.support.virtual_time import current_clock

NOTE = (SPEECH / "cards-001.wav").read_bytes()
CHANNEL_BOT, NEWS = 136817688, {"id": -1007, "type": "channel", "title": "News"}
STATUSES = {
    Person.MEMBER: "member", Person.ADMIN: "administrator", Person.OWNER: "creator",
    Person.OPERATOR: "member",
    Person.LEFT: "left", Person.BANNED: "kicked", Person.BOT: "member",
}  # fmt: skip
#: What those get who may not.
REFUSALS = (
    NotAllowed.user_text, NotMember.user_text, "There is nothing to cancel.", "I don't know /",
    "This button has expired.", "Only the person who ",
)  # fmt: skip
#: What is typed for an action that needs nothing else.
TYPED = {
    Action.USE: "/help",
    Action.CHANGE_OWN_SETTINGS: "/language me German",
    Action.FORGET_OWN_DATA: "/forget me",
    Action.FORGET_CHAT: "/forget chat",
    Action.CHANGE_SETTINGS: "/language German",
    Action.CHANGE_HISTORY: "/remember 30d",
    Action.CHANGE_GLOSSARY: "/glossary remove 1",
    Action.CHANGE_VOICES: "/voice rename Calm = Calm",
    Action.OPERATE: "/admin status",
    Action.SCHEDULED: "/digest_due 2026-01-01 2026-01-02",
}
#: As a reply to a transcript.
CORRECTION, FOR_ALL = "Kovalsky = Kowalski", "for everybody's recordings."


@dataclass
class Stage:
    """A group with a topic, and one person of each kind."""

    telegram: Server
    whole: Loopback
    place: Place
    people: dict[Person, int] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        telegram = self.telegram
        telegram.set_privacy(is_on=False)
        self.whole.engine.text = "Kovalsky came."
        self.people = {one: telegram.add_user(one.title()) for one in STATUSES}
        self.people[Person.BOT] = telegram.add_user("Robot", is_bot=True)
        telegram.add_user("Channel", user_id=CHANNEL_BOT, is_bot=True)
        self.people |= {Person.ANONYMOUS: ANONYMOUS_ADMIN, Person.CHANNEL: CHANNEL_BOT}
        self.people[Person.FORGER] = telegram.add_user("Forger")
        self.bot.operators = frozenset({str(self.people[Person.OPERATOR])})
        self.ben = telegram.add_user("Ben")
        self.group = telegram.add_chat(members={self.ben: "member"})
        self.topic = telegram.add_topic(self.group)

    @property
    def bot(self) -> Any:
        return self.whole.inbox.platforms["telegram"]

    def note(self) -> bytes:
        """Return a recording that was not transcribed before."""
        return NOTE[:-2] + next(self.numbers).to_bytes(2, "little")

    def chat_of(self, who: int) -> int:
        return who if self.place is Place.PRIVATE else self.group

    def chat(self, chat_id: int) -> Chat:
        return Chat("telegram", "123456", str(chat_id))

    def send(self, who: int, text: str, *, voice: bool = False, **where: Any) -> int:
        chat = self.chat_of(who)
        if self.place is Place.TOPIC:
            where["thread"] = self.topic
        if who == CHANNEL_BOT:
            where["extra"] = {"sender_chat": NEWS}
        if voice:
            return self.telegram.send_voice(chat, who, self.note(), **where)
        return self.telegram.send_text(chat, who, text, **where)

    async def job(self, chat_id: int, message_id: object) -> Job | None:
        await current_clock().sleep(5)
        return await self.whole.store.jobs.of_message(self.chat(chat_id), str(message_id))

    async def ask(self, who: int, text: str, **where: Any) -> Job | None:
        return await self.job(self.chat_of(who), self.send(who, text, **where))

    async def set_up(self, row: Row, person: Person) -> int:
        """Reset the chat, and make the person what they are in the group."""
        store, who = self.whole.store, self.people[person]
        if person in STATUSES:
            self.telegram.set_member(self.group, who, STATUSES[person])
        chat = self.chat(self.chat_of(who))
        names = {ANONYMOUS_ADMIN: str(self.group), CHANNEL_BOT: str(NEWS["id"])}
        by = names.get(who, str(who)) if row.is_own else str(self.ben)
        talk = TalkSettings(remember_days=7, glossary=(Correction("a", "b", by),))
        for one in {chat, self.chat(self.group)}:
            await store.chats.save_settings(one, ChatSettings(talk=talk))
        if not await store.voices.usable(chat, ""):
            sample = Audio(b"RIFF", "wav", 1.0)
            await store.voices.keep(
                chat, str(who), SavedVoice(f"v{abs(int(chat.chat_id))}", "Calm", sample)
            )
        return who

    async def record(self, who: int) -> tuple[int, int, int]:
        """Send a recording and have it transcribed; return it, the request and the transcript."""
        sent = self.send(who, "", voice=True)
        asked = (
            sent if self.place is Place.PRIVATE else self.send(who, "/transcribe", reply_to=sent)
        )
        await current_clock().sleep(20)
        replies = self.telegram.replies_to(self.chat_of(who), asked)
        return sent, asked, replies[-1].message_id if replies else 0

    async def attempt(self, row: Row, person: Person) -> bool:
        """Return whether the person could do it."""
        who = await self.set_up(row, person)
        if row.action in (Action.READ_ELSEWHERE, Action.PRESS_PRIVATE):
            return await self.open_private(row, person, who)
        return self.is_done(row, await self.do(row, person, who))

    async def do(self, row: Row, person: Person, who: int) -> Job | None:
        speaker = who if row.is_own and person is not Person.BOT else self.ben
        if text := TYPED.get(row.action):
            return await self.ask(who, text)
        if row.action is Action.CANCEL:
            return await self.cancel(who, speaker)
        if self.place is Place.PRIVATE and person is Person.BOT:
            return await self.ask(who, "/help")
        recording, _, transcript = await self.record(speaker)
        if row.action in (Action.CORRECT, Action.CORRECT_FOR_ALL):
            return await self.ask(who, CORRECTION, reply_to=transcript)
        assert row.action is Action.FORGET_MESSAGE
        return await self.ask(who, "/forget", reply_to=recording)

    async def cancel(self, who: int, speaker: int) -> Job | None:
        """Cancel a request by a reply to it."""
        self.whole.engine.latency_s = 60.0
        if self.place is Place.PRIVATE:
            asked = self.send(who, "", voice=True)
        else:
            recording = self.send(speaker, "", voice=True)
            asked = self.send(speaker, "/transcribe", reply_to=recording)
        await current_clock().sleep(2)
        job = await self.ask(who, "/cancel", reply_to=asked)
        await current_clock().sleep(200)
        return job

    async def open_private(self, row: Row, person: Person, who: int) -> bool:
        """Press the button that was offered in the group, once the person is what they are."""
        if person is Person.BOT:
            return self.is_done(row, await self.ask(who, "/start"))
        asker = self.ben if row.action is Action.PRESS_PRIVATE and not row.is_own else who
        self.telegram.set_member(self.group, who, "member")
        self.telegram.send_text(self.group, self.ben, "The tiles will be blue.")
        asked = self.telegram.send_text(self.group, asker, "/summary me")
        await current_clock().sleep(5)
        [[button]] = self.telegram.replies_to(self.group, asked)[0].buttons
        # What was known before does not count: Telegram reports changes to admins alone.
        platform = self.whole.inbox.platforms["telegram"]
        await platform.membership(self.chat(self.group), str(who))
        self.telegram.world.chats[self.group].members[who].status = STATUSES[person]
        job = await self.job(who, self.telegram.open_link(who, button["url"]))
        assert job
        if row.action is Action.PRESS_PRIVATE:
            return job.command == "private_summary"
        assert job.command == "private_summary" and job.reply
        return job.reply.text != NotMember.user_text

    async def forge(self, who: int) -> bool:
        """Press buttons that were made up, under a message of the bot."""
        under = self.send(self.ben if self.place is not Place.PRIVATE else who, "/help")
        await current_clock().sleep(5)
        chat = self.chat_of(who)
        shown = self.telegram.replies_to(chat, under)[0].message_id
        self.whole.engine.latency_s = 100.0
        running = self.telegram.send_voice(self.ben, self.ben, self.note())
        target = await self.job(self.ben, running)
        self.whole.engine.latency_s = 0.0
        assert target and target.state is JobState.RUNNING
        for data in ("x" * 22, f"{CANCEL_TOKEN}{target.job_id}", "/admin pause", "private_summary"):
            query = self.telegram.press_button(chat, who, shown, data)
            job = await self.job(chat, f"callback:{query}")
            assert job and job.command in ("stale_button", "cancel"), job
        after = await self.whole.store.jobs.find(target.job_id)
        return after is None or after.outcome is JobState.CANCELLED

    def is_done(self, row: Row, job: Job | None) -> bool:
        if job is None:
            return False
        assert job.reply, job
        if job.reply.text.startswith(REFUSALS):
            return False
        if row.action is Action.CORRECT_FOR_ALL:
            return job.reply.text.endswith(FOR_ALL)
        expected = {Action.OPERATE: "admin", Action.SCHEDULED: "digest_due"}
        assert job.command == expected.get(row.action, job.command)
        assert job.outcome is JobState.DONE, (row, job.reply.text)
        return True


@pytest.mark.parametrize(("row", "place", "expected"), list_trials("telegram"))
async def test_each_cell(
    row: Row, place: Place, expected: dict[Person, bool], telegram: Server, whole: Loopback
) -> None:
    """The forger's cells are below."""
    await telegram.wait_for(lambda: telegram.requests_to("getUpdates"))
    stage = Stage(telegram, whole, place)
    assert {one: await stage.attempt(row, one) for one in expected} == expected


@pytest.mark.parametrize("place", sorted({place for _, place in list_cells("telegram")}))
async def test_forged_buttons_do_nothing(place: Place, telegram: Server, whole: Loopback) -> None:
    """The forger does the same for every action."""
    rows = [row for row, at in list_cells("telegram") if at is place]
    assert {decide_cell(row, Person.FORGER, place) for row in rows} == {False}
    await telegram.wait_for(lambda: telegram.requests_to("getUpdates"))
    stage = Stage(telegram, whole, place)
    assert not await stage.forge(await stage.set_up(rows[0], Person.FORGER))
