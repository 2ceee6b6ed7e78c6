"""Live progress: drafts in private, a placeholder in a group, never in the reply's way."""

from __future__ import annotations

import asyncio

import pytest

from bots.common.live_messages import MAX_LIVE_MESSAGES, UPDATE_S
from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.outgoing.live_message import build_draft_id
from core.clock import Clock
from core.errors import StoreError
from core.models import LIVE, PLACEHOLDER, DeliveryState, PartDelivery, Reply
from core.safety import restore_links
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import ambiguous_sends, make_target, only, show


async def test_a_private_chat_sees_a_growing_draft(telegram: Server, bot: Bot, ann: int) -> None:
    topic = str(telegram.add_topic(ann))
    target, ledger = make_target(ann, job_id="00000000aa", thread_id=topic)
    await show(bot, target, "one", "one two", "one two three")
    assert telegram.drafts(ann) == {1068397955: ["one", "one two", "one two three"]}
    assert telegram.requests[0].params["message_thread_id"] == topic
    await bot.deliver(target, Reply("all"))
    assert only(telegram.replies(ann)).versions == ["all"]
    assert PLACEHOLDER not in ledger.rows


@pytest.mark.finding(22)
async def test_the_reply_notifies_after_a_lasting_message(
    telegram: Server, bot: Bot, ann: int
) -> None:
    note = telegram.send_text(ann, ann, "x")
    target, _ = make_target(ann, note)
    await show(bot, target, "one")
    await show(bot, target, "this takes longer", is_lasting=True)
    await bot._live_messages.end(target)
    await show(bot, target, "more")
    assert telegram.drafts(ann) == {build_draft_id(target.job_id): ["one"]}
    await bot.deliver(target, Reply("all"))
    progress, answer = telegram.replies(ann, has_deleted=True)
    assert progress.versions == ["this takes longer", "more"] and progress.is_deleted
    assert answer.versions == ["all"]
    silent, loud = telegram.requests_to("sendMessage")
    assert silent.params["disable_notification"] == "true"
    assert loud.params.get("disable_notification", "false") == "false"


async def test_a_group_sees_one_message_that_is_edited(
    telegram: Server, bot: Bot, ann: int
) -> None:
    group = telegram.add_chat(members={ann: "creator"})
    topic = telegram.add_topic(group)
    note = telegram.send_text(group, ann, "x", thread=topic)
    target, ledger = make_target(group, note, thread_id=str(topic))
    await show(bot, target, "one", "one two")
    placeholder = only(telegram.replies_to(group, note))
    assert (placeholder.text, placeholder.thread_id) == ("one two", topic)
    assert ledger.ids() == {PLACEHOLDER: f"{LIVE}{placeholder.message_id}"}
    await bot.deliver(target, Reply("all"))
    assert only(telegram.replies(group)).versions == ["one", "one two", "all"]
    assert ledger.ids()[0] == str(placeholder.message_id)


@pytest.mark.parametrize(
    ("is_group", "expected"),
    [(False, [(0, 0), (1, 10), (2, 20), (3, 30), (4, 39)]), (True, [(0, 0), (2.5, 25), (5, 39)])],
)
async def test_latest_text_wins_at_the_pace_of_the_chat(
    is_group: bool, expected: list[tuple[float, int]], telegram: Server,
    bot: Bot, ann: int, group: int, clock: Clock,
) -> None:  # fmt: skip
    target, _ = make_target(group if is_group else ann, attachment=None)
    started_s = clock.monotonic()
    for number in range(40):
        await bot.show(target, str(number))
        await clock.sleep(0.1 if number else 0.05)
    await clock.sleep(60)
    drawn = [(call.received_at - started_s, int(call.params["text"])) for call in telegram.requests]
    assert [number for _, number in drawn] == [number for _, number in expected]
    assert [at_s for at_s, _ in drawn] == pytest.approx([at_s for at_s, _ in expected])


@pytest.mark.parametrize("is_lasting", [True, False])
async def test_text_shows_its_end(is_lasting: bool, telegram: Server, bot: Bot, group: int) -> None:
    await show(bot, make_target(group)[0], "@a " * 1365 + "the end", is_lasting=is_lasting)
    shown = only(telegram.replies(group)).text
    assert shown.startswith("…") and shown.endswith("the end") and len(shown) == 4096


