"""Private buttons, remembered messages and repeated updates: emulated Telegram, real store."""

from __future__ import annotations

import asyncio
import random

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.config import Settings
from core.models import (
    Button,
    Chat,
    ChatSettings,
    File,
    JobState,
    PartDelivery,
    Reply,
    TalkRange,
    TalkSettings,
)
from core.store import Store
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import StoreInbox, make_message, receiving
from tests.support.virtual_time import current_clock

NOTE = b"OggS"


@pytest.fixture
def inbox(store: Store) -> StoreInbox:
    return StoreInbox(store)


async def test_a_private_button_works_only_for_the_person_who_asked(
    telegram: Server, running: Bot, inbox: StoreInbox, ann: int
) -> None:
    eve = telegram.add_user("Eve")
    group = telegram.add_chat(members={ann: "member", eve: "member"})
    telegram.send_command(group, ann, "/summary me")
    job = await inbox.next_job(telegram)
    button = Button("Read in private", "private_summary", "what it holds", is_private=True)
    await inbox.answer(running, job.job_id, Reply("Here it is.", buttons=(button,)))
    [[key]] = telegram.replies(group)[0].buttons
    assert telegram.foreign_links(telegram.replies(group)[0]) == []
    found = []
    for person in (eve, ann):
        telegram.open_link(person, key["url"])
        pressed = await inbox.next_job(telegram)
        found.append((pressed.message.chat.chat_id, pressed.command, pressed.message.text))
    assert found == [
        (str(eve), "stale_button", ""),
        (str(ann), "private_summary", "what it holds"),
    ]
    # Typed into the group, the token does nothing.
    telegram.send_command(group, ann, f"/start {key['url'].partition('=')[2]}")
    typed = await inbox.next_job(telegram)
    assert (typed.command, typed.message.button) == ("start", "")


async def test_messages_that_are_only_remembered_get_no_reaction(
    telegram: Server, running: Bot, inbox: StoreInbox, store: Store, ann: int, group: int
) -> None:
    settings = ChatSettings(talk=TalkSettings(remember_days=7))
    await store.chats.save_settings(Chat("telegram", "123456", str(group)), settings)
    note = telegram.send_voice(group, ann, NOTE)
    said = telegram.send_text(group, ann, "We meet at nine.")
    job = await inbox.next_job(telegram)
    await inbox.answer(running, job.job_id, Reply())
    asked = telegram.send_command(group, ann, "/transcribe", reply_to=note)
    await telegram.wait_for(lambda: telegram.reactions(group, asked))
    assert job.command == "note"
    assert telegram.reactions(group, note) == []
    assert telegram.replies(group) == []
    telegram.edit_message(group, said, "We meet at ten.")
    telegram.edit_message(group, note, "(a caption)")
    chat = job.message.chat

    async def remembered() -> list[str]:
        return [kept.text for kept in await store.memory.select(chat, TalkRange())]

    await telegram.wait_for(lambda: telegram.pending() == [])
    assert await remembered() == ["(a caption)", "We meet at ten."]


async def test_refused_voice_messages_are_remembered_over_a_restart(
    telegram: Server, settings: Settings, inbox: StoreInbox
) -> None:
    ann = telegram.add_user("Ann", is_voice_forbidden=True)
    ben = telegram.add_user("Ben")
    for chat, message_id in ((ann, 1), (ann, 2), (ben, 1)):
        # A process that lives for this reply only.
        bot = Bot(settings, inbox, menu=(), clock=current_clock())
        job = await inbox.accept(make_message(chat, message_id))
        assert job
        file = File("a.ogg", "audio/ogg", b"OggS" + b"OpusHead")
        await inbox.answer(bot, job.job_id, Reply("Said.", files=(file,)))
        await bot.close()
    made = [(call.method.lower(), call.chat_id, call.status) for call in telegram.requests]
    assert [call for call in made if call[0].startswith("send")] == [
        ("sendvoice", ann, 400), ("sendaudio", ann, 200), ("sendaudio", ann, 200),
        ("sendvoice", ben, 200),
    ]  # fmt: skip


