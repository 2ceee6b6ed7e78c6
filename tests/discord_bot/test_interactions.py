"""Commands, message menus, buttons and modals, over the real gateway protocol and discord.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.routes import InteractionToken, read_interaction_token
from core.config import Settings
from core.errors import StoreError
from core.models import FORM_TOKEN, Message
from tests.discord_bot.conftest import run_bot
from tests.emulators.discord import DiscordServer as Server
from tests.support.discord_inbox import OpenInbox

OGG = b"OggS" + bytes(200)
TOKEN = "abcdefghijklmnopqrst-_"
BUTTONS = [{"type": 1, "components": [
    {"type": 2, "style": 2, "label": "Listen", "custom_id": f"h:{TOKEN}"},
    {"type": 2, "style": 2, "label": "Read in private", "custom_id": f"p:{TOKEN}"},
    {"type": 2, "style": 2, "label": "Old", "custom_id": "something else"},
]}]  # fmt: skip


@dataclass
class Scenario:
    server: Server
    inbox: OpenInbox
    ann: str
    guild: str
    channel: str

    async def accepted(self, count: int = 1) -> Message:
        await self.server.wait_for(lambda: len(self.inbox.messages) == count)
        return self.inbox.messages[-1]

    def reply_token(self) -> InteractionToken:
        reply_token = read_interaction_token(self.inbox.messages[-1].reply_token)
        assert reply_token
        return reply_token

    def post(self) -> str:
        """Send a message with buttons as the bot."""
        with self.server.world.lock:
            world = self.server.world
            channel, me = world.channels[self.channel], world.bot.user_id
            return world.add_message(channel, me, "What I said", components=BUTTONS).message_id


@pytest.fixture
def inbox() -> OpenInbox:
    return OpenInbox()


@pytest.fixture
async def scenario(server: Server, running: Bot, inbox: OpenInbox) -> AsyncIterator[Scenario]:
    ann = server.add_user("Ann", locale="zh-CN")
    guild = server.add_guild(members=[ann])
    await server.wait_for(server.commands)
    yield Scenario(server, inbox, ann, guild, server.channel(guild))


@pytest.mark.finding(2)
async def test_a_slash_command_is_committed_and_then_deferred(scenario: Scenario) -> None:
    scenario.inbox.may_accept.clear()
    interaction_id = scenario.server.slash(
        scenario.channel, scenario.ann, "say", {"text": "Hi", "voice": "Mia"}
    )
    await scenario.server.wait_for(lambda: scenario.inbox.tries)
    await asyncio.sleep(1)
    assert not scenario.server.requests_to("POST /interactions/*")
    scenario.inbox.may_accept.set()
    await scenario.server.wait_for(lambda: scenario.server.thinking(scenario.channel))
    message = await scenario.accepted()
    assert (message.command, message.text) == ("say", 'voice:"Mia" Hi')
    assert message.chat.chat_id == scenario.channel and not message.is_private
    assert message.message_id == f"interaction:{interaction_id}"
    assert (message.sender_id, message.sender_name) == (scenario.ann, "Ann")
    assert message.language == "zh-CN"
    reply_token = scenario.reply_token()
    known = scenario.server.interaction(interaction_id)
    assert (reply_token.interaction_id, reply_token.token) == (interaction_id, known.token)
    assert abs(reply_token.created_s - scenario.server.world.clock.now()) < 3
    assert not (reply_token.is_ephemeral or reply_token.is_personal)
    assert known.response_type == 5
    [thinking] = scenario.server.thinking(scenario.channel)
    assert not thinking.is_ephemeral


async def test_discord_markup_becomes_plain_text(scenario: Scenario) -> None:
    me = scenario.server.world.bot.user_id
    typed = f"<@{me}> so \u202e<a:party:123456789012345678> <@42>\r\nnow"
    scenario.server.slash(scenario.channel, scenario.ann, "say", {"text": typed})
    assert (await scenario.accepted()).text == "so :party: <@42>\nnow"


async def test_a_command_in_a_thread_and_in_private(scenario: Scenario) -> None:
    thread = scenario.server.add_thread(scenario.channel, scenario.ann)
    scenario.server.slash(thread, scenario.ann, "help")
    message = await scenario.accepted()
    assert (message.chat.chat_id, message.thread_id) == (scenario.channel, thread)
    chat = scenario.server.dm(scenario.ann)
    scenario.server.slash(chat, scenario.ann, "help")
    message = await scenario.accepted(2)
    assert message.is_private and message.chat.chat_id == chat
    assert not scenario.reply_token().is_personal


@pytest.mark.parametrize(
    ("label", "command", "is_ephemeral"),
    [("Transcribe for me", "transcribe", True), ("Read aloud", "say", False)],
)
async def test_message_menu_entries(
    scenario: Scenario, running: Bot, label: str, command: str, is_ephemeral: bool
) -> None:
    bob = scenario.server.add_user("Bob")
    scenario.server.add_member(scenario.guild, bob)
    note = scenario.server.send_voice(scenario.channel, bob, OGG)
    before = len(scenario.inbox.messages) + 1
    await scenario.accepted(before)
    scenario.server.context_menu(note, scenario.ann, label)
    message = await scenario.accepted(before + 1)
    assert (message.command, message.text) == (command, "")
    assert message.reply_to and message.reply_to.message_id == note
    assert message.reply_to.sender_id == bob and message.attachment is None
    assert scenario.reply_token().is_ephemeral is is_ephemeral
    assert await running.fetch(message) == OGG
    scenario.server.expire_links()
    assert await running.fetch(message) == OGG


async def test_a_question_about_a_message_is_entered_in_a_modal(scenario: Scenario) -> None:
    text = scenario.server.send_text(scenario.channel, scenario.ann, "We meet at ten.")
    await scenario.accepted()
    interaction_id = scenario.server.context_menu(text, scenario.ann, "Ask about this")
    form = await scenario.server.wait_for(lambda: scenario.server.interaction(interaction_id).modal)
    [[box]] = [row["components"] for row in form["components"]]
    assert box["required"] and len(scenario.inbox.messages) == 1
    sent = scenario.server.submit(interaction_id, scenario.ann, {box["custom_id"]: "When?"})
    message = await scenario.accepted(2)
    assert (message.command, message.text) == ("ask", "When?")
    # The store finds what it is about.
    [opener] = scenario.inbox.openers
    assert opener.message_id == f"interaction:{interaction_id}"
    assert message.button == f"{FORM_TOKEN}{opener.message_id}"
    assert opener.reply_to and opener.reply_to.text == "We meet at ten."
    assert message.message_id == f"interaction:{sent}"
    await scenario.server.wait_for(lambda: scenario.server.interaction(sent).response_type == 5)


async def test_a_button_is_a_new_message_and_its_own_is_unchanged(scenario: Scenario) -> None:
    posted = scenario.post()
    interaction_id = scenario.server.press(posted, scenario.ann, label="Listen")
    message = await scenario.accepted()
    assert (message.button, message.command, message.text) == (TOKEN, "", "")
    assert message.reply_to and message.reply_to.message_id == posted
    assert message.reply_to.text == "What I said"
    assert message.chat.chat_id == scenario.channel and not scenario.reply_token().is_ephemeral
    # Type 6 would make "@original" the message with the button.
    known = scenario.server.interaction
    await scenario.server.wait_for(lambda: known(interaction_id).response_type == 5)
    assert scenario.server.message(posted).content == "What I said"


async def test_a_private_button_belongs_to_the_persons_own_chat(scenario: Scenario) -> None:
    scenario.server.press(scenario.post(), scenario.ann, label="Read in private")
    message = await scenario.accepted()
    assert message.is_private and message.chat.chat_id == f"user:{scenario.ann}"
    assert message.button == TOKEN and scenario.reply_token().is_ephemeral


async def test_an_unknown_button_does_nothing(scenario: Scenario) -> None:
    interaction_id = scenario.server.press(scenario.post(), scenario.ann, label="Old")
    [answer] = await scenario.server.wait_for(lambda: scenario.server.responses_to(interaction_id))
    assert answer.is_ephemeral and not scenario.inbox.messages and scenario.server.pings() == []


async def test_a_user_install_in_a_foreign_server(scenario: Scenario) -> None:
    eve = scenario.server.add_user("Eve", has_app=True)
    foreign = scenario.server.channel(scenario.server.add_guild(members=[eve], has_bot=False))
    scenario.server.slash(foreign, eve, "summary", {"range": "last 2h"})
    message = await scenario.accepted()
    assert message.is_private and message.chat.chat_id == f"user:{eve}"
    reply_token = scenario.reply_token()
    assert reply_token.is_personal and reply_token.is_ephemeral
    # Settings of a server are not even shown to somebody who only brings us along.
    with pytest.raises(PermissionError):
        scenario.server.slash(foreign, eve, "auto", {"choice": "on"})


async def test_a_user_install_transcribes_publicly_or_privately(
    scenario: Scenario, running: Bot
) -> None:
    eve, bob = scenario.server.add_user("Eve", has_app=True), scenario.server.add_user("Bob")
    chat = scenario.server.private_chat(eve, bob)
    note = scenario.server.send_voice(chat, bob, OGG)
    for count, (label, is_ephemeral) in enumerate(
        [("Transcribe", False), ("Transcribe for me", True)], 1
    ):
        scenario.server.context_menu(note, eve, label)
        message = await scenario.accepted(count)
        assert message.chat.chat_id == f"user:{eve}" and message.is_private
        reply_token = scenario.reply_token()
        assert (
            reply_token.is_personal
            and reply_token.is_ephemeral is is_ephemeral
            and reply_token.has_original
        )
        # We cannot ask for a message of a chat that we are not in.
        assert await running.fetch(message) == OGG


@pytest.mark.finding(5)
async def test_commands_sent_without_a_pause_keep_their_order(scenario: Scenario) -> None:
    scenario.server.fault("POST /interactions/*", "delay", delay_s=0.5)
    sent = [scenario.server.slash(scenario.channel, scenario.ann, "help") for _ in range(8)]
    await scenario.accepted(8)
    assert [m.message_id for m in scenario.inbox.messages] == [f"interaction:{i}" for i in sent]


async def test_an_interaction_delivered_three_times_is_answered_once(scenario: Scenario) -> None:
    scenario.server.repeat_events(3)
    scenario.server.slash(scenario.channel, scenario.ann, "help")
    await scenario.server.wait_for(lambda: scenario.inbox.tries == 3)
    assert len(scenario.inbox.messages) == 1
    await asyncio.sleep(10)
    [thinking] = scenario.server.thinking(scenario.channel)
    assert thinking.is_loading


@pytest.mark.parametrize("kind", ["close", "lose_reply", "status"])
async def test_a_failed_response_is_retried(scenario: Scenario, kind: str) -> None:
    scenario.inbox.failures = [StoreError("locked"), StoreError("locked")]
    scenario.server.fault("POST /interactions/*", kind, status=503)  # type: ignore[arg-type]
    interaction_id = scenario.server.slash(scenario.channel, scenario.ann, "help")
    await scenario.accepted()
    await scenario.server.wait_for(lambda: scenario.server.thinking(scenario.channel))
    known = scenario.server.interaction(interaction_id)
    assert known.response_type == 5 and known.latency_s is not None and known.latency_s < 2.9
    assert scenario.inbox.tries == 3


async def test_an_expired_interaction_is_committed_all_the_same(scenario: Scenario) -> None:
    scenario.server.fault("POST /interactions/*", "status", status=404, code=10062, count=None)
    scenario.server.slash(scenario.channel, scenario.ann, "help")
    assert (await scenario.accepted()).command == "help"


async def test_a_chat_that_is_not_allowed_gets_a_notice(server: Server, settings: Settings) -> None:
    inbox = OpenInbox()
    ann, eve = server.add_user("Ann"), server.add_user("Eve")
    guild = server.add_guild(members=[ann])
    limited = settings.model_copy(update={"allowed_chats": [guild]})
    async with run_bot(limited, inbox):
        await server.wait_for(server.commands)
        text = server.send_text(server.dm(eve), eve, "We meet at ten.")
        form = server.context_menu(text, eve, "Ask about this")
        for refused in (server.slash(server.dm(eve), eve, "help"), form):
            [answer] = await server.wait_for(partial(server.responses_to, refused))
            assert answer.content and not (inbox.messages or inbox.openers)
        typed = server.autocomplete(server.dm(eve), eve, "say", "voice", "s")
        await server.wait_for(lambda: server.interaction(typed).response_type == 8)
        assert server.interaction(typed).choices == []
        server.slash(server.channel(guild), ann, "help")
        await server.wait_for(lambda: inbox.messages)


async def test_autocomplete(scenario: Scenario) -> None:
    server, place, given = scenario.server, (scenario.channel, scenario.ann), {"text": "Hi"}
    typed = server.autocomplete(*place, "say", "voice", "s", given)
    choices = await server.wait_for(lambda: server.interaction(typed).choices)
    assert choices == [{"name": "say voice", "value": "say voice"}] and not scenario.inbox.messages
    scenario.inbox.failures = [StoreError("locked")]
    late = server.autocomplete(*place, "style", "style", "w")
    await server.wait_for(lambda: server.interaction(late).response_type == 8)
    assert server.interaction(late).choices == []


async def test_close_commits_interactions(
    server: Server, settings: Settings, ann: str, channel_id: str
) -> None:
    """It gets its reply after the next start."""
    inbox = OpenInbox()
    inbox.may_accept.clear()
    async with run_bot(settings, inbox):
        await server.wait_for(server.commands)
        interaction_id = server.slash(channel_id, ann, "help")
        await server.wait_for(lambda: inbox.tries)
        asyncio.get_running_loop().call_later(0.05, inbox.may_accept.set)
    assert [message.message_id for message in inbox.messages] == [f"interaction:{interaction_id}"]
