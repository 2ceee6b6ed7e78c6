"""Commands, menus of messages, buttons and forms come in, over the real gateway and discord.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.interactions.tokens import InteractionToken, read_interaction_token
from core.config import Settings
from core.errors import StoreError
from core.models import Job, Message, Suggestion
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import FakeInbox

OGG = b"OggS" + bytes(200)
TOKEN = "abcdefghijklmnopqrst-_"
BUTTONS = [{"type": 1, "components": [
    {"type": 2, "style": 2, "label": "Listen", "custom_id": f"h:{TOKEN}"},
    {"type": 2, "style": 2, "label": "Read in private", "custom_id": f"p:{TOKEN}"},
    {"type": 2, "style": 2, "label": "Old", "custom_id": "something else"},
]}]  # fmt: skip


class AskedDoor(FakeInbox):
    """A door that answers all that is new, once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.lets = asyncio.Event()
        self.lets.set()

    async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
        if not self.lets.is_set():
            self.tries += 1
            await self.lets.wait()
        return await super().accept(message, data)

    def is_asked(self, message: Message) -> bool:
        return True

    async def suggest(self, message: Message, field: str) -> list[Suggestion]:
        if self.troubles:
            raise self.troubles.pop(0)
        return [Suggestion(f"{message.command} {field}"), Suggestion("cold")]


@dataclass
class Place:
    server: Server
    inbox: AskedDoor
    ann: str
    guild: str
    room: str

    async def taken(self, count: int = 1) -> Message:
        await self.server.wait_for(lambda: len(self.inbox.messages) == count)
        return self.inbox.messages[-1]

    def reply_token(self) -> InteractionToken:
        reply_token = read_interaction_token(self.inbox.messages[-1].reply_token)
        assert reply_token
        return reply_token

    def post(self) -> str:
        """Let the bot have written a message with buttons."""
        with self.server.world.lock:
            world = self.server.world
            channel, me = world.channels[self.room], world.bot.user_id
            return world.add_message(channel, me, "What I said", components=BUTTONS).message_id


@pytest.fixture
def inbox() -> AskedDoor:
    return AskedDoor()


@pytest.fixture
async def place(server: Server, running: Bot, inbox: AskedDoor) -> AsyncIterator[Place]:
    ann = server.add_user("Ann", locale="zh-CN")
    guild = server.add_guild(members=[ann])
    await server.wait_for(server.commands)
    yield Place(server, inbox, ann, guild, server.channel(guild))


async def test_a_slash_command_is_heard_first_and_then_handed_in(place: Place) -> None:
    place.server.fault("POST /interactions/*", "delay", delay_s=0.3)
    asked = place.server.slash(place.room, place.ann, "say", {"text": "Hi", "voice": "Mia"})
    await asyncio.sleep(0.15)
    assert place.server.calls_of("POST /interactions/*") and not place.inbox.messages
    message = await place.taken()
    assert (message.command, message.text) == ("say", 'voice:"Mia" Hi')
    assert message.chat.chat_id == place.room and not message.is_private
    assert message.message_id == f"interaction:{asked}"
    assert (message.sender_id, message.sender_name) == (place.ann, "Ann")
    assert message.language == "zh-CN"
    reply_token = place.reply_token()
    known = place.server.interaction(asked)
    assert (reply_token.interaction_id, reply_token.token) == (asked, known.token)
    assert abs(reply_token.created_s - place.server.world.clock.now()) < 2
    assert not (reply_token.is_ephemeral or reply_token.is_personal)
    assert known.answer_kind == 5
    [thinking] = place.server.thinking(place.room)
    assert not thinking.is_ephemeral


async def test_what_only_discord_can_read_is_made_words(place: Place) -> None:
    me = place.server.world.bot.user_id
    typed = f"<@{me}> so \u202e<a:party:123456789012345678> <@42>\r\nnow"
    place.server.slash(place.room, place.ann, "say", {"text": typed})
    assert (await place.taken()).text == "so :party: <@42>\nnow"


