"""Delivery to the emulated Discord, with everything that can go wrong."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from itertools import pairwise

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.client.gateway import OPEN_WAIT_S
from bots.discord_bot.outgoing import sending
from bots.discord_bot.outgoing.requests import CALL_S, UPLOAD_S, WAITS_S
from core import logs
from core.clock import Clock
from core.config import Settings
from core.errors import ChatGone, MessageGone, PlatformBusy, PlatformError, PlatformLocked
from core.interfaces import DeliveryTarget
from core.models import DeliveryState, File, Link, PartDelivery, QuotedMessage, Reply
from core.safety import restore_links
from tests.support.discord_inbox import FakeInbox, make_message, make_target
from tests.support.discord_markdown import read
from tests.support.discord_server_chat import AGAIN, SEND, ServerChannel, count_sends, only
from tests.support.virtual_time import current_clock

FILE = File("a.srt", "application/x-subrip", b"1\n00:00")


async def test_the_reply_refers_to_the_voice_message(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = channel.note()
    await bot.deliver(
        target, Reply("Heard:", "hello https://e.example @everyone *_`", buttons=AGAIN)
    )
    answer = only(channel.server.replies_to(target.message.message_id))
    seen = read(answer.content)
    assert restore_links(seen.text) == "Heard:\nhello https://e.example @everyone *_`"
    assert seen.kinds == {"quote"}
    assert ledger.ids() == {0: answer.message_id}
    assert answer.labels == ["Again"] and answer.flags & 4
    body = channel.server.requests_to(SEND)[0].body
    assert body["allowed_mentions"] == {"parse": [], "replied_user": False}
    assert body["enforce_nonce"] is True and len(body["nonce"]) == 25


async def test_links_lead_to_messages_of_the_server(bot: Bot, channel: ServerChannel) -> None:
    target, _ = channel.note()
    other = channel.server.add_channel(channel.guild, "other")
    links = (
        Link(0, 3, "11"), Link(4, 7, "12", thread_id="77"), Link(8, 13, "13", chat_id=other),
        Link(14, 18, "14", chat_id="999"),
    )  # fmt: skip
    await bot.deliver(target, Reply("one two three four", links=links))
    base = f"https://discord.com/channels/{channel.guild}"
    assert read(only(channel.server.replies(channel.id)).content).links == [
        ("one", f"{base}/{channel.id}/11"), ("two", f"{base}/77/12"),
        ("three", f"{base}/{other}/13"),
    ]  # fmt: skip
    target, _ = channel.dm_note()
    await bot.deliver(target, Reply("one", links=(Link(0, 3, "11"),)))
    chat = target.message.chat.chat_id
    found = read(only(channel.server.replies(chat)).content).links
    assert found == [("one", f"https://discord.com/channels/@me/{chat}/11")]


async def test_an_unreadable_question_is_replied_to_without_reference(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _ = channel.note()
    channel.server.delete(target.message.message_id)
    await bot.deliver(target, Reply("hello"))
    assert only(channel.server.replies(channel.id)).reply_to is None and count_sends(channel) == 1
    target, _ = channel.note("other")
    channel.server.deny(channel.id, channel.guild, "READ_MESSAGE_HISTORY")
    await bot.deliver(target, Reply("hello", files=(FILE,)))
    _, answer = channel.server.replies(channel.id)
    assert answer.reply_to is None and len(answer.files) == 1


@pytest.mark.parametrize(("status", "code"), [(413, 0), (400, 40005)])
async def test_files_that_cannot_be_sent_are_mentioned(
    bot: Bot, channel: ServerChannel, status: int, code: int
) -> None:
    target, _ = channel.note()
    channel.server.fault(SEND, "status", status=status, code=code)
    await bot.deliver(target, Reply("Here:", files=(FILE,)))
    assert "too large" in only(channel.server.replies(channel.id)).content
    data = bytes(range(256)) * (10 << 12)
    fits = File("fits.bin", "application/octet-stream", data)
    # Two of 10 MiB are one request.
    target, _ = await channel.answer(bot, Reply("Here:", files=(fits, fits)), "other")
    answer = only(channel.server.replies_to(target.message.message_id))
    assert [file.data for file in answer.files] == [data] * 2
    channel.server.deny(channel.id, channel.guild, "ATTACH_FILES")
    target, _ = await channel.answer(bot, Reply("Here:", files=(FILE,)), "forbidden")
    answer = only(channel.server.replies_to(target.message.message_id))
    assert answer.content == f"Here:\n{sending.FILES_FORBIDDEN}"


async def test_the_log_holds_no_text_and_no_token(
    bot: Bot,
    channel: ServerChannel,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO")
    channel.server.deny(channel.id, channel.guild, "ATTACH_FILES", "READ_MESSAGE_HISTORY")
    target, _, _ = await channel.ask(bot)
    token = target.message.reply_token.split(":")[1]
    channel.server.fault("PATCH /webhooks/*", "rate_limit", retry_after=0.01)
    channel.server.fault("PATCH /webhooks/*", "status", status=404, code=10062)
    await bot.deliver(target, Reply("zebra " * 500, "zebra", files=(FILE,)))
    target, _ = channel.note("other")
    channel.server.fault(SEND, "status", code=50008)
    with pytest.raises(PlatformError) as caught:
        await bot.deliver(target, Reply("zebra"))
    seen = caplog.text + capsys.readouterr().out + str(caught.value)
    assert "discord_request_changed" in seen and "zebra" not in seen
    assert channel.server.token not in seen
    # discord.py's own warnings name the address; the program's log leaves such tokens out.
    record = logging.LogRecord("discord.http", 30, "", 0, seen, (), None)
    assert token in seen and token not in logs._formatter((), True).format(record)
    assert "http" not in str(caught.value)


async def test_a_crash_after_the_send_makes_no_second_message(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger = channel.note()
    channel.server.fault(SEND, "status", status=503, count=2)
    channel.server.fault(SEND, "lose_reply", count=None)
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("hello", files=(FILE,)))
    assert ledger.rows[0].state is DeliveryState.PENDING
    channel.server.clear_faults()
    await bot.deliver(target, Reply("hello", files=(FILE,)))
    answer = only(channel.server.replies(channel.id))
    assert (ledger.ids(), answer.files[0].data) == ({0: answer.message_id}, FILE.data)
    await ledger.forget(0)
    await ledger.start(0)  # the process died before the id was kept
    await bot.deliver(target, Reply("good morning"))
    assert only(channel.server.replies(channel.id)).content == "good morning"


async def test_sent_parts_are_not_sent_again(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = channel.note()
    reply = Reply(quote="word " * 1000)
    await bot.deliver(target, reply)
    await bot.deliver(target, reply)
    answers = channel.server.replies_to(target.message.message_id)
    assert len(answers) == 3 == count_sends(channel)
    assert [*ledger.ids().values()] == [one.message_id for one in answers]
    assert channel.server.requests_to("PATCH *") == []
    await ledger.forget(2)
    channel.server.advance(hours=1)
    await bot.deliver(target, reply)
    assert count_sends(channel) == 4


async def test_a_lasting_outage_is_left_to_the_job(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = channel.note()
    channel.server.fault(SEND, "status", status=503, count=None)
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("hello"))
    tries = channel.server.requests_to(SEND)
    waits_s = [later.received_at - one.received_at for one, later in pairwise(tries)]
    assert waits_s == pytest.approx(WAITS_S, abs=0.1)
    assert ledger.rows[0].state is DeliveryState.PENDING


async def test_a_silent_server_ends_the_request(
    bot: Bot, channel: ServerChannel, clock: Clock
) -> None:
    for part, limit_s in ((Reply("hello"), CALL_S), (Reply(files=(FILE,)), UPLOAD_S)):
        target, _ = channel.note(str(limit_s))
        channel.server.fault(SEND, "hang")
        begun_s = clock.monotonic()
        with pytest.raises(PlatformBusy, match="does not answer"):
            await bot.deliver(target, part)
        assert clock.monotonic() - begun_s == pytest.approx(limit_s, abs=0.1)


async def test_nothing_is_sent_before_the_login_and_everything_after(
    settings: Settings, inbox: FakeInbox, channel: ServerChannel
) -> None:
    bot = Bot(settings, inbox, current_clock())
    target, _ = channel.note()
    await bot.show(target, "one moment", is_lasting=True)
    work = asyncio.create_task(bot.deliver(target, Reply("hello")))
    await asyncio.sleep(OPEN_WAIT_S - 1)
    assert not work.done() and channel.server.requests == []
    await bot.client.open()
    await work
    assert only(channel.server.replies(channel.id)).content == "hello"
    await bot.close()


@pytest.mark.parametrize("reply", [Reply("hello"), Reply("hello", files=(FILE,))])
async def test_a_reply_whose_sending_was_not_noted_is_found_without_history(
    bot: Bot, channel: ServerChannel, reply: Reply
) -> None:
    """Without the permission Read Message History its message cannot be asked for."""
    channel.server.deny(channel.id, channel.guild, "READ_MESSAGE_HISTORY")
    target, ledger = await channel.answer(bot, reply)
    ledger.rows[0] = PartDelivery(0, DeliveryState.PENDING, "")
    await asyncio.sleep(1)
    await bot.deliver(target, reply)
    answer = only(channel.server.replies(channel.id))
    assert answer.content == "hello" and ledger.ids() == {0: answer.message_id}


async def test_an_outdated_reply_is_edited_in_place(bot: Bot, channel: ServerChannel) -> None:
    target, ledger = await channel.answer(bot, Reply("hello", files=(FILE,), buttons=AGAIN))
    first = ledger.ids()
    ledger.outdate()
    await bot.deliver(target, Reply("good morning"))
    answer = only(channel.server.replies(channel.id))
    assert (answer.content, answer.files, answer.labels) == ("good morning", [], [])
    assert ledger.ids() == first
    # The nonce of the first one would give back what was deleted.
    channel.server.delete(first[0])
    ledger.outdate()
    await bot.deliver(target, Reply("good night"))
    answer = only(channel.server.replies(channel.id))
    assert answer.content == "good night" and ledger.ids() == {0: answer.message_id}
    ledger.outdate()
    await bot.deliver(target, Reply())
    assert channel.server.replies(channel.id) == [] and ledger.ids() == {}


async def test_an_outdated_reply_becomes_shorter_and_longer(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger = await channel.answer(bot, Reply("word " * 1000))
    first = ledger.ids()
    assert len(first) == 3
    ledger.outdate()
    await bot.deliver(target, Reply("short"))
    # The last one first: the ledger never has a gap.
    gone = [
        call.path.rpartition("/")[2] for call in channel.server.requests_to("DELETE */messages/*")
    ]
    assert gone == [first[2], first[1]]
    assert [a.content for a in channel.server.replies(channel.id)] == ["short"]
    assert len(ledger.ids()) == 1
    ledger.outdate()
    await bot.deliver(target, Reply("word " * 1000))
    assert len(channel.server.replies(channel.id)) == 3


async def test_errors_that_end_a_chat_a_thread_or_the_bot(bot: Bot, channel: ServerChannel) -> None:
    thread = channel.server.add_thread(channel.id, channel.ann)
    notes = [
        channel.note(thread_id=thread)[0],
        channel.note()[0],
        channel.note()[0],
        channel.dm_note()[0],
    ]
    channel.server.archive_thread(thread)
    await bot.deliver(notes[0], Reply("hello"))  # it is taken out again
    assert only(channel.server.replies(thread)).reply_to == notes[0].message.message_id
    assert channel.server.replies(channel.id) == []
    notes[0] = channel.note("locked", thread_id=thread)[0]
    channel.server.archive_thread(thread, is_locked=True)
    await fails(bot, notes[0], MessageGone)
    channel.server.fault(SEND, "status", status=401)
    await fails(bot, notes[1], PlatformLocked)
    channel.server.delete_channel(channel.id)
    await fails(bot, notes[2], ChatGone)
    channel.server.change(channel.ann, is_closed=True)
    await fails(bot, notes[3], ChatGone)
    message = make_message("user:x", "interaction:5", sender_id="x", attachment=None)
    target, _ = make_target(replace(message, reply_token="5:token:1:p"))
    await fails(bot, target, MessageGone)


async def fails(bot: Bot, target: DeliveryTarget, kind: type[PlatformError]) -> None:
    with pytest.raises(PlatformError) as caught:
        await bot.deliver(target, Reply("hello"))
    assert type(caught.value) is kind


async def test_the_reply_to_a_button_refers_to_its_message(
    bot: Bot, channel: ServerChannel
) -> None:
    note = channel.note()[0].message
    pressed = replace(note, message_id="interaction:5", reply_to=QuotedMessage(note.message_id))
    await bot.deliver(make_target(pressed)[0], Reply("hello"))
    only(channel.server.replies_to(note.message_id))
