"""Who is told of budgets that are nearly, or quite, used up, and how often."""

from __future__ import annotations

from structlog.testing import capture_logs

from core.clock import Clock
from core.limits.budget_watch import BudgetNews
from core.models import Account, Amount, Attachment, BudgetPeriod, Chat, parse_budget
from core.operations.alerts import Alerts
from core.operations.budget_notices import BudgetNotices
from core.requester import BudgetRules, Requester, requester_of_key, work_for
from core.store import Store
from tests.limits.test_budgets import ADA, MINUTE, SECOND, make, use
from tests.support.group_talk import Group, quote
from tests.support.loopback import Loopback
from tests.support.virtual_time import BEGAN_AT

NOTE = Attachment("file-1", duration_s=3.0)


async def test_warned_once_at_eighty_percent_and_the_operator_also_at_the_end(
    store: Store,
) -> None:
    budgets, told = make(store, people="10 min/day", bot="20 min/month"), list[BudgetNews]()
    budgets.watch.on_news = told.append
    with work_for(ADA):
        for _ in range(7):
            await use(store, budgets, MINUTE)
        assert told == []
        # What is held is not used yet: most of it will be free again.
        await use(store, budgets, Amount(180_000), paid=SECOND)
        assert told == []
        for _ in range(2):
            await use(store, budgets, MINUTE)
        assert [(one.standing.account.kind, one.is_used_up) for one in told] == [("person", False)]
        assert not await use(store, budgets, MINUTE)
        assert [one.is_used_up for one in told] == [False, True]
    told.clear()
    for person in ("8", "9"):
        with work_for(Requester("p", Chat("telegram", "1", person), None, person)):
            for _ in range(7):
                await use(store, budgets, MINUTE)
    assert [(one.standing.account.kind, one.is_used_up) for one in told] == [
        ("bot", False),
        ("bot", True),
    ]


async def test_what_has_no_room_is_no_news_while_others_have(store: Store) -> None:
    budgets, told = make(store, bot="10 min/day"), list[BudgetNews]()
    budgets.watch.on_news = told.append

    def list_told() -> list[tuple[int, bool]]:
        return [(one.standing.used[BudgetPeriod.DAY].audio_ms, one.is_used_up) for one in told]

    with work_for(ADA):
        assert not await use(store, budgets, Amount(11 * 60_000))
        assert told == []
        for _ in range(10):
            assert await use(store, budgets, MINUTE)
        assert list_told() == [(480_000, False)]
        for _ in range(2):
            assert not await use(store, budgets, MINUTE)
        assert list_told()[1:] == [(600_000, True)]


async def test_what_others_hold_is_not_used_up(store: Store) -> None:
    budgets, told = make(store, bot="10 min/day"), list[BudgetNews]()
    budgets.watch.on_news = told.append
    with work_for(ADA):
        async with budgets.reserve() as reservation:
            await reservation.hold(Amount(10 * 60_000))
            assert not await use(store, budgets, MINUTE)
        assert told == []


async def test_a_group_hears_nothing_of_a_budget_that_is_used_up(
    loopback: Loopback, clock: Clock
) -> None:
    """Nobody has asked: whoever spoke is told in private, once."""
    alerts = Alerts(loopback.store.intake, {"test": loopback.platform}, (), clock)
    BudgetNotices(alerts, loopback.budgets.watch)
    loopback.budgets.rules = BudgetRules(of_people=parse_budget("0.01 min/day, 9 requests/month"))
    async with loopback.running():
        group = Group(loopback)
        await group.ask("auto on")
        for speaker in ("8", "8", "8", "9"):
            assert group.answers(await group.speak(speaker, language="en")) == []
        asked = await group.ask("transcribe", "8", reply_to=quote(group.write(attachment=NOTE)))
        assert "more than the 0 min" in asked.text, "whoever asks gets a reply"
        await clock.sleep(1)
        for speaker in ("8", "9"):
            [notice] = await loopback.inbox.recent(Chat("test", "1", speaker), 9)
            start = "One of your recordings was not transcribed. This takes up to"
            assert notice.message.text.startswith(start)
    assert loopback.engine.calls == []


async def test_operators_are_told_of_a_key_that_has_nearly_used_its_budget(
    loopback: Loopback, clock: Clock
) -> None:
    alerts = Alerts(loopback.store.intake, {"test": loopback.platform}, ("test:99",), clock)
    BudgetNotices(alerts, loopback.budgets.watch)
    loopback.budgets.rules = BudgetRules(of_keys=parse_budget("10 min/day, 1 USD/month"))
    with capture_logs() as logs:
        for name in ("alice", "bob"):
            with work_for(requester_of_key(name)):
                for _ in range(8 if name == "alice" else 12):
                    await use(loopback.store, loopback.budgets, MINUTE)
        async with loopback.running():
            await clock.sleep(1)
            await loopback.settle()
    jobs = await loopback.inbox.recent(Chat("test", "1", "99"), 9)
    told = [job.message.text.partition(". ")[0] for job in jobs]
    assert told == [
        "The API key alice has nearly used its budget: 8 min of 10 min/day",
        "The API key bob has nearly used its budget: 8 min of 10 min/day",
        "The API key bob has used its budget up: 10 min of 10 min/day",
    ]
    assert all(
        job.message.text.endswith("UTC. /admin budget or BUDGET_KEY sets it.") for job in jobs
    )
    named = [log["who"] for log in logs if log["event"] == "budget"]
    assert named == ["The API key alice", "The API key bob", "The API key bob"]


async def test_warned_again_once_the_limit_is_another_or_begins_anew(store: Store) -> None:
    budgets, told = make(store, people="10 min/day"), list[BudgetNews]()
    budgets.watch.on_news = told.append
    account = budgets.rules.person("telegram", "7")
    found = await store.budgets.find(await store.budgets.short_id(account), BEGAN_AT.date())
    assert found is None

    async def use_up() -> int:
        while await use(store, budgets, MINUTE):
            pass
        return len({one.key for one in told})

    with work_for(ADA):
        assert await use_up() == 2, "nearly, and quite"
        await store.budgets.set_budget(account, parse_budget("20 min/day"), "test:7", "who")
        assert await use_up() == 4
        # An operator may name the account by its id, or by what stands for it in lists.
        found = await store.budgets.find(await store.budgets.short_id(account), BEGAN_AT.date())
        assert found
        for named in (account, Account(*found)):
            await budgets.reset(named, "test:7", "who")
            before = len({one.key for one in told})
            assert await use_up() == before + 2
