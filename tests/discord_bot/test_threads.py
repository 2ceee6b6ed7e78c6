"""Answers that are longer than a message: in threads of their own, or as a file."""

from __future__ import annotations

import pytest

from bots.discord_bot import DiscordBot
from bots.discord_bot.threads import MAX_THREAD_MESSAGES, count_messages, name_thread
from core.config import Settings
from core.errors import PlatformError
from core.models import Button, Reply
from tests.emulators.discord import DiscordServer
from tests.support.discord_inbox import make_message
from tests.support.discord_markdown import read
from tests.support.discord_server_chat import Room, make_room, make_voice, only

OPEN = "POST /channels/{channel}/messages/{message}/threads"
SEND = "POST /channels/{channel}/messages"
AGAIN = (Button("Again", "say", token="abcdefghijklmnopqrstuv"),)
#: Three messages.
LONG = "\n".join(f"The line {n} of what was said." for n in range(160))
LONGEST = LONG * 8


@pytest.fixture
def way() -> str:
    return "thread"


@pytest.fixture
def settings(settings: Settings, way: str) -> Settings:
    return settings.model_copy(update={"discord_long_answers": way})


@pytest.fixture
def room(server: DiscordServer) -> Room:
    return make_room(server)


def words(room: Room, *places: str) -> str:
    """Return all that stands in places, as a person reads it."""
    shown = [read(one.content).text for place in places for one in room.server.answers(place)]
    return "\n".join(shown)


async def test_the_first_message_stands_in_the_channel_and_the_rest_in_its_thread(
    bot: DiscordBot, room: Room
) -> None:
    envelope, ledger = room.note()
    await bot.deliver(envelope, Reply(LONG, buttons=AGAIN))
    first = only(room.server.answers(room.channel))
    assert first.reply_to == envelope.message.message_id and first.labels == []
    [thread] = room.server.threads(room.channel)
    assert thread == first.message_id == first.thread_id
    assert words(room, room.channel, thread) == LONG
    rest = room.server.answers(thread)
    assert [one.labels for one in rest] == [[], ["Again"]]
    assert [*ledger.ids().values()] == [first.message_id, *(one.message_id for one in rest)]
    assert room.server.world.channels[thread].name == "The line 0 of what was said."
    assert room.server.pings() == []


async def test_an_interaction_has_its_thread_too(bot: DiscordBot, room: Room) -> None:
    envelope, _, asked = await room.ask(bot)
    await bot.deliver(envelope, Reply(LONG, files=(await make_voice(),)))
    first = only(room.server.answers_of(asked))
    [thread] = room.server.threads(room.channel)
    assert thread == first.message_id and len(room.server.answers(thread)) == 2
    # Who asked to hear it need not open the thread.
    assert [one.is_voice for one in room.server.answers(room.channel)] == [False, True]


@pytest.mark.parametrize("pattern", [OPEN, SEND])
@pytest.mark.parametrize("kind", ["lose_reply", "close", "503"])
async def test_what_is_made_again_is_there_once(
    bot: DiscordBot, room: Room, pattern: str, kind: str
) -> None:
    envelope, _ = room.note()
    server, reply = room.server, Reply(LONG)
    if kind == "503":
        server.fault(pattern, "status", status=503, count=2)
    else:
        server.fault(pattern, kind)  # type: ignore[arg-type]
    for _ in range(3):
        try:
            await bot.deliver(envelope, reply)
            break
        except PlatformError as error:
            assert error.is_retryable
    [thread] = server.threads(room.channel)
    assert len(server.answers(room.channel)) == 1
    assert words(room, room.channel, thread) == LONG
    await bot.deliver(envelope, reply)
    assert len(server.answers(thread)) == 2


@pytest.mark.parametrize("right", ["CREATE_PUBLIC_THREADS", "SEND_MESSAGES_IN_THREADS"])
async def test_where_threads_are_forbidden_all_stands_in_the_channel(
    bot: DiscordBot, room: Room, right: str
) -> None:
    room.server.deny(room.channel, "", right)
    envelope, ledger = room.note()
    await bot.deliver(envelope, Reply(LONG))
    assert words(room, room.channel) == LONG
    assert len(ledger.ids()) == 3


async def test_where_there_are_no_threads_it_is_as_ever(bot: DiscordBot, room: Room) -> None:
    thread = room.server.add_thread(room.channel, room.ann, "Talk")
    for envelope, _ in (room.dm_note(), room.note("in a thread", thread_id=thread)):
        await bot.deliver(envelope, Reply(LONG))
    secret, _, asked = await room.ask(bot, "e", job_id="secret")
    await bot.deliver(secret, Reply(LONG))
    assert len(room.server.answers_of(asked)) == 3
    assert len(room.server.answers(thread)) == 3
    assert room.server.threads(room.channel) == [thread]
    assert room.server.calls_of(OPEN) == []


async def test_what_fits_has_no_thread(bot: DiscordBot, room: Room) -> None:
    envelope, _ = room.note()
    await bot.deliver(envelope, Reply("short", files=(await make_voice(),)))
    assert room.server.threads(room.channel) == []


async def test_an_answer_that_changes_is_edited_in_its_thread(bot: DiscordBot, room: Room) -> None:
    envelope, ledger = room.note()
    await bot.deliver(envelope, Reply(LONG))
    [thread] = room.server.threads(room.channel)
    before = ledger.ids()
    for text in (LONG.replace("said", "SAID"), "short"):
        ledger.outdate()
        await bot.deliver(envelope, Reply(text))
        assert words(room, room.channel, thread) == text
    assert ledger.ids() == {0: before[0]}
    ledger.outdate()
    await bot.deliver(envelope, Reply(LONG))
    assert words(room, room.channel, thread) == LONG
    assert room.server.threads(room.channel) == [thread]


async def test_a_thread_that_was_put_away_is_taken_out(bot: DiscordBot, room: Room) -> None:
    envelope, ledger = room.note()
    await bot.deliver(envelope, Reply(LONG))
    [thread] = room.server.threads(room.channel)
    with room.server.world.lock:
        room.server.world.channels[thread].is_archived = True
    ledger.outdate()
    changed = LONG.replace("said", "SAID")
    await bot.deliver(envelope, Reply(changed))
    assert words(room, room.channel, thread) == changed


async def test_more_than_a_thread_should_hold_is_a_file(bot: DiscordBot, room: Room) -> None:
    envelope, _ = room.note()
    await bot.deliver(envelope, Reply(LONGEST))
    answer = only(room.server.answers(room.channel))
    assert answer.files[0].data.decode() == LONGEST
    assert room.server.threads(room.channel) == []


@pytest.mark.parametrize("way", ["file"])
async def test_the_operator_can_want_a_file(bot: DiscordBot, room: Room) -> None:
    envelope, _ = room.note()
    await bot.deliver(envelope, Reply(quote=LONG, buttons=AGAIN))
    answer = only(room.server.answers(room.channel))
    [file] = answer.files
    assert (file.name, file.data.decode()) == ("transcript.txt", LONG)
    assert answer.labels == ["Again"] and read(answer.content).text.startswith("The line 0")


def test_how_many_messages_an_answer_may_be() -> None:
    open_, private = make_message("7", is_private=False), make_message("7")
    found = [count_messages(open_, way) for way in ("messages", "thread", "file")]
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
def test_a_thread_is_called_what_the_answer_begins_with(reply: Reply, name: str) -> None:
    assert name_thread(reply) == name and len(name) <= 60
