"""Work under way that has read what is deleted in the chat itself begins anew without it."""

from __future__ import annotations

import pytest

from core.clock import Clock
from core.commands.deletion import TEXT_DELETED
from core.models import QuotedMessage
from tests.support.group_talk import ADA, Group
from tests.support.under_way import begin, fill, left, texts


@pytest.fixture
async def group(group: Group) -> Group:
    return await fill(group)


@pytest.mark.parametrize("is_quoted", [False, True])
async def test_a_message_that_is_deleted_in_the_chat_is_in_no_summary(
    group: Group, clock: Clock, *, is_quoted: bool
) -> None:
    first, _ = await group.kept()
    start = QuotedMessage(first.message_id, sender_id=ADA) if is_quoted else None
    asked = await begin(
        group, clock, "summary from here" if is_quoted else "summary", reply_to=start
    )
    await group.loopback.inbox.forget(group.chat, first.message_id)
    await group.loopback.settle()
    [shown] = texts(group, asked)
    assert "Ben was there" in shown and "canary" not in shown
    assert await left(group) == []


async def test_what_was_never_kept_lets_a_summary_go_on(group: Group, clock: Clock) -> None:
    asked = await begin(group, clock, "summary since yesterday")
    for message_id in ("unknown", asked.message_id + "0"):
        await group.loopback.inbox.forget(group.chat, message_id)
    await group.loopback.settle()
    assert "canary" in "".join(texts(group, asked))
    assert len(group.loopback.answerer.questions) == 1


async def test_a_summary_of_what_is_deleted_again_and_again_ends(
    group: Group, clock: Clock
) -> None:
    said = [await group.say("canary again", ADA) for _ in range(8)]
    asked = await begin(group, clock, "summary since yesterday")
    for one in said:
        await group.loopback.inbox.forget(group.chat, one.message_id)
        await clock.sleep(5)
    await group.loopback.settle()
    assert [*texts(group, asked)] == [TEXT_DELETED]
    assert len(group.loopback.answerer.questions) == 5