async def test_a_message_that_offers_to_cancel_is_deleted_although_it_is_sent_late(
    telegram: Server, bot: Bot, inbox: StoreInbox, store: Store, ann: int
) -> None:
    note = telegram.send_voice(ann, ann, NOTE)
    job = await inbox.accept(make_message(ann, note))
    assert job
    live, has_looked, may_go_on = store.deliveries.target(job), asyncio.Event(), asyncio.Event()
    find = live.ledger.find

    async def find_slowly(part: int) -> PartDelivery | None:
        found = await find(part)
        has_looked.set()
        await may_go_on.wait()
        return found

    live.ledger.find = find_slowly  # type: ignore[method-assign]
    await bot.show(live, "heard so far")
    await has_looked.wait()
    await bot.offer_cancel(live)  # the draft on its way becomes a message
    ledger = store.deliveries.ledger(job)
    reply = await store.jobs.save_reply(job.job_id, Reply("all"), JobState.DONE, ledger)
    delivery = asyncio.create_task(bot.deliver(store.deliveries.target(job, ledger), reply))
    may_go_on.set()
    await delivery
    progress, answer = telegram.replies(ann, has_deleted=True)
    assert (progress.text, progress.is_deleted) == ("heard so far", True)
    assert (answer.text, answer.is_deleted) == ("all", False)


async def test_a_job_that_has_its_reply_shows_nothing_more_although_nothing_was_sent(
    telegram: Server, bot: Bot, inbox: StoreInbox, store: Store, ann: int
) -> None:
    job = await inbox.accept(make_message(ann, telegram.send_voice(ann, ann, NOTE)))
    assert job
    ledger = store.deliveries.ledger(job)
    reply = await store.jobs.save_reply(job.job_id, Reply(), JobState.DONE, ledger)
    await bot.deliver(store.deliveries.target(job, ledger), reply)
    await bot.offer_cancel(store.deliveries.target(job))
    await asyncio.sleep(5)
    assert telegram.replies(ann, has_deleted=True) == []


async def test_repeated_updates_are_one_job_each_also_over_a_restart(
    telegram: Server, settings: Settings, inbox: StoreInbox, ann: int
) -> None:
    ben = telegram.add_user("Ben")
    sent = [telegram.send_voice(one, one, NOTE) for one in (ann, ben) * 6]
    chance = random.Random(5)
    for update in telegram.pending():
        telegram.redeliver(update, chance.randrange(5))
    updates = telegram.pending()
    for _ in range(3):
        async with receiving(Bot(settings, inbox, menu=(), clock=current_clock())):
            sent.append(telegram.send_text(ann, ann, "All before this is handed out."))
            await telegram.wait_for(lambda: not telegram.pending())
        if len(updates) == 12:  # A button is pressed once, and that comes again too.
            telegram.press_button(ann, ann, sent[0], "a button of old")
            updates += telegram.pending()
        for update in [updates[-1], *updates]:
            telegram.redeliver(update)
    asked = [(job.message.chat, job.message.message_id) for job in inbox.jobs]
    assert len(set(asked)) == len(asked) == len(sent) + 1


async def test_unordered_restarted_and_missing_update_ids_lose_nothing(
    telegram: Server, settings: Settings, inbox: StoreInbox, ann: int
) -> None:
    sent: list[int] = []

    async def send(count: int) -> None:
        sent.extend(telegram.send_voice(ann, ann, NOTE) for _ in range(count))
        await telegram.wait_for(lambda: not telegram.pending())

    telegram.shuffle()
    telegram.set_update_id(900_000_000)
    async with receiving(Bot(settings, inbox, menu=(), clock=current_clock())):
        await send(6)
        # After a week without updates ids restart at random: far above, then far below.
        for base in (900_500_000, 70_000_000):
            telegram.set_update_id(base)
            await send(3)
            await send(3)
    assert sorted(int(job.message.message_id) for job in inbox.jobs) == sent
