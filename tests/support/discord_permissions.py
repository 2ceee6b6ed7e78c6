"""A Discord server on which every kind of person tries every action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from bots.discord_bot import DiscordBot
from core.errors import NotAllowed, NotMember
from core.models import (
    CANCEL_TOKEN,
    Audio,
    Button,
    Chat,
    ChatSettings,
    Correction,
    Job,
    JobState,
    Reply,
    SavedVoice,
    TalkSettings,
)
from core.permissions import Action
from core.summaries.ranges import RangeContext, SummaryCopy, dump_copy, parse_request
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.discord.records import MODAL_SUBMIT, VOICE_CHANNEL
from tests.support.loopback import Loopback
from tests.support.paths import SPEECH
from tests.support.permission_table import Person, Place, Row
from tests.support.virtual_time import current_clock

NOTE = (SPEECH / "cards-001.wav").read_bytes()
#: What those get who may not.
REFUSALS = (
    "There is nothing to cancel.", "I don't know /", "This has expired.",
    "This button has expired.", "Only the person who ", "Only members ",
)  # fmt: skip
#: The slash command for an action that needs nothing else.
SLASH: dict[Action, tuple[str, dict[str, str]]] = {
    Action.USE: ("help", {}),
    Action.CHANGE_OWN_SETTINGS: ("language", {"whose": "me", "language": "German"}),
    Action.FORGET_OWN_DATA: ("forget", {"whose": "me"}),
    Action.FORGET_CHAT: ("forget", {"whose": "chat"}),
    Action.CHANGE_SETTINGS: ("language", {"language": "German"}),
    Action.CHANGE_HISTORY: ("remember", {"choice": "30d"}),
    Action.CHANGE_GLOSSARY: ("glossary", {"remove": "1"}),
    Action.CHANGE_VOICES: ("voice", {"voice": "rename Calm = Calm"}),
    Action.JOIN_VOICE: ("join", {}),
    Action.DIRECT_VOICE: ("stop", {}),
}
WRITTEN = {Action.OPERATE: "/admin status", Action.SCHEDULED: "/digest_due 2026-01-01 2026-01-02"}


@dataclass
class Stage:
    """A server with threads and a voice channel, and one person of each kind."""

    server: Server
    whole: Loopback
    bot: DiscordBot
    place: Place
    people: dict[Person, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        server, people = self.server, self.people
        self.whole.engine.text = "Kovalsky came."
        for one in Person:
            people[one] = server.add_user(one.title(), is_bot=one is Person.BOT)
        self.bot.operators = frozenset({people[Person.OPERATOR]})
        self.ben = server.add_user("Ben")
        members = [self.ben, *(people[one] for one in Person if one is not Person.OWNER)]
        self.guild = server.add_guild(owner=people[Person.OWNER], members=members)
        server.make_manager(self.guild, people[Person.ADMIN])
        self.channel = server.channel(self.guild)
        self.thread = server.add_thread(self.channel, self.ben)
        self.secret = server.add_private_thread(self.channel, *members)
        self.sofa = server.add_channel(self.guild, "Sofa", VOICE_CHANNEL)

    def place_of(self, who: str) -> str:
        if self.place is Place.PRIVATE:
            return self.server.dm(who)
        shared = {Place.TOPIC: self.thread, Place.PRIVATE_THREAD: self.secret}
        return shared.get(self.place, self.channel)

    def chat(self, chat_id: str) -> Chat:
        return Chat("discord", self.server.world.bot.user_id, chat_id)

    def chat_of(self, who: str) -> Chat:
        # A public thread belongs to the chat of its channel.
        return self.chat(self.channel if self.place is Place.TOPIC else self.place_of(who))

    def note(self, who: str) -> str:
        """Send a recording that was not transcribed before."""
        data = NOTE[:-2] + next(self.numbers).to_bytes(2, "little")
        return self.server.send_voice(self.place_of(who), who, data)

    def leave(self, person: Person) -> None:
        """Let somebody go who has just sent something."""
        if person in (Person.LEFT, Person.BANNED):
            is_banned = person is Person.BANNED
            self.server.remove_member(self.guild, self.people[person], is_banned=is_banned)

    async def job(self, chat: Chat, message_id: str) -> Job | None:
        await current_clock().sleep(1)
        return await self.whole.store.jobs.of_message(chat, message_id)

    async def used(
        self, person: Person, interaction_id: str, chat: Chat | None = None
    ) -> Job | None:
        self.leave(person)
        chat = chat or self.chat_of(self.people[person])
        return await self.job(chat, f"interaction:{interaction_id}")

    async def set_up(self, row: Row, person: Person) -> str:
        store, who = self.whole.store, self.people[person]
        chat = self.chat_of(who)
        correction = Correction("a", "b", who if row.is_own else self.ben)
        talk = TalkSettings(remember_days=7, glossary=(correction,))
        for one in {chat, self.chat(self.channel)}:
            await store.chats.save_settings(one, ChatSettings(talk=talk))
        if not await store.voices.usable(chat, ""):
            saved = SavedVoice(chat.chat_id[-16:], "Calm", Audio(b"RIFF", "wav", 1.0))
            await store.voices.keep(chat, who, saved)
        return who

    async def attempt(self, row: Row, person: Person) -> bool:
        """Return whether the person could do it."""
        who = await self.set_up(row, person)
        if row.action in (Action.READ_ELSEWHERE, Action.PRESS_PRIVATE):
            return await self.press_private(row, person, who)
        if row.action is Action.SUBMIT_FORM:
            return self.is_done(row, await self.submit(row, person, who))
        return self.is_done(row, await self.do(row, person, who))

    async def do(self, row: Row, person: Person, who: str) -> Job | None:
        server, place = self.server, self.place_of(who)
        if row.action in (Action.JOIN_VOICE, Action.DIRECT_VOICE):
            await self.go_to_voice(row, who)
        if used := SLASH.get(row.action):
            return await self.used(person, server.slash(place, who, *used, is_forced=True))
        if text := WRITTEN.get(row.action):
            return await self.write(person, text)
        speaker = who if row.is_own and person is not Person.BOT else self.ben
        if self.place is Place.PRIVATE:
            speaker = who
        if row.action is Action.FORGET_MESSAGE:
            said = server.send_text(self.place_of(speaker), speaker, "The tiles will be blue.")
            return await self.used(person, server.context_menu(said, who, "Forget this"))
        note = self.note(speaker)
        if row.action is Action.CANCEL:
            self.whole.engine.latency_s = 60.0
            server.context_menu(note, speaker, "Transcribe")
            await current_clock().sleep(2)
            job = await self.used(person, server.context_menu(note, who, "Cancel"))
            await current_clock().sleep(100)
            return job
        assert row.action in (Action.CORRECT, Action.CORRECT_FOR_ALL)
        asked = server.context_menu(note, speaker, "Transcribe")
        await current_clock().sleep(5)
        if not (shown := server.responses_to(asked)):
            return None  # another bot
        return await self.write(person, "Kovalsky = Kowalski", reply_to=shown[-1].message_id)

    async def write(self, person: Person, text: str, **where: Any) -> Job | None:
        who = self.people[person]
        sent = self.server.send_text(self.place_of(who), who, text, **where)
        self.leave(person)
        return await self.job(self.chat_of(who), sent)

    async def go_to_voice(self, row: Row, who: str) -> None:
        """Bring the bot into the voice channel, and the person, or the person alone."""
        voice, find = self.server.gateway.voice, self.bot.client.get_channel
        channel: Any = await self.server.wait_for(lambda: find(int(self.sofa)))
        inside = {self.ben} | ({who} if row.is_own or row.action is Action.JOIN_VOICE else set())
        for one in inside:
            voice.move(self.guild, one, self.sofa)
            number = int(one)
            await self.server.wait_for(lambda number=number: number in channel.voice_states)  # type: ignore[misc]
        if row.action is Action.DIRECT_VOICE and not voice.channel_of(self.guild):
            self.server.slash(self.channel, self.ben, "join")
            await self.server.wait_for(lambda: voice.channel_of(self.guild))
            await current_clock().sleep(1)

    async def press_private(self, row: Row, person: Person, who: str) -> bool:
        """Press the button that was offered in the server, once the person is what they are."""
        server, store = self.server, self.whole.store
        if person is Person.BOT:
            return self.is_done(
                row, await self.used(person, server.slash(self.dm(who), who, "help"))
            )
        asker = self.ben if row.action is Action.PRESS_PRIVATE and not row.is_own else who
        server.send_text(self.channel, self.ben, "The tiles will be blue.")
        asked = server.slash(self.channel, asker, "help")
        job = await self.job(self.chat(self.channel), f"interaction:{asked}")
        assert job and job.reply
        request = parse_request("last 2h", RangeContext(current_clock().now()))
        payload = dump_copy(SummaryCopy(self.channel, request))
        offer = Button("Read in private", "private_summary", payload, is_private=True)
        assert await store.jobs.redo(job.job_id, replace(job.reply, buttons=(offer,)))
        job = await self.job(self.chat(self.channel), f"interaction:{asked}")
        assert job and job.reply
        # What was known before does not count: Discord does not report that people leave.
        await self.bot.membership(self.chat(self.channel), who)
        self.leave(person)
        server.send_text(self.dm(who), who, "hello")
        under = (await server.wait_for(lambda: server.replies(self.dm(who))))[-1].message_id
        token = job.reply.buttons[0].token
        pressed = server.press(under, who, f"p:{token}", is_forged=True)
        found = await self.job(self.chat(f"user:{who}"), f"interaction:{pressed}")
        assert found
        if row.action is Action.PRESS_PRIVATE:
            return found.command == "private_summary"
        assert found.command == "private_summary" and found.reply
        return found.reply.text != self.word(NotMember.user_text)

    def dm(self, who: str) -> str:
        return self.server.dm(who)

    async def submit(self, row: Row, person: Person, who: str) -> Job | None:
        server = self.server
        opens = self.ben if not row.is_own else who
        if self.place is Place.PRIVATE:
            said = server.send_text(self.dm(opens), opens, "The tiles will be blue.")
        else:
            said = server.send_text(self.place_of(opens), self.ben, "The tiles will be blue.")
        opener = server.context_menu(said, opens, "Ask about this")
        await current_clock().sleep(2)
        if row.is_own:
            if person is Person.BOT:
                return await self.used(person, opener)
            return await self.used(person, server.submit(opener, who, {"text": "Which colour?"}))
        modal = server.interaction(opener).modal
        assert modal
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": "text", "value": "Which colour?"}]}
        ]
        data = {"custom_id": modal["custom_id"], "components": rows}
        with server.world.lock:
            sent = server._create_interaction(MODAL_SUBMIT, self.place_of(who), who, data)
        return await self.used(person, sent)

    async def forge(self, who: str) -> bool:
        """Press buttons that were made up, under a message of the bot."""
        server, store = self.server, self.whole.store
        self.whole.engine.latency_s = 60.0
        place = self.place_of(who)
        asker = who if self.place is Place.PRIVATE else self.ben
        used = server.slash(place, asker, "help")
        await current_clock().sleep(5)
        under = server.responses_to(used)[-1].message_id
        running = server.send_voice(self.dm(self.ben), self.ben, NOTE)
        target = await self.job(self.chat(self.dm(self.ben)), running)
        self.whole.engine.latency_s = 0.0
        assert target and target.state is JobState.RUNNING
        for data in (
            "s:" + "x" * 22,
            "p:" + "x" * 22,
            f"s:{CANCEL_TOKEN}{target.job_id}",
            "s:admin",
        ):
            pressed = server.press(under, who, data, is_forged=True)
            job = await self.job(self.chat_of(who), f"interaction:{pressed}")
            assert job is None or job.command in ("stale_button", "cancel"), job
        after = await store.jobs.find(target.job_id)
        return after is None or after.outcome is JobState.CANCELLED

    def word(self, text: str) -> str:
        return self.bot.wording.get(text, text)

    def is_done(self, row: Row, job: Job | None) -> bool:
        if job is None:
            return False
        reply = job.reply or Reply()
        refusals = (*REFUSALS, self.word(NotAllowed.user_text), self.word(NotMember.user_text))
        if reply.text.startswith(refusals):
            return False
        if row.action is Action.CORRECT_FOR_ALL:
            return reply.text.endswith("for everybody's recordings.")
        expected = {Action.OPERATE: "admin", Action.SCHEDULED: "digest_due"}
        assert job.command == expected.get(row.action, job.command)
        assert job.reply and job.outcome is JobState.DONE, (row, job)
        return True
