"""A reply that has changed is edited in place, in an emulated Telegram."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.errors import PlatformBusy
from core.interfaces import DeliveryTarget
from core.models import PLACEHOLDER, Button, DeliveryState, File, PartDelivery, Reply
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import MemoryLedger, ambiguous_sends, make_target

NOTE = b"OggS"
FILE = File("a.srt", "application/x-subrip", b"1\n00:00")


async def answer(
    telegram: Server, bot: Bot, reply: Reply
) -> tuple[int, int, DeliveryTarget, MemoryLedger]:
    """Let the bot reply to a voice note, and mark the reply as outdated."""
    ann = telegram.add_user("Ann")
    note = telegram.send_voice(ann, ann, NOTE)
    target, ledger = make_target(ann, note)
    await bot.deliver(target, reply)
    ledger.outdate()
    telegram.clear_requests()
    return ann, note, target, ledger


def calls(telegram: Server) -> list[str]:
    return [call.method.lower() for call in telegram.requests]


async def test_a_changed_text_is_an_edit(telegram: Server, bot: Bot) -> None:
    old = Reply(quote="Mister Kovalsky", buttons=(Button("Fix", "fix", token="t1"),))
    ann, note, target, ledger = await answer(telegram, bot, old)
    new = Reply(quote="Mister Kowalski", buttons=(Button("Fix", "fix", token="t2"),))
    await bot.deliver(target, new)
    [shown] = telegram.replies_to(ann, note)
    assert shown.versions == ["Mister Kovalsky", "Mister Kowalski"]
    assert [button["callback_data"] for button in shown.buttons[0]] == ["t2"]
    assert ledger.rows[0].state is DeliveryState.SENT
    assert calls(telegram) == ["editmessagetext"]
    await bot.deliver(target, new)
    assert calls(telegram) == ["editmessagetext"]


async def test_a_crash_around_the_edit_leaves_one_reply(telegram: Server, bot: Bot) -> None:
    before = ambiguous_sends()
    ann, note, target, ledger = await answer(telegram, bot, Reply("old"))
    telegram.fault("editMessageText", "lose_reply")
    await bot.show(target, "progress of the second run")
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("new"))
    assert ledger.rows[0].platform_id
    await bot.deliver(target, Reply("new"))
    [shown] = telegram.replies_to(ann, note)
    assert shown.versions == ["old", "new"]
    assert telegram.drafts(ann) == {}, "no draft is shown above what will be edited"
    assert ambiguous_sends() == before


@pytest.mark.parametrize("is_gone", [True, False])
async def test_what_cannot_be_edited_is_sent_again(
    telegram: Server, bot: Bot, is_gone: bool
) -> None:
    before = ambiguous_sends()
    ann, note, target, ledger = await answer(telegram, bot, Reply("old"))
    if is_gone:
        telegram.delete_message(ann, int(ledger.ids()[0]))
    else:
        words = "message can't be edited"
        telegram.fault("editMessageText", "status", status=400, description=words)
    await bot.deliver(target, Reply("new"))
    [shown] = telegram.replies_to(ann, note)
    assert (shown.text, ledger.ids()) == ("new", {0: str(shown.message_id)})
    assert ambiguous_sends() == before


async def test_a_part_of_another_kind_replaces_the_old_one(telegram: Server, bot: Bot) -> None:
    before = ambiguous_sends()
    ann, note, target, ledger = await answer(telegram, bot, Reply("words"))
    await bot.deliver(target, Reply(files=(FILE,)))
    [shown] = telegram.replies_to(ann, note)
    assert shown.file is not None
    ledger.outdate()
    telegram.fault("sendMessage", "lose_reply")
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("words again"))
    await bot.deliver(target, Reply("words again"))
    shown, twice = telegram.replies_to(ann, note)
    assert {(one.file, one.text) for one in (shown, twice)} == {(None, "words again")}
    assert ledger.ids() == {0: str(twice.message_id)}
    assert ambiguous_sends() == before + 1


async def test_surplus_parts_are_deleted_the_last_one_first(telegram: Server, bot: Bot) -> None:
    ann, note, target, ledger = await answer(telegram, bot, Reply("long " * 3200))
    ids = list(ledger.ids().values())
    assert len(ids) == 4
    ledger.rows[3] = PartDelivery(
        3, DeliveryState.PENDING
    )  # it may stand there, nobody knows where
    telegram.fault("deleteMessage", "status", status=400, description="message can't be deleted")
    await bot.deliver(target, Reply("short"))
    first, second = telegram.requests_to("deleteMessage")
    assert [call.params["message_id"] for call in (first, second)] == [ids[2], ids[1]]
    assert second.received_at - first.received_at == pytest.approx(3.1), (
        "deletions keep the chat's pace"
    )
    # A message that could not be deleted is no failure.
    assert [str(shown.message_id) for shown in telegram.replies_to(ann, note)] == [
        ids[0], ids[2], ids[3],
    ]  # fmt: skip
    assert telegram.replies_to(ann, note)[0].text == "short"
    assert list(ledger.rows) == [0]
    telegram.clear_requests()
    await bot.deliver(target, Reply("short"))
    assert telegram.requests == []


async def test_a_reply_becomes_longer_and_is_deleted(telegram: Server, bot: Bot) -> None:
    button = (Button("Fix", "fix", token="t1"),)
    ann, note, target, ledger = await answer(telegram, bot, Reply("a", buttons=button))
    await bot.deliver(target, Reply("b" * 5000, buttons=button))
    first, second = telegram.replies_to(ann, note)
    assert [first.versions[0], len(first.text), len(second.text)] == ["a", 4096, 904]
    assert [first.labels, second.labels] == [[], ["Fix"]]
    assert list(ledger.rows) == [0, 1]
    ledger.outdate()
    await bot.deliver(target, Reply())
    assert telegram.replies_to(ann, note) == [] and ledger.rows == {}


async def test_retry_after_on_a_deletion_holds_the_chat(telegram: Server, bot: Bot) -> None:
    _, _, target, _ = await answer(telegram, bot, Reply("words", files=(FILE,)))
    telegram.fault("deleteMessage", "status", status=429, retry_after=3600)
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("words again"))
    telegram.clear_requests()
    with pytest.raises(PlatformBusy):
        await bot.deliver(replace(target, job_id="2", ledger=MemoryLedger()), Reply("next"))
    assert telegram.requests == []


async def test_a_deletion_that_has_to_wait_is_made_again(telegram: Server, bot: Bot) -> None:
    ann, note, target, _ = await answer(telegram, bot, Reply("words", files=(FILE,)))
    telegram.fault("deleteMessage", "status", status=429, retry_after=5, count=2)
    await bot.deliver(target, Reply("words again"))
    assert [shown.text for shown in telegram.replies_to(ann, note)] == ["words again"]
    calls = telegram.requests_to("deleteMessage")
    assert [call.status for call in calls] == [429, 429, 200]
    assert calls[2].received_at - calls[0].received_at == pytest.approx(10.0, abs=1.0)


async def test_a_placeholder_that_could_not_be_deleted_is_deleted_with_the_next_attempt(
    telegram: Server, bot: Bot, ann: int
) -> None:
    target, _ = make_target(ann)
    await bot.offer_cancel(target)
    await telegram.wait_for(lambda: telegram.replies(ann))
    telegram.fault("deleteMessage", "html", status=502)
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("all"))
    await bot.deliver(target, Reply("all"))
    assert [answer.text for answer in telegram.replies(ann)] == ["all"]
    assert len(telegram.requests_to("sendMessage")) == 2


async def test_a_failed_job_that_is_run_again_edits_its_error_message(
    telegram: Server, bot: Bot, ann: int
) -> None:
    target, ledger = make_target(ann)
    await bot.deliver(target, Reply("That failed."))
    # As the store does with a dead letter that is run again.
    ledger.rows = {PLACEHOLDER: PartDelivery(PLACEHOLDER, DeliveryState.SENT, ledger.ids()[0])}
    await bot.deliver(target, Reply("all"))
    assert [answer.versions for answer in telegram.replies(ann)] == [["That failed.", "all"]]