async def test_text_of_people_mentions_nobody(telegram: Server, bot: Bot, group: int) -> None:
    target, _ = make_target(group)
    await show(bot, target, "\x00", " \n", "ask @bob\x00")
    shown = only(telegram.replies(group)).text
    assert shown != "ask @bob"
    assert restore_links(shown) == "ask @bob"
    await show(bot, target, "ask @bob\x00", is_lasting=True)
    assert only(telegram.replies(group)).text == "ask @bob"


async def test_the_reply_waits_for_a_call_under_way_and_no_update_follows_it(
    telegram: Server, bot: Bot, group: int, clock: Clock
) -> None:
    telegram.fault("sendMessage", "delay", delay_s=5)
    target, _ = make_target(group)
    await bot.show(target, "slow")
    await telegram.wait_for(lambda: telegram.requests)
    await bot.show(target, "later")
    await bot.deliver(target, Reply("all"))
    await show(bot, target, "late")
    assert only(telegram.replies(group)).versions == ["slow", "all"]


async def test_a_lost_placeholder_is_not_sent_twice(telegram: Server, bot: Bot, group: int) -> None:
    target, ledger = make_target(group)
    before = ambiguous_sends()
    telegram.fault("sendMessage", "status", status=429, retry_after=1)
    telegram.fault("sendMessage", "lose_reply")
    await show(bot, target, "refused", "one", "two", "three")
    assert len(telegram.requests_to("sendMessage")) == 2
    assert ledger.rows[PLACEHOLDER] == PartDelivery(PLACEHOLDER, DeliveryState.PENDING)
    for _ in range(2):
        await bot.deliver(target, Reply("all"))
    assert [a.text for a in telegram.replies(group)] == ["one", "all"]
    assert ambiguous_sends() == before + 1


async def test_refused_placeholder_is_tried_again_and_not_counted_as_lost(
    telegram: Server, bot: Bot, group: int, clock: Clock
) -> None:
    target, ledger = make_target(group)
    before = ambiguous_sends()
    telegram.fault("sendMessage", "status", status=429, retry_after=30)
    await bot.show(target, "one")
    await clock.sleep(5)
    assert PLACEHOLDER not in ledger.rows
    await bot._live_messages.end(target)
    assert ambiguous_sends() == before
    await show(bot, target, "two")
    refused, sent = telegram.requests
    assert sent.received_at - refused.received_at == pytest.approx(30, abs=0.01)
    assert only(telegram.replies(group)).text == "two"


@pytest.mark.parametrize("is_gone", [True, False])
async def test_placeholder_that_cannot_be_edited_is_left_alone(
    is_gone: bool, telegram: Server, bot: Bot, group: int
) -> None:
    target, _ = make_target(group)
    await show(bot, target, "one")
    if is_gone:
        telegram.delete_message(group, only(telegram.replies(group)).message_id)
    else:
        telegram.fault("*", "status", status=400, description="message is not modified")
    await show(bot, target, "two", "three")
    assert len(telegram.requests) == (2 if is_gone else 3)
    assert [shown.text for shown in telegram.replies(group)] == ([] if is_gone else ["three"])


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ({"status": 400}, 1),
        ({"status": 403}, 1),
        ({"status": 500}, 3),
        ({"status": 429, "retry_after": 50}, 3),
        # The second text comes after a minute and would have to wait longer than another.
        ({"status": 429, "retry_after": 150}, 2),
    ],
)
async def test_a_refused_draft_is_not_tried_again(
    fault: dict[str, int], calls: int, telegram: Server, bot: Bot, ann: int
) -> None:
    telegram.fault("*", "status", count=None, **fault)
    await show(bot, make_target(ann)[0], "one", "two", "three")
    assert len(telegram.requests) == calls


