"""The text so far: drafts for one person, a placeholder in a group, never in the reply's way."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from bots.telegram_bot import TelegramBot
from bots.telegram_bot.progress import build_draft_id
from core import metrics
from core.config import Settings
from core.errors import StoreError
from core.models import PLACEHOLDER, Delivery, DeliveryState, Reply
from tests.emulators.telegram import Message, TelegramServer
from tests.support.telegram_inbox import FakeInbox, make_envelope
from tests.support.virtual_time import current_clock


def add_group(telegram: TelegramServer) -> int:
    return telegram.add_chat(members={telegram.add_user("Ann"): "member"})


def only(messages: list[Message]) -> Message:
    [message] = messages
    return message


async def test_one_person_sees_a_draft_grow(telegram: TelegramServer, bot: TelegramBot) -> None:
    ann = telegram.add_user("Ann")
    envelope, ledger = make_envelope(ann, job_id="00000000aa")
    for text in ("one", "one two", "one two three"):
        await bot.show(envelope, text)
        await telegram.wait_for(partial(lambda text: text in str(telegram.drafts(ann)), text))
    assert telegram.drafts(ann) == {
        build_draft_id("00000000aa"): ["one", "one two", "one two three"]
    }
    await bot.deliver(envelope, Reply("all"))
    assert only(telegram.answers(ann)).versions == ["all"]
    assert PLACEHOLDER not in ledger.rows


async def test_what_has_to_stay_is_a_message_that_becomes_the_answer(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    ann = telegram.add_user("Ann")
    envelope, ledger = make_envelope(ann)
    await bot.show(envelope, "one")
    await bot.show(envelope, "this takes longer", is_lasting=True)
    await telegram.wait_for(lambda: ledger.ids().get(PLACEHOLDER))
    await bot._progress.end(envelope)
    await bot.show(envelope, "more")
    await telegram.wait_for(lambda: only(telegram.answers(ann)).text == "more")
    await bot.deliver(envelope, Reply("all"))
    assert only(telegram.answers(ann)).versions == ["this takes longer", "more", "all"]


async def test_group_sees_one_message_that_is_edited(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    ann = telegram.add_user("Ann")
    group = telegram.add_chat(members={ann: "member"})
    note = telegram.send_text(group, ann, "x")
    envelope, ledger = make_envelope(group, note)
    for text in ("one", "one two"):
        await bot.show(envelope, text)
        await telegram.wait_for(
            partial(lambda text: [a.text for a in telegram.answers_to(group, note)] == [text], text)
        )
    placeholder = only(telegram.answers(group))
    assert ledger.ids() == {PLACEHOLDER: f"{group}/{placeholder.message_id}"}
    await bot.deliver(envelope, Reply("all"))
    assert only(telegram.answers(group)).versions == ["one", "one two", "all"]
    assert ledger.ids()[0] == str(placeholder.message_id)


async def test_latest_text_wins_and_the_ones_between_are_left_out(
    telegram: TelegramServer, settings: Settings
) -> None:
    bot = TelegramBot(settings, FakeInbox(), menu=(), clock=current_clock())
    ann = telegram.add_user("Ann")
    envelope, _ = make_envelope(ann)
    for number in range(50):
        await bot.show(envelope, f"text {number}")
        await asyncio.sleep(0.002)
    await telegram.wait_for(lambda: "text 49" in str(telegram.drafts(ann)))
    await bot.close()
    assert len(telegram.calls_of("sendMessageDraft")) <= 3


async def test_long_text_shows_its_end(telegram: TelegramServer, bot: TelegramBot) -> None:
    group = add_group(telegram)
    await bot.show(make_envelope(group)[0], "😀" * 5000 + " the end")
    shown = await telegram.wait_for(lambda: telegram.answers(group))
    assert shown[0].text.endswith("the end")
    assert len(shown[0].text.encode("utf-16-le")) <= 2 * 4096


async def test_progress_leaves_room_in_a_group(telegram: TelegramServer, bot: TelegramBot) -> None:
    group = add_group(telegram)
    telegram.set_limits(is_strict=True)
    envelope, _ = make_envelope(group)
    for number in range(40):
        await bot.show(envelope, f"text {number}")
        await asyncio.sleep(0.03)
    assert len(telegram.calls) == 10
    await bot.deliver(envelope, Reply("all"))
    assert only(telegram.answers(group)).text == "all"
    assert telegram.violations() == {}


async def test_nothing_is_drawn_after_the_reply(telegram: TelegramServer, bot: TelegramBot) -> None:
    group = add_group(telegram)
    telegram.fault("sendMessage", "delay", delay_s=0.2)
    envelope, _ = make_envelope(group)
    await bot.show(envelope, "slow")
    await telegram.wait_for(lambda: telegram.calls)
    await bot.show(envelope, "later")
    await bot.deliver(envelope, Reply("all"))
    await asyncio.sleep(0.1)
    assert only(telegram.answers(group)).versions == ["slow", "all"]


async def test_late_drawing_does_not_replace_a_reply(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    group = add_group(telegram)
    envelope, ledger = make_envelope(group)
    await bot.show(envelope, "one")
    await telegram.wait_for(lambda: ledger.ids().get(PLACEHOLDER))
    await bot.deliver(envelope, Reply("all"))
    await bot.show(envelope, "late")
    await asyncio.sleep(0.1)
    assert only(telegram.answers(group)).text == "all"


async def test_lost_placeholder_is_not_sent_twice(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    group = add_group(telegram)
    envelope, ledger = make_envelope(group)
    telegram.fault("sendMessage", "lose_reply")
    for text in ("one", "two", "three"):
        await bot.show(envelope, text)
        await asyncio.sleep(0.1)
    assert len(telegram.calls_of("sendMessage")) == 1
    assert ledger.rows[PLACEHOLDER] == Delivery(PLACEHOLDER, DeliveryState.PENDING)
    before = metrics.AMBIGUOUS_SENDS.labels("telegram")._value.get()
    await bot.deliver(envelope, Reply("all"))
    assert [a.text for a in telegram.answers(group)] == ["one", "all"]
    assert metrics.AMBIGUOUS_SENDS.labels("telegram")._value.get() == before + 1


async def test_deleted_placeholder_is_not_put_back(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    group = add_group(telegram)
    envelope, ledger = make_envelope(group)
    await bot.show(envelope, "one")
    await telegram.wait_for(lambda: ledger.ids().get(PLACEHOLDER))
    telegram.delete_message(group, only(telegram.answers(group)).message_id)
    for text in ("two", "three"):
        await bot.show(envelope, text)
        await asyncio.sleep(0.1)
    assert len(telegram.calls) == 2
    assert telegram.answers(group) == []


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"status": 404}])
async def test_trouble_is_never_raised(
    fault: dict[str, int], telegram: TelegramServer, bot: TelegramBot
) -> None:
    ann, group = telegram.add_user("Ann"), add_group(telegram)
    telegram.fault("*", "status", count=None, **fault)
    for chat in (ann, group):
        await bot.show(make_envelope(chat, job_id=str(chat))[0], "x")
    await telegram.wait_for(lambda: len(telegram.calls) == 2)
    await bot.close()


async def test_who_blocked_us_is_called_once(telegram: TelegramServer, bot: TelegramBot) -> None:
    ann = telegram.add_user("Ann")
    telegram.block(ann)
    envelope, _ = make_envelope(ann)
    for text in ("one", "two", "three"):
        await bot.show(envelope, text)
        await asyncio.sleep(0.05)
    assert len(telegram.calls) == 1


async def test_message_that_has_to_stay_comes_even_if_drafts_are_refused(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    ann = telegram.add_user("Ann")
    telegram.fault("sendMessageDraft", "status", status=404, count=None)
    envelope, _ = make_envelope(ann)
    await bot.show(envelope, "one")
    await telegram.wait_for(lambda: telegram.calls)
    await asyncio.sleep(0.05)
    await bot.show(envelope, "this takes longer", is_lasting=True)
    await telegram.wait_for(lambda: telegram.answers(ann))


async def test_drawing_that_hangs_does_not_hold_up_the_reply(
    telegram: TelegramServer, bot: TelegramBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.telegram_bot.progress.DRAW_S", 0.2)
    group = add_group(telegram)
    telegram.fault("sendMessage", "hang")
    envelope, _ = make_envelope(group)
    await bot.show(envelope, "one")
    await telegram.wait_for(lambda: telegram.calls)
    await asyncio.wait_for(bot.deliver(envelope, Reply("all")), 2)
    assert only(telegram.answers(group)).text == "all"


async def test_chat_that_was_told_to_wait_gets_no_drafts(
    telegram: TelegramServer, bot: TelegramBot
) -> None:
    ann = telegram.add_user("Ann")
    bot.pacer.hold(str(ann), 3600)
    envelope, _ = make_envelope(ann)
    for text in ("one", "two"):
        await bot.show(envelope, text)
        await asyncio.sleep(0.05)
    assert telegram.calls == []


async def test_trouble_of_the_ledger_is_never_raised(
    telegram: TelegramServer, bot: TelegramBot, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope, ledger = make_envelope(add_group(telegram))

    async def fail(part: int) -> None:
        raise StoreError("locked")

    ledger.find = fail  # type: ignore[method-assign]
    await bot.show(envelope, "x")
    await asyncio.sleep(0.1)
    assert "telegram_progress_failed" in capsys.readouterr().out


async def test_jobs_without_an_end_are_forgotten(
    telegram: TelegramServer, bot: TelegramBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.drawing.MAX_LINES", 5)
    ann = telegram.add_user("Ann")
    for number in range(30):
        await bot.show(make_envelope(ann, job_id=str(number))[0], "x")
    assert len(bot._progress._lines) <= 6


def test_draft_ids_are_numbers_that_telegram_takes() -> None:
    ids = {build_draft_id(f"{n:010x}") for n in range(2000)}
    assert len(ids) > 1990
    assert all(0 < one < 2**31 + 1 for one in ids)
