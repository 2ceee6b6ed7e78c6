"""/admin budget, with the whole program: operators see who uses most, and set limits."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from core.models import Account, Amount, Chat, Settlement
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.operations.test_access_requests import asking
from tests.operations.test_admin import Desk, desk
from tests.support import audio_samples
from tests.support.virtual_time import current_clock

__all__ = ["desk"]

DEFAULT = "180 min, 0 USD / 0.50 USD, 0 requests / 250 requests"


async def spend(desk: Desk, minutes: int, *accounts: Account) -> None:
    """Book that accounts have used some minutes."""
    ledger, today, amount = (
        desk.store.budgets,
        current_clock().now().date(),
        Amount(minutes * 60_000),
    )
    await ledger.reserve(accounts, amount, today)
    await ledger.release(Settlement(accounts, today, amount, amount))


async def test_limits_of_one_person(desk: Desk) -> None:
    ann = f"telegram:{desk.ann}"
    account = Account("person", ann)
    await spend(desk, 12, account)
    short_id = await desk.store.budgets.short_id(account)
    shown = f"{ann} ({short_id}): today 12 min / "
    assert await desk.ask(f"budget {ann}") == f"{shown}{DEFAULT}"
    assert await desk.log() == [], "nothing was changed"
    assert await desk.ask(f"budget {ann} 30 min/day, 1 USD/month") == (
        f"{shown}30 min; this month 0 USD / 1 USD"
    )
    assert await desk.ask(f"budget {short_id} 40 MIN/day") == (f"{short_id}: today 12 min / 40 min")
    # The number alone is one of this platform.
    assert await desk.ask(f"budget {desk.ann}") == (
        f"{desk.ann} ({short_id}): today 12 min / 40 min"
    )
    assert await desk.ask(f"budget {ann} off") == f"{shown[:-3]}; no limit"
    listed = await desk.ask("budget")
    assert f"person {short_id}: no limit" in listed.split("Limits of their own:")[1]
    assert await desk.ask(f"budget {ann} reset") == f"{shown[:-9]}0 min; no limit"
    assert await desk.ask(f"budget {ann} default") == f"{shown[:-9]}0 min / {DEFAULT}"
    assert await desk.log() == [
        f"budget {ann} default",
        f"budget {ann} reset",
        f"budget {ann} off",
        f"budget {short_id} 40 min/day",
        f"budget {ann} 30 min/day, 1 usd/month",
    ]
    assert f"telegram:{desk.boss} budget {ann} reset" in await desk.ask("log")


async def test_the_list_names_who_uses_most_without_ids(desk: Desk) -> None:
    assert (await desk.ask("budget")).startswith("bot: today 0 USD / 5 USD, 0 requests / 5000 ")
    ann, ben = (Account("person", f"telegram:{one}") for one in (desk.ann, desk.ben))
    group = Account.of_group(Chat("telegram", "123456", str(desk.group)))
    await spend(desk, 5, ann)
    await spend(desk, 30, ben, group)
    lines = (await desk.ask("budget")).splitlines()
    ids = {one: await desk.store.budgets.short_id(one) for one in (ann, ben, group)}
    assert lines[1].startswith("key alice: today 0 min / 360 min")
    most = lines[lines.index("Most is used today by:") + 1 :]
    assert most[0].startswith(f"person {ids[ben]}: today 30 min / 180 min")
    assert most[1].startswith(f"person {ids[ann]}: today 5 min / 180 min")
    assert most[2].startswith(f"chat {ids[group]}: today 30 min / 360 min") and len(most) == 3
    assert str(desk.ann) not in "\n".join(lines)


async def test_groups_keys_and_the_bot(desk: Desk) -> None:
    telegram = desk.telegram
    sent = telegram.send_command(desk.group, desk.ann, "/help@hearsay_test_bot")
    await telegram.wait_for(lambda: telegram.replies_to(desk.group, sent))
    for whose in (f"telegram:{desk.group}", f"chat telegram:{desk.group}", f"chat {desk.group}"):
        assert f"{whose} (#" in await desk.ask(f"budget {whose}")
    assert await desk.ask(f"budget chat {desk.group} 60 min/day") == (
        f"chat {desk.group} ({await group_id(desk)}): today 0 min / 60 min"
    )
    assert await desk.ask("budget key alice 10 min/day") == "key alice: today 0 min / 10 min"
    assert await desk.ask("budget bot 1 USD/month") == "bot: today 0 min; this month 0 USD / 1 USD"
    listed = (await desk.ask("budget")).split("Limits of their own:\n")[1].splitlines()
    assert (
        "key alice: 10 min/day" in listed and f"chat {await group_id(desk)}: 60 min/day" in listed
    )


async def group_id(desk: Desk) -> str:
    chat = Chat("telegram", "123456", str(desk.group))
    return await desk.store.budgets.short_id(Account.of_group(chat))


@pytest.mark.parametrize("words", ["0", "0 min/day, 0 USD/day, 0 requests/day"])
async def test_an_operator_who_means_nothing_gives_nothing(desk: Desk, words: str) -> None:
    shown = await desk.ask(f"budget telegram:{desk.ann} {words}")
    assert shown.endswith("today 0 min / 0 min, 0 USD / 0 USD, 0 requests / 0 requests")
    assert " 0 min/day, 0 USD/day, 0 requests/day" in await desk.ask("budget")
    sound = audio_samples.file("ogg-opus", audio_samples.speech(2.0))
    sent = desk.telegram.send_voice(desk.ann, desk.ann, sound, duration=2)
    await desk.telegram.wait_for(lambda: desk.telegram.replies_to(desk.ann, sent), 60)
    assert "more than the 0 min" in desk.telegram.replies_to(desk.ann, sent)[-1].text


async def test_the_sentence_about_limits_says_what_each_word_does(desk: Desk) -> None:
    assert await desk.ask("budget bot much") == (
        "Say which limits: 60 min/day, 1 USD/month, 100 requests/day; 0 means that nothing may be"
        " used. Or: off (no limit), default (the limits everyone has), reset (start again from"
        " zero)."
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nobody", "Say whose budget"),
        ("telgram:5 5 min/day", "Say whose budget"),
        ("web:5 5 min/day", "Say whose budget"),
        ("key nobody 5 min/day", "Say whose budget"),
        ("everybody 5 min/day", "Say whose budget"),
        ("chat telegram:-999", "Say whose budget"),
        ("#000000 off", "Say whose budget"),
        ("key", "Say whose budget"),
        ("telegram:5 5", "Say which limits"),
        ("telegram:5 -5 min/day", "Say which limits"),
        ("telegram:5 5 min/day 6 USD/day", "Say which limits"),
        ("bot much", "Say which limits"),
    ],
)
async def test_bad_input_gets_a_sentence_and_changes_nothing(
    desk: Desk, words: str, told: str
) -> None:
    assert (await desk.ask(f"budget {words}")).startswith(told)
    assert await desk.log() == [] and await desk.store.budgets.own() == []


async def test_it_stops_a_person_on_discord_too(telegram: TelegramServer, tmp_path: Path) -> None:
    async with DiscordServer() as discord:
        boss, ann = discord.add_user("Boss"), discord.add_user("Ann")
        keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
        desk = Desk(telegram, tmp_path, allowed_chats="", admin_ids=f"discord:{boss}", **keys)
        async with asking(desk.settings) as store:
            await discord.wait_for(lambda: discord.commands() and discord.connected())

            async def send(person: str, text: str) -> str:
                sent = discord.send_text(discord.dm(person), person, text)
                [told] = await discord.wait_for(partial(discord.replies_to, sent))
                return str(told.content)

            told = await send(boss, f"/admin budget discord:{ann} 1 min/day")
            assert told.startswith(f"discord:{ann} (#") and told.endswith("today 0 min / 1 min")
            assert (await store.audit.recent())[0].subject == f"discord:{ann} 1 min/day"
            assert (await send(boss, "/admin budget bot 5")).startswith("Say which limits")
            assert "I don't know /admin" in await send(ann, f"/admin budget {ann} off")
            assert "today: 0 min / 1 min" in await send(ann, "/usage")
            assert len(await store.audit.recent()) == 1


async def test_private_threads_on_discord_use_the_budget_of_their_channel(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with DiscordServer() as discord:
        boss, ann = discord.add_user("Boss"), discord.add_user("Ann")
        channel = discord.channel(discord.add_guild(members=[ann]))
        keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
        desk = Desk(telegram, tmp_path, allowed_chats="", admin_ids=f"discord:{boss}", **keys)
        async with asking(desk.settings):
            await discord.wait_for(lambda: discord.commands() and discord.connected())

            async def use(place: str, name: str, **options: str) -> str:
                used = discord.slash(place, ann, name, options)
                [told] = await discord.wait_for(partial(discord.responses_to, used))
                await current_clock().sleep(5)
                return str(told.content)

            async def limit(words: str) -> str:
                sent = discord.send_text(discord.dm(boss), boss, f"/admin budget chat {words}")
                [told] = await discord.wait_for(partial(discord.replies_to, sent))
                return str(told.content)

            first = discord.add_private_thread(channel, ann)
            assert "All here, today: 0 min / 360 min" in await use(first, "usage")
            # Nothing was written in the channel itself.
            shown = (await limit(f"discord:{channel} 0")).removeprefix(f"discord:{channel}")
            assert "0 min / 0 min" in shown
            for place in (first, discord.add_private_thread(channel, ann)):
                assert "All here, today: 0 min / 0 min" in await use(place, "usage")
                assert "more than the 0 " in await use(place, "say", text="Hello")
            # The id of a thread means the same budget.
            assert "0 min / 360 min" in await limit(f"discord:{first} default")
            assert "All here, today: 0 min / 360 min" in await use(channel, "usage")
