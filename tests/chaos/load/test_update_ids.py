"""D6: updates out of order, with gaps, and with ids that begin anew, each answered once."""

from __future__ import annotations

import random

import pytest

from tests.chaos.load.systems import System
from tests.chaos.report import add_table
from tests.chaos.running_program import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.real_time, pytest.mark.long]

#: Where ids continue: far above, with a gap, far below as after a week without updates, lower
#: still, above again; and updates sent each time.
BASES = (900_000_000, 900_500_000, 900_500_500, 70_000_000, 7, 800_000_000)
COUNT = 12


async def test_ids_may_be_in_any_order(system: System) -> None:
    random.seed(41)
    telegram, sent = system.telegram, list[tuple[int, int]]()
    telegram.shuffle()
    people = [telegram.add_user(f"Person {number}") for number in range(COUNT)]
    await system.start()
    for base in BASES:
        telegram.set_update_id(base)
        sent += [(one, telegram.send_command(one, one, "/help")) for one in people]
        if base == BASES[-1]:
            # A new process knows nothing of what the last one has confirmed.
            await random.choice(system.intakes).kill()
            await system.start()
        await wait_for(lambda: not telegram.pending() or None, 60)
        # Known ones come again.
        telegram.redeliver(base + random.randrange(COUNT), count=2)
    assert await system.settle(len(sent)) == {"done": len(sent)}
    shown = [len(telegram.replies_to(*one)) for one in sent]
    add_table(
        f"{system.title}: {len(sent)} updates whose ids begin anew {len(BASES)} times",
        ("lost", "repeated"),
        [(shown.count(0), sum(one > 1 for one in shown))],
    )
    assert shown == [1] * len(sent)
    assert "Traceback" not in system.whole_log
