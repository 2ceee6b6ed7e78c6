"""/admin, with the whole program: what operators do, and what everybody else gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from core.clock import Clock
from core.models import Chat, JobState, Message
from core.operations.delays import CHECK_S, PAUSED
from core.store import Store
from tests.emulators.discord import DiscordServer
from tests.emulators.telegram import TelegramServer
from tests.operations.test_access_requests import Scene, asking
from tests.support.clean_start import ask_database
from tests.support.virtual_time import current_clock


class Desk(Scene):
    """An operator who types commands."""

    store: Store

    async def ask(self, words: str) -> str:
        """Send /admin with these words in the private chat; return the reply."""
        sent = self.telegram.send_command(self.boss, self.boss, f"/admin {words}".rstrip())
        replies = self.telegram.replies_to
        await self.telegram.wait_for(lambda: replies(self.boss, sent), 60)
        return replies(self.boss, sent)[-1].text

    async def log(self) -> list[str]:
        return [f"{one.action} {one.subject}".rstrip() for one in await self.store.audit.recent()]


@pytest.fixture
async def desk(telegram: TelegramServer, tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(telegram, tmp_path, allowed_chats="", api_keys="alice=0123456789abcdef")
    async with asking(desk.settings) as store:
        desk.store = store
        yield desk


async def test_others_get_the_answer_of_an_unknown_command(desk: Desk) -> None:
    telegram, group = desk.telegram, desk.group

    async def send(chat: int, person: int, words: str) -> list[str]:
        sent = telegram.send_command(chat, person, words)
        await current_clock().sleep(5)
        return [reply.text.replace("/admin", "/xyzzy") for reply in telegram.replies_to(chat, sent)]

    for words in ("", " pause", " broadcast Buy this."):
        got = await send(desk.ann, desk.ann, f"/admin{words}")
        assert got == await send(desk.ann, desk.ann, f"/xyzzy{words}") and "don't know" in got[0]
        # In groups nobody may, not even an operator.
        telegram.set_member(group, desk.boss, "creator")
        for person in (desk.ann, desk.boss):
            assert await send(group, person, f"/admin{words}") == []
            got = await send(group, person, f"/admin@hearsay_test_bot{words}")
            expected = await send(group, person, f"/xyzzy@hearsay_test_bot{words}")
            assert got == expected and "don't know" in got[0]
    assert await desk.log() == [] and not desk.store.controls.paused.is_set()
    assert "/admin status" in await desk.ask("")
    menus = [str(one.params["commands"]) for one in telegram.requests_to("setMyCommands")]
    assert menus and not any('"admin"' in one for one in menus)


async def test_a_forged_button_is_no_way_to_it(desk: Desk) -> None:
    """The text of a button is looked up by its token, which belongs to one chat."""
    await desk.ask("broadcast Tonight.")
    asked = desk.telegram.replies(desk.boss)[-1]
    [[button]] = asked.buttons
    sent = desk.telegram.send_command(desk.ann, desk.ann, "/help")
    await desk.telegram.wait_for(lambda: desk.telegram.replies_to(desk.ann, sent))
    shown = desk.telegram.replies_to(desk.ann, sent)[0]
    for data in (button["callback_data"], "admin pause", "x" * 22):
        desk.telegram.press_button(desk.ann, desk.ann, shown.message_id, data)
        await current_clock().sleep(10)
    assert await desk.log() == [] and not any("Tonight" in one for one in desk.texts(desk.ann))


async def test_status_jobs_retry_and_version(desk: Desk) -> None:
    store, telegram = desk.store, desk.telegram
    assert await desk.ask("version") == f"Hearsay {version('hearsay-bot')}"
    assert await desk.ask("jobs") == "Nothing waits, and there are no dead letters."
    chat = Chat("telegram", "123456", str(desk.ann))
    message = Message(chat, "901", current_clock().now(), sender_id=str(desk.ann), text="secret")
    job = await store.intake.add(message, lambda message, settings: "help")
    assert job
    await store.jobs.finish(job.job_id, JobState.DEAD, "EngineBusy: too many")
    listed = await desk.ask("jobs")
    assert job.job_id in listed and "dead help" in listed and "EngineBusy" in listed
    assert "secret" not in listed
    assert "dead 1" in await desk.ask("status")
    assert "no dead letter" in await desk.ask("retry nothing")
    assert "runs again" in await desk.ask(f"retry {job.job_id}")
    await telegram.wait_for(lambda: desk.texts(desk.ann))
    assert await desk.log() == [f"retry {job.job_id}"]
    told = await desk.ask("log")
    assert f"telegram:{desk.boss} retry {job.job_id}" in told
    assert "Commands of operators" in await desk.ask("dance")


async def test_a_pause_keeps_the_work_and_tells_people_once(desk: Desk, clock: Clock) -> None:
    telegram, ann = desk.telegram, desk.ann
    with capture_logs() as logs:
        await desk.ask("pause")
    noted = {"event": "operator_action", "log_level": "info", "action": "pause"}
    assert noted in logs and str(desk.boss) not in str(logs)
    assert "Paused" in await desk.ask("status")
    first = telegram.send_command(ann, ann, "/help")
    await clock.sleep(3 * CHECK_S)
    [told] = telegram.replies(ann)
    assert told.text.startswith(PAUSED)
    await clock.sleep(600)
    assert len(telegram.replies(ann)) == 1
    # A restart changes nothing.
    assert desk.store.controls.paused.is_set()
    await desk.store.controls.load()
    assert desk.store.controls.paused.is_set()
    await desk.ask("resume")
    await telegram.wait_for(lambda: "/transcribe" in "".join(desk.texts(ann)))
    assert PAUSED not in desk.texts(ann) and len(telegram.replies_to(ann, first)) <= 1
    assert await desk.log() == ["resume", "pause"]


async def test_a_broadcast_goes_to_all_active_chats_once(desk: Desk, clock: Clock) -> None:
    telegram = desk.telegram
    people = [telegram.add_user(f"P{number}") for number in range(12)]
    for person in people:
        telegram.send_text(person, person, "hello")
    telegram.send_command(desk.group, desk.ann, "/help")
    gone = people[0]
    everybody = [*people, desk.group]
    await telegram.wait_for(lambda: all(desk.texts(one) for one in everybody))
    await desk.store.jobs.cancel_chat(Chat("telegram", "123456", str(gone)))
    # One person has not written for a month.
    stored = desk.store._database.cipher.digest(b"chat", str(people[1]))
    old = f"(SELECT chat_pk FROM chats WHERE chat_id = '{stored}')"
    ask_database(
        desk.settings.hearsay_home,
        f"UPDATE jobs SET created_at = '2020-01-01 00:00:00.000000' WHERE chat_pk = {old}",
    )
    text = "The bot is down tonight.\nSorry!"
    assert await desk.ask(f"broadcast {text}") == text
    asked = telegram.replies(desk.boss)[-1]
    assert [[one["text"] for one in row] for row in asked.buttons] == [["Send to 11 chats"]]
    assert not any(text in desk.texts(person) for person in people)
    for _ in range(2):
        telegram.press_button(desk.boss, desk.boss, asked.message_id, "Send to 11 chats")
        await clock.sleep(60)
    assert [desk.texts(one).count(text) for one in (*people[2:], desk.group)] == [1] * 11
    assert not any(text in desk.texts(person) for person in (gone, people[1], desk.ben))
    assert desk.texts(desk.boss)[-1].startswith("Nothing was sent")
    assert (await desk.log()).count("broadcast 11 chats") == 1
    assert "tonight" not in await desk.ask("log")
    sent = [
        one.received_at for one in telegram.requests_to("sendMessage")
        if one.params.get("text") == text and one.chat_id != desk.boss
    ]  # fmt: skip
    assert sent == sorted(sent) and sent[-1] - sent[0] >= 0.9


async def test_it_works_in_a_private_chat_on_discord_too(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with DiscordServer() as discord:
        boss, ann = discord.add_user("Boss"), discord.add_user("Ann")
        keys = {"discord_bot_token": discord.token, "discord_api_base_url": discord.api_base_url}
        desk = Desk(telegram, tmp_path, allowed_chats="", admin_ids=f"discord:{boss}", **keys)
        async with asking(desk.settings):
            await discord.wait_for(lambda: discord.commands() and discord.connected())
            assert "admin" not in discord.commands()
            for person, expected in ((boss, "Hearsay "), (ann, "I don't know /admin")):
                chat = discord.dm(person)
                sent = discord.send_text(chat, person, "/admin version")
                [told] = await discord.wait_for(partial(discord.replies_to, sent))
                assert told.content.startswith(expected), told.content