async def test_a_lasting_message_needs_no_draft(telegram: Server, bot: Bot, ann: int) -> None:
    telegram.fault("sendMessageDraft", "status", status=404, count=None)
    target, _ = make_target(ann)
    await show(bot, target, "one")
    await show(bot, target, "this takes longer", is_lasting=True)
    assert only(telegram.replies(ann)).text == "this takes longer"
    telegram.fault("*", "status", status=403, count=None)
    await show(bot, target, "a", "b", is_lasting=True)
    assert len(telegram.requests) == 3


async def test_a_failing_ledger_is_logged(
    bot: Bot, group: int, capsys: pytest.CaptureFixture[str]
) -> None:
    target, ledger = make_target(group)

    async def fail(part: int) -> None:
        raise StoreError("locked")

    ledger.find = fail  # type: ignore[method-assign]
    await show(bot, target, "x")
    assert "telegram_task_failed" in capsys.readouterr().out


async def test_jobs_without_a_reply_are_dropped(telegram: Server, bot: Bot, ann: int) -> None:
    bot.pacer.hold(str(ann), 3600)
    for number in range(MAX_LIVE_MESSAGES + 2):
        await bot.show(make_target(ann, job_id=str(number))[0], "x")
    assert len(bot._live_messages._live) == MAX_LIVE_MESSAGES + 1
    assert "0" not in bot._live_messages._live


def test_draft_ids_are_in_telegrams_range() -> None:
    ids = {build_draft_id(f"{n:010x}") for n in range(2000)}
    assert len(ids) > 1990
    assert all(0 < one < 2**31 for one in ids)
    assert build_draft_id("") == 1


async def test_an_update_that_hangs_is_given_up(
    telegram: Server, bot: Bot, group: int, clock: Clock
) -> None:
    telegram.fault("sendMessage", "hang")
    target, _ = make_target(group, attachment=None)
    started_s = clock.monotonic()
    await bot.show(target, "one")
    await telegram.wait_for(lambda: telegram.requests)
    await bot.deliver(target, Reply("all"))
    assert clock.monotonic() - started_s == pytest.approx(UPDATE_S)
    assert only(telegram.replies(group)).text == "all"


async def test_a_slow_call_delays_the_next_one(
    telegram: Server, bot: Bot, group: int, clock: Clock
) -> None:
    telegram.fault("sendMessage", "delay", delay_s=5)
    target, _ = make_target(group, attachment=None)
    await bot.show(target, "one")
    await clock.sleep(1)
    await show(bot, target, "two")
    first, second = telegram.requests
    assert second.received_at - first.received_at == pytest.approx(7.5, abs=0.01)
    await bot.show(target, "three")
    await clock.sleep(1)
    await bot.show(target, "four")
    await asyncio.sleep(0)
    started_s = clock.monotonic()
    await bot.deliver(target, Reply("all"))  # it does not wait for the next drawing
    assert clock.monotonic() - started_s < 0.1
    assert only(telegram.replies(group)).versions[1:] == ["two", "three", "all"]


async def test_a_moved_chat_gets_no_updates(telegram: Server, bot: Bot, ann: int) -> None:
    group = telegram.add_chat("group", members={ann: "member"})
    telegram.migrate(group)
    await show(bot, make_target(group)[0], "one", "two")
    assert len(telegram.requests) == 1


@pytest.mark.finding(22)
@pytest.mark.parametrize("is_group", [True, False])
@pytest.mark.parametrize("text", ["", "one"])
async def test_what_takes_long_shows_a_cancel_button(
    is_group: bool, text: str, telegram: Server, bot: Bot, ann: int, group: int
) -> None:
    """In private, too, where the text that grows is a draft and has no buttons."""
    chat = group if is_group else ann
    target, _ = make_target(chat, telegram.send_text(chat, ann, "x"))
    if text:
        await show(bot, target, text)
    await bot.offer_cancel(target)
    await asyncio.sleep(3)
    shown = only(telegram.replies(chat))
    assert shown.text == text or (shown.text == "One moment …" and not text)
    [[button]] = shown.buttons
    assert button["text"] == "Cancel"
    await show(bot, target, "one two")
    await bot.offer_cancel(target)
    await asyncio.sleep(3)
    assert only(telegram.replies(chat)).versions == [shown.versions[0], "one two"]
    await bot.deliver(target, Reply("all"))
    assert only(telegram.replies(chat)).text == "all"