async def test_a_command_in_a_thread_and_in_private(place: Place) -> None:
    thread = place.server.add_thread(place.room, place.ann)
    place.server.slash(thread, place.ann, "help")
    message = await place.taken()
    assert (message.chat.chat_id, message.thread_id) == (place.room, thread)
    chat = place.server.dm(place.ann)
    place.server.slash(chat, place.ann, "help")
    message = await place.taken(2)
    assert message.is_private and message.chat.chat_id == chat
    assert not place.reply_token().is_personal


@pytest.mark.parametrize(
    ("label", "command", "is_ephemeral"),
    [("Transcribe for me", "transcribe", True), ("Speak this", "say", False)],
)
async def test_menus(
    place: Place, running: Bot, label: str, command: str, is_ephemeral: bool
) -> None:
    bob = place.server.add_user("Bob")
    place.server.add_member(place.guild, bob)
    note = place.server.send_voice(place.room, bob, OGG)
    before = len(place.inbox.messages) + 1
    await place.taken(before)
    place.server.context_menu(note, place.ann, label)
    message = await place.taken(before + 1)
    assert (message.command, message.text) == (command, "")
    assert message.reply_to and message.reply_to.message_id == note
    assert message.reply_to.sender_id == bob and message.attachment is None
    assert place.reply_token().is_ephemeral is is_ephemeral
    assert await running.fetch(message) == OGG
    place.server.expire_links()
    assert await running.fetch(message) == OGG


async def test_question_about_message_is_asked_for_in_form(place: Place, running: Bot) -> None:
    text = place.server.send_text(place.room, place.ann, "We meet at ten.")
    await place.taken()
    asked = place.server.context_menu(text, place.ann, "Ask about this")
    form = await place.server.wait_for(lambda: place.server.interaction(asked).modal)
    [[box]] = [row["components"] for row in form["components"]]
    assert box["required"] and len(place.inbox.messages) == 1
    sent = place.server.submit(asked, place.ann, {box["custom_id"]: "When?"})
    message = await place.taken(2)
    assert (message.command, message.text) == ("ask", "When?")
    assert message.reply_to and message.reply_to.text == "We meet at ten."
    assert message.message_id == f"interaction:{sent}"
    assert place.server.interaction(sent).answer_kind == 5
    # As after a restart: it says that it knows of no such form.
    running._interactions._modals._open.clear()
    sent = place.server.submit(asked, place.ann, {"text": "When?"})
    answers = await place.server.wait_for(lambda: place.server.answers_of(sent))
    assert answers[0].is_ephemeral and len(place.inbox.messages) == 2


async def test_a_button_is_a_new_message_and_leaves_its_own_as_it_is(place: Place) -> None:
    posted = place.post()
    asked = place.server.press(posted, place.ann, label="Listen")
    message = await place.taken()
    assert (message.button, message.command, message.text) == (TOKEN, "", "")
    assert message.reply_to and message.reply_to.message_id == posted
    assert message.reply_to.text == "What I said"
    assert message.chat.chat_id == place.room and not place.reply_token().is_ephemeral
    # Type 6 would make "@original" the message with the button.
    assert place.server.interaction(asked).answer_kind == 5
    assert place.server.message(posted).content == "What I said"


async def test_a_private_button_is_pressed_in_the_persons_own_chat(place: Place) -> None:
    place.server.press(place.post(), place.ann, label="Read in private")
    message = await place.taken()
    assert message.is_private and message.chat.chat_id == f"user:{place.ann}"
    assert message.button == TOKEN and place.reply_token().is_ephemeral


async def test_a_button_that_is_none_of_ours_does_nothing(place: Place) -> None:
    asked = place.server.press(place.post(), place.ann, label="Old")
    [answer] = await place.server.wait_for(lambda: place.server.answers_of(asked))
    assert answer.is_ephemeral and not place.inbox.messages and place.server.pings() == []


async def test_a_stranger_who_brings_us_along(place: Place) -> None:
    eve = place.server.add_user("Eve", has_app=True)
    foreign = place.server.channel(place.server.add_guild(members=[eve], has_bot=False))
    place.server.slash(foreign, eve, "summary", {"range": "last 2h"})
    message = await place.taken()
    assert message.is_private and message.chat.chat_id == f"user:{eve}"
    reply_token = place.reply_token()
    assert reply_token.is_personal and reply_token.is_ephemeral
    # Settings of a server are not even shown to somebody who only brings us along.
    with pytest.raises(PermissionError):
        place.server.slash(foreign, eve, "auto", {"choice": "on"})


