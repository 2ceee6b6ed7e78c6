"""Live messages: paced, and never in the way of the reply."""

from __future__ import annotations

import asyncio

import pytest

from bots.common.live_messages import UPDATE_S
from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.client.pacing import GAP_S, MAX_FORBIDDEN
from bots.discord_bot.interactions.parser import read_press
from bots.discord_bot.outgoing.routes import WATCHED_S
from core.clock import Clock
from core.interfaces import DeliveryTarget
from core.models import CANCEL_TOKEN, PLACEHOLDER, DeliveryState, Reply
from core.safety import restore_links
from tests.emulators.discord.records import Message
from tests.support.discord_inbox import MemoryLedger
from tests.support.discord_markdown import read
from tests.support.discord_server_chat import AGAIN, SEND, ServerChannel, make_voice, only

SILENT = 1 << 12


async def test_the_latest_text_wins(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = channel.note()
    for number in range(20):
        await bot.show(target, f"word {number}")
    await channel.server.wait_for(lambda: channel.server.replies(channel.id))
    assert only(channel.server.replies(channel.id)).versions == ["word 19"]
    for number in range(20, 40):
        await bot.show(target, f"word {number}")
        await asyncio.sleep(0.05)
    await asyncio.sleep(3)
    answer = only(channel.server.replies(channel.id))
    # Of the twenty texts only the last one was still to be shown after two seconds.
    assert answer.versions == ["word 19", "word 39"]
    assert answer.reply_to == target.message.message_id and answer.flags & SILENT
    assert ledger.ids() == {PLACEHOLDER: answer.message_id}
    await bot.deliver(target, Reply("hello", buttons=AGAIN))
    assert len(channel.server.requests_to(SEND)) == 1
    channel.server.clear_requests()
    await bot.show(target, "late")
    await asyncio.sleep(60)
    answer = only(channel.server.replies(channel.id))
    assert (answer.content, answer.labels) == ("hello", ["Again"])
    assert channel.server.requests == [] and ledger.ids()[0] == answer.message_id


@pytest.mark.finding(17)
@pytest.mark.parametrize("is_lost", [False, True])
async def test_a_late_reply_is_a_new_message_that_notifies(
    bot: Bot, channel: ServerChannel, is_lost: bool
) -> None:
    target, ledger = await lose_placeholder(bot, channel) if is_lost else channel.note()
    if not is_lost:
        await bot.show(target, "one moment")
    await asyncio.sleep(WATCHED_S + 1)
    for _ in range(2):
        # As after a crash between sending and noting it, too.
        await bot.deliver(target, Reply("hello"))
        answer = only(channel.server.replies(channel.id))
        assert answer.versions == ["hello"] and not answer.flags & SILENT
        assert answer.reply_to == target.message.message_id
        assert ledger.ids()[0] == answer.message_id
        await ledger.forget(0)
        await ledger.start(0)


@pytest.mark.finding(17)
async def test_a_quick_reply_takes_the_place_of_the_live_message(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _ = channel.note()
    await bot.show(target, "one moment")
    await asyncio.sleep(WATCHED_S - 2)
    await bot.deliver(target, Reply("hello"))
    answer = only(channel.server.replies(channel.id, has_deleted=True))
    assert answer.versions == ["one moment", "hello"]


async def test_text_by_people_is_shown_verbatim(bot: Bot, channel: ServerChannel) -> None:
    target, _ = channel.note()
    words = "@everyone <@1> **bold** [a](https://e.example) https://e.example\n# x"
    await bot.show(target, words)
    await channel.server.wait_for(lambda: channel.server.replies(channel.id))
    seen = read(only(channel.server.replies(channel.id)).content)
    assert (
        restore_links(seen.text) == words and seen.kinds == set() and channel.server.pings() == []
    )
    await bot.show(target, "*" * 3000 + " the end")
    await asyncio.sleep(GAP_S)
    content = only(channel.server.replies(channel.id)).content
    assert content.startswith("…") and content.endswith(" the end") and len(content) > 1900


@pytest.mark.parametrize("flags", ["", "e"])
async def test_an_interaction_shows_progress_in_its_response(
    bot: Bot, channel: ServerChannel, flags: str
) -> None:
    target, _, interaction_id = await channel.ask(bot, flags)
    await bot.show(target, "one moment", is_lasting=True)
    await channel.server.wait_for(lambda: channel.server.responses_to(interaction_id))
    await bot.show(target, "and more")
    await channel.server.wait_for(
        lambda: only(channel.server.responses_to(interaction_id)).content == "and more"
    )
    await bot.deliver(target, Reply("hello"))
    assert only(channel.server.responses_to(interaction_id)).versions[1:] == [
        "one moment",
        "and more",
        "hello",
    ]
    assert channel.server.requests_to(SEND) == []


async def test_a_late_ephemeral_text_is_not_shown_publicly(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _, _ = await channel.ask(bot, "e", age_s=900)
    await bot.show(target, "secret words")
    await asyncio.sleep(60)
    assert channel.server.replies(channel.id) == [] and channel.server.requests_to(SEND) == []
    assert channel.server.requests_to("* /webhooks/*") == []


async def lose_placeholder(bot: Bot, channel: ServerChannel) -> tuple[DeliveryTarget, MemoryLedger]:
    """Show text like a process that crashes before it saves the message's id."""
    target, ledger = channel.note()
    await bot.show(target, "one")
    await channel.server.wait_for(lambda: PLACEHOLDER in ledger.ids())
    await bot._live_messages.end(target)
    await ledger.forget(PLACEHOLDER)
    await ledger.start(PLACEHOLDER)
    return target, ledger


@pytest.mark.parametrize("kind", ["text", "more", "voice", "nothing"])
async def test_a_lost_placeholder_is_removed(bot: Bot, channel: ServerChannel, kind: str) -> None:
    target, ledger = await lose_placeholder(bot, channel)
    if kind == "more":
        await bot.show(target, "two")
        await channel.server.wait_for(lambda: ledger.ids()[PLACEHOLDER])
    text = Reply("hello")
    replies = {"text": text, "more": text, "voice": Reply(files=(await make_voice(),))}
    await bot.deliver(target, replies.get(kind, Reply()))
    answers = channel.server.replies(channel.id)
    words = [("hello", False)]
    expected = {"text": words, "more": words, "voice": [("", True)], "nothing": []}
    assert [(one.content, one.is_voice) for one in answers] == expected[kind]
    assert ledger.ids().get(0, "") == (answers[0].message_id if answers else "")


async def test_the_reply_waits_for_the_update_under_way(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = channel.note()
    channel.server.fault(SEND, "delay", delay_s=0.5)
    await bot.show(target, "one")
    await channel.server.wait_for(lambda: channel.server.requests_to(SEND))
    assert ledger.rows[PLACEHOLDER].state is DeliveryState.PENDING  # noted before it is made
    await bot.deliver(target, Reply("hello"))
    await asyncio.sleep(60)
    assert only(channel.server.replies(channel.id)).content == "hello"


async def test_the_reply_waits_for_no_later_update(
    bot: Bot, channel: ServerChannel, clock: Clock
) -> None:
    target, _ = channel.note()
    await bot.show(target, "one")
    await channel.server.wait_for(lambda: channel.server.replies(channel.id))
    await bot.show(target, "two")
    begun_s = clock.monotonic()
    await bot.deliver(target, Reply("hello"))
    assert clock.monotonic() - begun_s < GAP_S / 2
    assert only(channel.server.replies(channel.id)).versions == ["one", "hello"]


async def test_a_refusal_ends_the_updates_and_never_raises(
    bot: Bot, channel: ServerChannel
) -> None:
    channel.server.deny(channel.id, channel.guild, "SEND_MESSAGES")
    for number in range(1, 7):
        target, _ = channel.note(str(number))
        for text in ("one", "two", "three"):
            await bot.show(target, text)
            await asyncio.sleep(GAP_S)
        assert len(channel.server.requests_to(SEND)) == min(number, MAX_FORBIDDEN)


async def test_a_refused_interaction_does_not_count_against_its_channel(
    bot: Bot, channel: ServerChannel
) -> None:
    for number in range(MAX_FORBIDDEN + 1):
        target, _, _ = await channel.ask(bot, job_id=str(number))
        channel.server.fault("PATCH /webhooks/*", "status", status=403, code=50013)
        await bot.show(target, "one")
        await asyncio.sleep(GAP_S)
    assert not bot.client.pacer.is_held(channel.id)


async def test_an_outage_only_delays_updates(bot: Bot, channel: ServerChannel) -> None:
    target, _ = channel.note()
    channel.server.fault(SEND, "status", status=503, count=None)
    for number in range(MAX_FORBIDDEN + 1):
        await bot.show(target, f"number {number}")
        await asyncio.sleep(60)
    assert not bot.client.pacer.is_held(channel.id)
    channel.server.clear_faults()
    await bot.show(target, "one")
    await channel.server.wait_for(lambda: channel.server.replies(channel.id))
    assert only(channel.server.replies(channel.id)).content == "one"


async def test_an_unanswered_update_is_given_up(
    bot: Bot, channel: ServerChannel, clock: Clock
) -> None:
    target, _ = channel.note()
    channel.server.fault(SEND, "hang")
    await bot.show(target, "one")
    await channel.server.wait_for(lambda: channel.server.requests_to(SEND))
    await bot.show(target, "two")
    begun_s = clock.monotonic()
    await bot.deliver(target, Reply("hello"))
    assert clock.monotonic() - begun_s == pytest.approx(UPDATE_S, abs=0.2)
    assert only(channel.server.replies(channel.id)).versions == ["hello"]


@pytest.mark.finding(22)
async def test_progress_has_a_cancel_button_until_the_reply(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _ = channel.note()
    await bot.show(target, "40% · 0:48 of 2:00", is_lasting=True)
    await channel.server.wait_for(lambda: channel.server.replies(channel.id))
    shown = only(channel.server.replies(channel.id))
    assert shown.labels == ["Cancel"]
    [[button]] = [row["components"] for row in shown.components]
    press = read_press(button)
    assert press is not None and press.token == f"{CANCEL_TOKEN}{target.job_id}"
    await bot.deliver(target, Reply("hello"))
    assert only(channel.server.replies(channel.id)).labels == []


@pytest.mark.finding(22)
@pytest.mark.parametrize("kind", ["note", "command", "ephemeral"])
async def test_the_first_sign_of_what_takes_long_has_a_cancel_button(
    bot: Bot, channel: ServerChannel, kind: str
) -> None:
    """Also the response to a command, where Discord itself only shows "thinking…"."""
    interaction_id = ""
    if kind == "note":
        target, _ = channel.note()
    else:
        target, _, interaction_id = await channel.ask(bot, "e" if kind == "ephemeral" else "")

    def read_one() -> Message:
        server = channel.server
        return only(
            server.responses_to(interaction_id) if interaction_id else server.replies(channel.id)
        )

    await bot.offer_cancel(target)
    await asyncio.sleep(1)
    assert (read_one().content, read_one().labels) == ("One moment …", ["Cancel"])
    await bot.show(target, "some words")
    await asyncio.sleep(GAP_S)
    await bot.offer_cancel(target)
    await asyncio.sleep(GAP_S)
    assert (read_one().versions[-2:], read_one().labels) == (
        ["One moment …", "some words"],
        ["Cancel"],
    )
    await bot.deliver(target, Reply("hello"))
    assert (read_one().content, read_one().labels) == ("hello", [])
