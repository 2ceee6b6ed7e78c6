"""Replies longer than a message: in threads, or as a file."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.outgoing.threads import MAX_THREAD_MESSAGES, count_messages, name_thread
from core.config import Settings
from core.errors import PlatformBusy
from core.models import Reply
from tests.support.discord_inbox import make_message
from tests.support.discord_markdown import read
from tests.support.discord_server_chat import AGAIN, SEND, ServerChannel, make_voice, only

OPEN = "POST /channels/{channel}/messages/{message}/threads"
#: Three messages.
LONG = "\n".join(f"The line {n} of what was said." for n in range(160))


@pytest.fixture
def setting() -> str:
    return "thread"


@pytest.fixture
def settings(settings: Settings, setting: str) -> Settings:
    return settings.model_copy(update={"discord_long_answers": setting})


def words(channel: ServerChannel, *places: str) -> str:
    """Return the text of the bot's messages in channels, as people see it."""
    shown = [read(one.content).text for place in places for one in channel.server.replies(place)]
    return "\n".join(shown)


async def test_the_first_message_is_in_the_channel_and_the_rest_in_a_thread(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger = await channel.answer(bot, Reply(LONG, buttons=AGAIN))
    first = only(channel.server.replies(channel.id))
    assert first.reply_to == target.message.message_id and first.labels == []
    [thread] = channel.server.threads(channel.id)
    assert thread == first.message_id == first.thread_id
    assert words(channel, channel.id, thread) == LONG
    rest = channel.server.replies(thread)
    assert [one.labels for one in rest] == [[], ["Again"]]
    assert [*ledger.ids().values()] == [first.message_id, *(one.message_id for one in rest)]
    assert channel.server.world.channels[thread].name == "The line 0 of what was said."
    assert channel.server.pings() == []


async def test_an_interaction_has_a_thread_too(bot: Bot, channel: ServerChannel) -> None:
    target, _, interaction_id = await channel.ask(bot)
    await bot.deliver(target, Reply(LONG, files=(await make_voice(),)))
    first = only(channel.server.responses_to(interaction_id))
    [thread] = channel.server.threads(channel.id)
    assert thread == first.message_id and len(channel.server.replies(thread)) == 2
    # Who asked to hear it need not open the thread.
    assert [one.is_voice for one in channel.server.replies(channel.id)] == [False, True]


@pytest.mark.parametrize("pattern", [OPEN, SEND])
@pytest.mark.parametrize("kind", ["lose_reply", "status"])
async def test_a_repeated_delivery_sends_nothing_twice(
    bot: Bot, channel: ServerChannel, pattern: str, kind: str
) -> None:
    target, _ = channel.note()
    server, reply = channel.server, Reply(LONG)
    server.fault(pattern, kind, status=503)  # type: ignore[arg-type]
    with suppress(PlatformBusy):
        await bot.deliver(target, reply)
    await bot.deliver(target, reply)
    [thread] = server.threads(channel.id)
    assert len(server.replies(channel.id)) == 1
    assert words(channel, channel.id, thread) == LONG
    await bot.deliver(target, reply)
    assert len(server.replies(thread)) == 2


@pytest.mark.parametrize("right", ["CREATE_PUBLIC_THREADS", "SEND_MESSAGES_IN_THREADS"])
async def test_without_thread_permission_everything_is_in_the_channel(
    bot: Bot, channel: ServerChannel, right: str
) -> None:
    channel.server.deny(channel.id, "", right)
    _, ledger = await channel.answer(bot, Reply(LONG))
    assert words(channel, channel.id) == LONG
    assert len(ledger.ids()) == 3


async def test_private_and_ephemeral_replies_have_no_thread(
    bot: Bot, channel: ServerChannel
) -> None:
    thread = channel.server.add_thread(channel.id, channel.ann, "Talk")
    for target, _ in (channel.dm_note(), channel.note("in a thread", thread_id=thread)):
        await bot.deliver(target, Reply(LONG))
    secret, _, interaction_id = await channel.ask(bot, "e", job_id="secret")
    await bot.deliver(secret, Reply(LONG))
    assert len(channel.server.responses_to(interaction_id)) == 3
    assert len(channel.server.replies(thread)) == 3
    assert channel.server.threads(channel.id) == [thread]
    assert channel.server.requests_to(OPEN) == []


async def test_a_changed_reply_is_edited_in_its_thread(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = await channel.answer(bot, Reply(LONG))
    [thread] = channel.server.threads(channel.id)
    before = ledger.ids()
    channel.server.archive_thread(thread)  # it is taken out again
    for text in (LONG.replace("said", "SAID"), "short"):
        ledger.outdate()
        await bot.deliver(target, Reply(text))
        assert words(channel, channel.id, thread) == text
    assert ledger.ids() == {0: before[0]}
    ledger.outdate()
    await bot.deliver(target, Reply(LONG))
    assert words(channel, channel.id, thread) == LONG
    assert channel.server.threads(channel.id) == [thread]


async def test_a_shorter_reply_leaves_nothing_in_an_archived_thread(
    bot: Bot, channel: ServerChannel
) -> None:
    _, ledger = target = await channel.answer(bot, Reply(LONG))
    [thread] = channel.server.threads(channel.id)
    channel.server.archive_thread(thread)
    ledger.outdate()
    await bot.deliver(target[0], Reply("short"))
    assert words(channel, channel.id, thread) == "short"


async def test_a_reply_in_somebodys_archived_thread_is_edited(
    bot: Bot, channel: ServerChannel
) -> None:
    thread = channel.server.add_thread(channel.id, channel.ann, "Talk")
    target, ledger = await channel.answer(bot, Reply(LONG), thread_id=thread)
    for text in (LONG.replace("said", "SAID"), "short"):
        channel.server.archive_thread(thread)
        ledger.outdate()
        await bot.deliver(target, Reply(text))
        assert words(channel, thread) == text


@pytest.mark.parametrize(("setting", "text"), [("file", LONG), ("thread", LONG * 8)])
async def test_the_operator_can_choose_a_file(bot: Bot, channel: ServerChannel, text: str) -> None:
    await channel.answer(bot, Reply(quote=text, buttons=AGAIN))
    answer = only(channel.server.replies(channel.id))
    [file] = answer.files
    assert (file.name, file.data.decode()) == ("transcript.txt", text)
    assert answer.labels == ["Again"] and read(answer.content).text.startswith("The line 0")
    # What fits has no thread.
    await bot.deliver(channel.note("2")[0], Reply("short", files=(await make_voice(),)))
    assert channel.server.threads(channel.id) == []


def test_most_messages_of_a_reply() -> None:
    open_, private = make_message("7", is_private=False), make_message("7")
    found = [count_messages(open_, setting) for setting in ("messages", "thread", "file")]
    assert found == [4, MAX_THREAD_MESSAGES, 1]
    assert count_messages(private, "thread") == 4


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (Reply("Heard:", "one\ntwo"), "Heard:"),
        (Reply("Heard:", "\n one  two\nthree", is_quote_first=True), "one two"),
        (Reply("\u200b\n"), "…"),
        (Reply("word " * 40), f"{'word ' * 11}word…"),
    ],
)
def test_a_thread_is_named_after_the_first_line(reply: Reply, name: str) -> None:
    assert name_thread(reply) == name and len(name) <= 60
