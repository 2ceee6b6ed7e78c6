"""Delivery to an emulated Telegram, with everything that can go wrong."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.outgoing import delivery
from core import metrics
from core.clock import Clock
from core.errors import ChatGone, PlatformBusy, PlatformError
from core.models import (
    Button,
    DeliveryState,
    File,
    Link,
    PartDelivery,
    QuotedMessage,
    Reply,
)
from core.safety import restore_links
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import ambiguous_sends, make_target, only, show

NOTE = b"OggS"
FILE = File("a.srt", "application/x-subrip", b"1\n00:00")


def count_sends(telegram: Server) -> int:
    return len(telegram.requests_to("sendMessage"))


async def test_a_reply_goes_to_the_voice_note(telegram: Server, bot: Bot, ann: int) -> None:
    note = telegram.send_voice(ann, ann, NOTE)
    target, ledger = make_target(ann, note)
    count = metrics.SENDS.labels("telegram", "ok")._value
    before = count.get()
    await bot.deliver(target, Reply("Heard:", "hello http://example.com @bob <b>*_`"))
    answer = only(telegram.replies_to(ann, note))
    assert count.get() == before + 1
    # The whole text is readable, and it neither links nor mentions.
    assert restore_links(answer.text) == "Heard:\n\nhello http://example.com @bob <b>*_`"
    assert telegram.foreign_links(answer) == []
    assert [(e["type"], e["offset"]) for e in answer.entities] == [("blockquote", 8)]
    assert ledger.ids() == {0: str(answer.message_id)}
    call = telegram.requests_to("sendMessage")[0]
    assert "parse_mode" not in call.params
    assert "is_disabled" in str(call.params["link_preview_options"])


async def test_the_topic_is_kept(telegram: Server, bot: Bot, ann: int) -> None:
    forum = telegram.add_chat(members={ann: "creator"})
    topic = telegram.add_topic(forum)
    note = telegram.send_voice(forum, ann, NOTE, thread=topic)
    # The reply to a press goes to the message with the button.
    press = {"reply_to": QuotedMessage(str(note)), "attachment": None}
    for job_id, message_id, fields in (("1", note, {}), ("2", "callback:77", press)):
        target, _ = make_target(forum, message_id, job_id, thread_id=str(topic), **fields)
        await bot.deliver(target, Reply("x", files=(FILE,), links=(Link(0, 1, "5"),)))
    answers = telegram.replies_to(forum, note)
    assert [a.thread_id for a in answers] == [topic] * 4
    url = f"https://t.me/c/{-forum - 1_000_000_000_000}/5"
    links = [entity["url"] for answer in answers for entity in answer.entities]
    assert links == [url] * len(links) and links


async def test_the_next_attempt_starts_at_the_part_that_failed(
    telegram: Server, bot: Bot, ann: int
) -> None:
    target, ledger = make_target(ann)
    await ledger.start(0)
    await ledger.finish(0, "77")
    telegram.fault("sendMessage", "status", status=500)
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("x" * 9000))
    assert list(ledger.rows) == [0, 1]
    for _ in range(2):
        await bot.deliver(target, Reply("x" * 9000))
    assert [len(a.text) for a in telegram.replies(ann)] == [4096, 9000 - 2 * 4096]
    assert ledger.ids()[0] == "77"
    assert count_sends(telegram) == 3


async def test_nothing_is_recorded_too_early(
    telegram: Server, bot: Bot, ann: int, clock: Clock
) -> None:
    before = ambiguous_sends()
    telegram.fault("sendMessage", "status", status=429, retry_after=3600)
    refused, first = make_target(ann, job_id="1")
    waiting, second = make_target(ann, job_id="2")
    for target in (refused, waiting, refused):
        with pytest.raises(PlatformBusy) as caught:
            await bot.deliver(target, Reply("x"))
        assert caught.value.retry_after_s == pytest.approx(3600)
        await bot.show(target, "x")
    assert (first.rows[0].state, second.rows) == (DeliveryState.PENDING, {})
    await clock.sleep(3600)
    assert len(telegram.requests) == 1
    for target in (refused, waiting):
        await bot.deliver(target, Reply("x"))
    assert count_sends(telegram) == 3
    assert ambiguous_sends() == before, "what was refused is no repeat"


async def test_a_chat_that_keeps_asking_to_wait_is_tried_six_times(
    telegram: Server, bot: Bot, ann: int, clock: Clock
) -> None:
    before, started_s = ambiguous_sends(), clock.monotonic()
    target, _ = make_target(ann)
    telegram.fault("sendMessage", "status", status=429, retry_after=7, count=6)
    with pytest.raises(PlatformBusy):
        await bot.deliver(target, Reply("x"))
    assert clock.monotonic() - started_s == pytest.approx(42, abs=0.01)
    assert count_sends(telegram) == 6
    await bot.deliver(target, Reply("x"))
    assert ambiguous_sends() == before


async def test_three_chats_in_a_row_that_wait_stop_the_whole_bot(
    telegram: Server, bot: Bot, clock: Clock
) -> None:
    started_s = clock.monotonic()
    for number, is_limited in enumerate((True, True, False) * 2 + (True,) * 30):
        person = telegram.add_user()
        if is_limited:
            telegram.fault("*", "status", status=429, retry_after=3600, chat_id=person)
        with pytest.raises(PlatformBusy) if is_limited else nullcontext():
            await bot.deliver(make_target(person, job_id=str(number))[0], Reply("x"))
    assert clock.monotonic() - started_s < 2
    assert len(telegram.requests) == 6 + 3


@pytest.mark.parametrize(("reply", "limit_s"), [(Reply("x"), 60), (Reply(files=(FILE,)), 300)])
async def test_a_call_that_never_ends_is_given_up(
    reply: Reply, limit_s: float, bot: Bot, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip(*_: object) -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(delivery, "perform", drip)
    started_s = clock.monotonic()
    with pytest.raises(PlatformBusy):
        await bot.deliver(make_target(1)[0], reply)
    assert clock.monotonic() - started_s == pytest.approx(limit_s)


async def test_a_response_that_the_sdk_cannot_parse_counts_as_sent(
    telegram: Server, bot: Bot, ann: int
) -> None:
    # The response holds the quoted message, a story that the SDK cannot parse.
    note = telegram.send_voice(ann, ann, NOTE, extra={"story": {}})
    await bot.deliver(make_target(ann, note)[0], Reply("x", files=(FILE,)))
    assert len(telegram.replies_to(ann, note)) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 403, "description": "bot was blocked by the user"}, ChatGone),
        ({"status": 400, "description": "something new"}, PlatformError),
        ({"status": 500}, PlatformBusy),
        ({"kind": "lose_reply"}, PlatformBusy),
    ],
)
async def test_errors(
    fault: dict[str, Any], error: type, telegram: Server, bot: Bot, ann: int
) -> None:
    target, ledger = make_target(ann)
    telegram.fault("sendMessage", **({"kind": "status"} | fault))
    count = metrics.SENDS.labels("telegram", error.__name__)._value
    before = count.get()
    with pytest.raises(error) as caught:
        await bot.deliver(target, Reply("secret words"))
    assert type(caught.value) is error
    assert count.get() == before + 1
    assert count_sends(telegram) == 1
    assert telegram.token not in repr(caught.value)
    assert "secret words" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert ledger.rows[0].state is DeliveryState.PENDING
    # What was refused was not sent; of all else nobody knows.
    before = ambiguous_sends()
    await bot.deliver(target, Reply("secret words"))
    assert ambiguous_sends() == before + (error is PlatformBusy)
    assert len(telegram.replies(ann)) == 1 + ("kind" in fault)


@pytest.mark.parametrize("end", ["close_topic", "delete_topic"])
async def test_a_closed_or_deleted_topic_means_general(
    end: str, telegram: Server, bot: Bot, ann: int
) -> None:
    forum = telegram.add_chat(members={ann: "creator"})
    topic = telegram.add_topic(forum)
    note = telegram.send_voice(forum, ann, NOTE, thread=topic)
    getattr(telegram, end)(forum, topic)
    await bot.deliver(make_target(forum, note, thread_id=str(topic))[0], Reply("x"))
    assert only(telegram.replies(forum)).thread_id is None


@pytest.mark.parametrize(
    ("words", "is_under", "entities"),
    [
        ("can't parse entities: x", True, 0),
        ("message to be replied not found", False, 1),
        ("", False, 1),
    ],
)
async def test_what_is_refused_is_dropped(
    words: str, is_under: bool, entities: int, telegram: Server, bot: Bot, ann: int
) -> None:
    note = telegram.send_voice(ann, ann, NOTE)
    if words:
        telegram.fault("sendMessage", "status", status=400, description=words)
    else:
        telegram.delete_message(ann, note)
    await bot.deliver(make_target(ann, note)[0], Reply("a", "b"))
    answer = only(telegram.replies(ann))
    assert (answer.text, answer.reply_to) == ("a\n\nb", note if is_under else None)
    assert len(answer.entities) == entities


@pytest.mark.parametrize(("reply", "shown"), [(Reply(files=(FILE,)), [True]), (Reply(), [])])
async def test_the_placeholder_is_deleted_if_no_text_follows(
    reply: Reply, shown: list[bool], telegram: Server, bot: Bot, group: int
) -> None:
    target, _ = make_target(group)
    await show(bot, target, "so far")
    await bot.deliver(target, reply)
    assert [answer.file is not None for answer in telegram.replies(group)] == shown


async def test_a_text_that_telegram_finds_too_long_is_split(
    telegram: Server, bot: Bot, ann: int
) -> None:
    before = ambiguous_sends()
    telegram.fault("sendMessage", "status", status=400, description="message is too long", count=2)
    words = " ".join(f"word{n}" for n in range(100))
    buttons = (Button("B", "c", token="t"),)
    target, ledger = make_target(ann)
    await bot.deliver(target, Reply(words, buttons=buttons))
    answers = telegram.replies(ann)
    assert " ".join(a.text for a in answers) == words
    assert [a.labels for a in answers] == [[]] * (len(answers) - 1) + [["B"]]
    assert ledger.ids() == {0: str(answers[-1].message_id)}
    assert ambiguous_sends() == before
    refusal = {"status": 400, "description": "message is too long", "count": None}
    telegram.fault("sendMessage", "status", **refusal)
    with pytest.raises(PlatformError):  # it is never short enough
        await bot.deliver(make_target(ann, job_id="2")[0], Reply("abcdef"))


@pytest.mark.parametrize("is_refused", [False, True])
async def test_the_placeholder_becomes_only_the_first_part(
    is_refused: bool, telegram: Server, bot: Bot, group: int
) -> None:
    first, second = ("one", "two") if is_refused else ("x" * 4096, "y")
    target, _ = make_target(group)
    await show(bot, target, "so far")
    if is_refused:
        telegram.fault("*", "status", status=400, description="message is too long")
    await bot.deliver(target, Reply("one two" if is_refused else first + second))
    shown = [answer.versions for answer in telegram.replies(group)]
    assert shown == [["so far", first], [second]]


async def test_an_edit_that_changes_nothing_succeeds(
    telegram: Server, bot: Bot, group: int
) -> None:
    before = ambiguous_sends()
    target, ledger = make_target(group)
    await show(bot, target, "same")
    # The second time is as after a crash that followed the edit.
    for _ in range(2):
        await bot.deliver(target, Reply("same"))
        # The first edit takes the Cancel button away.
        assert only(telegram.replies(group)).versions == ["same", "same"]
        assert ledger.rows[0].state is DeliveryState.SENT
        ledger.rows[0] = PartDelivery(0, DeliveryState.PENDING)
    assert ambiguous_sends() == before


async def test_limits_hold_with_many_chats(telegram: Server, bot: Bot) -> None:
    people = [telegram.add_user(f"P{n}") for n in range(40)]
    group = telegram.add_chat(members={people[0]: "member"})
    telegram.set_limits(is_strict=True)
    jobs = [(chat, f"{chat}") for chat in people] + [(group, f"g{n}") for n in range(15)]
    await asyncio.gather(
        *(bot.deliver(make_target(chat, job_id=job)[0], Reply(job)) for chat, job in jobs)
    )
    assert telegram.violations() == {}
    assert [a.text for a in telegram.replies(group)] == [f"g{n}" for n in range(15)]
