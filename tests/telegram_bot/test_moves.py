"""A group becomes a supergroup: it gets a new id, and its message ids restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.errors import ChatMoved
from core.models import LIVE, PLACEHOLDER, DeliveryState, Job, Reply
from core.store import Store
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import StoreInbox, make_target, only, show

NOTE = b"OggS"


@pytest.fixture
def inbox(store: Store) -> StoreInbox:
    return StoreInbox(store)


@pytest.fixture
def group(telegram: Server, ann: int) -> int:
    """A group that is no supergroup yet."""
    return telegram.add_chat("group", members={ann: "creator"})


async def send_note(telegram: Server, inbox: StoreInbox, group: int, ann: int) -> Job:
    """Return the job of a note that is the first message of its group."""
    assert telegram.send_command(group, ann, "/transcribe", reply_to=1) == 1
    return await inbox.next_job(telegram)


async def test_a_moved_chat_is_reported_and_gets_replies_without_old_message_ids(
    telegram: Server, bot: Bot, group: int, ann: int
) -> None:
    note = telegram.send_voice(group, ann, NOTE)
    target, ledger = make_target(group, note)
    await show(bot, target, "so far")
    new = telegram.migrate(group)
    # A message of our own that has the placeholder's id in the new chat.
    other = await bot._client.bot.send_message(new, "other")
    assert f"{LIVE}{other.message_id}" == ledger.ids()[PLACEHOLDER]
    with pytest.raises(ChatMoved) as caught:
        await bot.deliver(target, Reply("x"))
    assert caught.value.new_chat_id == str(new)
    # As the store returns it after a move: the message id belonged to another chat.
    moved = replace(make_target(new, "")[0], ledger=ledger)
    await bot.deliver(moved, Reply("x"))
    assert [(a.text, a.reply_to) for a in telegram.replies(new)] == [("other", None), ("x", None)]


async def test_parts_sent_before_a_move_are_not_touched_after_it(
    telegram: Server, bot: Bot, group: int, ann: int
) -> None:
    target, ledger = make_target(group, telegram.send_voice(group, ann, NOTE))
    await bot.deliver(target, Reply("x" * 4097))
    new = telegram.migrate(group)
    others = [await bot._client.bot.send_message(new, f"other {n}") for n in range(3)]
    assert set(ledger.ids().values()) < {str(other.message_id) for other in others}
    ledger.outdate()
    await bot.deliver(replace(make_target(new, "")[0], ledger=ledger), Reply("new"))
    texts = [shown.text for shown in telegram.replies(new)]
    assert texts == ["other 0", "other 1", "other 2", "new"]
    assert list(ledger.ids()) == [0]


async def test_a_reply_to_a_person_is_not_taken_for_one_to_a_bot_message_from_before_the_move(
    telegram: Server, running: Bot, inbox: StoreInbox, group: int, ann: int
) -> None:
    job = await send_note(telegram, inbox, group, ann)
    await inbox.answer(running, job.job_id, Reply("Heard."))
    ours = only(telegram.replies(group)).message_id
    new = telegram.migrate(group)
    said = telegram.send_text(new, ann, "We meet at nine.")
    assert said == ours
    telegram.send_text(new, ann, "Really?", reply_to=said)
    telegram.send_command(new, ann, "/forget", reply_to=said)
    asked = await inbox.next_job(telegram)
    assert inbox.accepted == 2, "nobody asked anything but /transcribe and /forget"
    assert asked.message.reply_to and not asked.message.reply_to.job_id


async def test_a_bot_message_sent_after_the_move_can_be_replied_to(
    telegram: Server, running: Bot, inbox: StoreInbox, store: Store, group: int, ann: int
) -> None:
    job = await send_note(telegram, inbox, group, ann)
    await store.deliveries.target(job).ledger.start(0)
    new = telegram.migrate(group)
    await telegram.wait_for(lambda: inbox.moves)
    await inbox.answer(running, job.job_id, Reply("Heard."))
    answer = only(telegram.replies(new))
    telegram.send_text(new, ann, "Really?", reply_to=answer.message_id)
    asked = await inbox.next_job(telegram)
    assert asked.message.reply_to and asked.message.reply_to.job_id == job.job_id


async def test_a_message_being_sent_during_the_move_went_to_the_old_chat(
    telegram: Server, running: Bot, inbox: StoreInbox, store: Store, group: int, ann: int
) -> None:
    job = await send_note(telegram, inbox, group, ann)
    ledger = store.deliveries.target(job).ledger
    for part in (0, 1):
        await ledger.start(part)
    await ledger.finish(1, "3")
    telegram.migrate(group)
    await telegram.wait_for(lambda: inbox.moves)
    await ledger.finish(0, "2")
    kept = [row.platform_id for row in await store.deliveries.parts(job.job_id)]
    assert kept == ["old:2", "old:3"]


async def test_a_part_restarted_in_the_new_chat_has_no_id_of_the_old_one(
    telegram: Server, running: Bot, inbox: StoreInbox, store: Store, group: int, ann: int
) -> None:
    job = await send_note(telegram, inbox, group, ann)
    await inbox.answer(running, job.job_id, Reply("Heard."))
    telegram.migrate(group)
    await telegram.wait_for(lambda: inbox.moves)
    assert await store.jobs.redo(job.job_id, Reply("Heard better."))
    ledger = store.deliveries.target(job).ledger
    await ledger.start(0)
    begun = await ledger.find(0)
    assert begun and (begun.state, begun.platform_id) == (DeliveryState.PENDING, "")
    await ledger.finish(0, "7")
    done = await ledger.find(0)
    assert done and (done.state, done.platform_id) == (DeliveryState.SENT, "7")
