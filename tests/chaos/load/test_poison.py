"""D11: one message on which our own code always fails delays nobody else."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.chaos.load.crowd import index, percentile
from tests.chaos.load.systems import System
from tests.chaos.many_processes.test_webhook import set_webhook
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

PEOPLE, TRIES = 100, 5
POISON, WORD = "/help poison", "poison"
#: Where it fails: when it is taken in, and when its job runs.
INTAKE, JOB = "core.inbox:Inbox.accept", "core.assistant:Assistant.make_reply"


async def ask(system: System, people: Sequence[int], poison: int | None = None) -> list[float]:
    """Let everybody ask for help at once; return how long each answer took, of the others."""
    telegram, sent = system.telegram, list[tuple[int, int, float]]()
    for one in people:
        text = POISON if one == poison else "/help"
        at_s = telegram.world.clock.monotonic()
        sent.append((one, telegram.send_command(one, one, text), at_s))
    others = [one for one in sent if one[0] != poison]
    await wait_for(lambda: all(telegram.replies_to(*one[:2]) for one in others) or None, 120)
    requests = index(telegram.requests)
    took_s = []
    for chat, message, at_s in others:
        [answer] = telegram.replies_to(chat, message)
        took_s.append(requests[chat, answer.message_id][-1].received_at - at_s)
    return took_s


async def compare(system: System, title: str) -> int:
    """Compare the others' answers without and beside the poison; return who has sent it."""
    people = [system.telegram.add_user(f"Person {number}") for number in range(PEOPLE)]
    poison = people[PEOPLE // 2]
    await system.start()
    before = percentile(await ask(system, people), 0.95)
    beside = percentile(await ask(system, people, poison), 0.95)
    row = f"{before:.2f} s", f"{beside:.2f} s"
    add_table(f"{system.title}: {title}", ("others' p95 before", "others' p95 beside it"), [row])
    # As one of a hundred it takes no time of anybody; the machine may be busy.
    assert beside <= 1.5 * before + 0.5
    return poison


@pytest.mark.parametrize("is_delivered", [False, True], ids=["polled", "delivered"])
async def test_an_update_that_cannot_be_taken_in(system: System, is_delivered: bool) -> None:
    telegram = system.telegram
    if is_delivered:
        set_webhook(system)
    system.overrides |= {"poison": {INTAKE: WORD}}
    poison = await compare(system, f"a poison update, {'webhook' if is_delivered else 'polled'}")
    await wait_for(lambda: not telegram.pending() or None, 90)
    # Of one process alone receives them, and what follows is answered.
    assert 1 <= system.whole_log.count("telegram_update_skipped") <= len(system.intakes)
    assert system.whole_log.count("telegram_not_committed") <= TRIES * len(system.intakes)
    if is_delivered:
        assert telegram.deliveries[-1].status == 200
    began_s = time.monotonic()
    message = telegram.send_command(poison, poison, "/help")
    await wait_for(lambda: telegram.replies_to(poison, message) or None, 30)
    assert time.monotonic() - began_s < 10


async def test_a_job_that_cannot_be_done(system: System) -> None:
    system.overrides |= {"poison": {JOB: WORD}}
    poison = await compare(system, "a poison job")
    states = await system.settle(2 * PEOPLE, 120)
    assert states == {"done": 2 * PEOPLE - 1, "dead": 1}
    [(attempts,)] = system.rows("SELECT attempts FROM jobs WHERE state = 'dead'")
    assert attempts <= TRIES
    first, told = system.telegram.replies(poison)
    assert "wrong" in told.text and told.text != first.text
    message = system.telegram.send_command(poison, poison, "/help")
    await wait_for(lambda: system.telegram.replies_to(poison, message) or None, 30)