async def test_what_people_say_is_written_down_for_all_if_asked(place: Place, running: Bot) -> None:
    eve, bob = place.server.add_user("Eve", has_app=True), place.server.add_user("Bob")
    chat = place.server.private_chat(eve, bob)
    note = place.server.send_voice(chat, bob, OGG)
    for count, (label, is_ephemeral) in enumerate(
        [("Transcribe", False), ("Transcribe for me", True)], 1
    ):
        place.server.context_menu(note, eve, label)
        message = await place.taken(count)
        assert message.chat.chat_id == f"user:{eve}" and message.is_private
        reply_token = place.reply_token()
        assert (
            reply_token.is_personal
            and reply_token.is_ephemeral is is_ephemeral
            and reply_token.has_original
        )
        # We cannot ask for a message of a chat that we are not in.
        assert await running.fetch(message) == OGG


async def test_an_interaction_told_three_times_is_answered_once(place: Place) -> None:
    place.server.repeat_events(3)
    place.server.slash(place.room, place.ann, "help")
    await place.server.wait_for(lambda: place.inbox.tries == 3)
    assert len(place.inbox.messages) == 1
    await asyncio.sleep(10)
    [thinking] = place.server.thinking(place.room)
    assert thinking.is_loading


@pytest.mark.parametrize("kind", ["close", "lose_reply", "status"])
async def test_trouble_on_the_way_costs_a_try(place: Place, kind: str) -> None:
    place.inbox.troubles = [StoreError("locked"), StoreError("locked")]
    place.server.fault("POST /interactions/*", kind, status=503)  # type: ignore[arg-type]
    asked = place.server.slash(place.room, place.ann, "help")
    await place.taken()
    known = place.server.interaction(asked)
    assert known.answer_kind == 5 and known.latency_s is not None and known.latency_s < 2.9
    assert place.inbox.tries == 3


async def test_what_discord_does_not_wait_for_is_kept_all_the_same(place: Place) -> None:
    place.server.fault("POST /interactions/*", "status", status=404, code=10062, count=None)
    place.server.slash(place.room, place.ann, "help")
    assert (await place.taken()).command == "help"


async def test_a_chat_that_may_not_use_the_bot_is_told(server: Server, settings: Settings) -> None:
    inbox = AskedDoor()
    ann, eve = server.add_user("Ann"), server.add_user("Eve")
    guild = server.add_guild(members=[ann])
    limited = settings.model_copy(update={"allowed_chats": [guild]})
    async with run_bot(limited, inbox):
        await server.wait_for(server.commands)
        refused = server.slash(server.dm(eve), eve, "help")
        [answer] = await server.wait_for(lambda: server.answers_of(refused))
        assert answer.content and not inbox.messages
        server.slash(server.channel(guild), ann, "help")
        await server.wait_for(lambda: inbox.messages)


async def test_what_may_be_put_in_is_offered_while_it_is_typed(place: Place) -> None:
    typed = {"text": "Hi"}
    asked = place.server.autocomplete(place.room, place.ann, "say", "voice", "s", typed)
    choices = await place.server.wait_for(lambda: place.server.interaction(asked).choices)
    assert choices == [{"name": "say voice", "value": "say voice"}] and not place.inbox.messages
    place.inbox.troubles = [StoreError("locked")]
    asked = place.server.autocomplete(place.room, place.ann, "style", "style", "w")
    await place.server.wait_for(lambda: place.server.interaction(asked).answer_kind == 8)
    assert place.server.interaction(asked).choices == []


async def test_what_was_just_asked_for_is_kept_before_the_end(
    server: Server, settings: Settings, ann: str, channel: str
) -> None:
    """Who was told that an answer comes would wait for it in vain."""
    inbox = AskedDoor()
    inbox.lets.clear()
    async with run_bot(settings, inbox):
        await server.wait_for(server.commands)
        asked = server.slash(channel, ann, "help")
        await server.wait_for(lambda: inbox.tries)
        asyncio.get_running_loop().call_later(0.05, inbox.lets.set)
    assert [message.message_id for message in inbox.messages] == [f"interaction:{asked}"]
