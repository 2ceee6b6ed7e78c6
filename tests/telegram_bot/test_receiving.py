"""Polling an emulated Telegram: nothing lost, nothing confirmed too early."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bots.program import build_platforms
from bots.telegram_bot.bot import TelegramBot as Bot
from bots.telegram_bot.client import TelegramClient
from core.clock import Clock
from core.config import Settings
from core.errors import ConfigError, PlatformLocked
from core.interfaces import Recording
from core.locale import LANGUAGES
from core.models import Job, Message
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import FakeInbox, make_settings, receiving
from tests.support.virtual_time import current_clock

NOTE = b"OggS-not-really"


def ids(inbox: FakeInbox) -> list[int]:
    return [int(m.message_id) for m in inbox.messages]


async def test_a_voice_note_is_handed_in_confirmed_and_acknowledged_at_once(
    telegram: Server, running: Bot, inbox: FakeInbox, clock: Clock, ann: int
) -> None:
    started_s = clock.monotonic()
    note = telegram.send_voice(ann, ann, NOTE, duration=4)
    await telegram.wait_for(lambda: telegram.reactions(ann, note) == ["👀"])
    assert clock.monotonic() - started_s < 1
    assert ids(inbox) == [note]
    assert inbox.messages[0].attachment and inbox.messages[0].attachment.duration_s == 4.0
    await telegram.wait_for(lambda: telegram.pending() == [])
    assert running.is_ready and running._intake.poll_age_s < 5
    telegram.change(ann, has_reactions=False)
    telegram.send_voice(ann, ann, NOTE)
    await telegram.wait_for(lambda: telegram.actions(ann) == ["typing"])


async def test_a_kill_in_the_middle_loses_nothing(
    telegram: Server, settings: Settings, ann: int
) -> None:
    inbox = FakeInbox()
    notes = [telegram.send_text(ann, ann, str(n)) for n in range(20)]

    class FailingInbox(FakeInbox):
        async def accept(self, message: Message, recording: Recording | None = None) -> Job | None:
            if len(inbox.messages) == 7:
                await asyncio.Event().wait()
            return await inbox.accept(message, recording)

    async with receiving(Bot(settings, FailingInbox(), menu=(), clock=current_clock())):
        await telegram.wait_for(lambda: len(inbox.messages) == 7)
    async with receiving(Bot(settings, inbox, menu=(), clock=current_clock())):
        await telegram.wait_for(lambda: len(inbox.messages) == 20)
    assert ids(inbox) == notes


@pytest.mark.parametrize("is_refused", [False, True])
async def test_the_first_poll_may_be_older_than_the_bot(
    telegram: Server, settings: Settings, inbox: FakeInbox, ann: int, is_refused: bool
) -> None:
    """The program asks for updates before it has loaded what takes them."""
    early, late = (telegram.send_text(ann, ann, text) for text in ("early", "late"))
    if is_refused:
        telegram.fault("getUpdates", "status", status=502)
    client = TelegramClient(settings)
    client.start()
    await telegram.wait_for(lambda: len(telegram.requests_to("getUpdates")) == 1)
    await current_clock().sleep(5)
    bot = Bot(settings, inbox, menu=(), clock=current_clock(), client=client)
    async with receiving(bot):
        await telegram.wait_for(lambda: len(inbox.messages) == 2)
        await telegram.wait_for(lambda: not telegram.pending())
    assert ids(inbox) == [early, late]


async def test_an_unreadable_update_costs_only_itself(
    telegram: Server, running: Bot, inbox: FakeInbox, ann: int, group: int
) -> None:
    with capture_logs() as logs:
        telegram.block(ann)
        telegram.kick(group, ann)
        telegram.unblock(ann)
        telegram.raw_update({"message": None})
        telegram.raw_update({"message": {"message_id": "x", "chat": 5, "text": "secret words"}})
        telegram.raw_update({"message": ["secret words"]})
        telegram.raw_update({"callback_query": {"id": 1, "message": {"chat": None}}})
        telegram.raw_update({"new_kind": {"deep": [None]}, "unknown": 1})
        note = telegram.send_voice(ann, ann, NOTE)
        await telegram.wait_for(lambda: telegram.pending() == [])
    assert ids(inbox) == [note]
    assert {log["event"] for log in logs} == {"telegram_update_unread"}
    assert all(isinstance(log["update_id"], int) for log in logs)
    assert "secret words" not in str(logs)


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("status", {"status": 401, "count": 1}), ("status", {"status": 409, "count": 3}),
        ("html", {"status": 200, "count": 2}), ("lose_reply", {"count": 2}), ("hang", {"count": 1}),
    ],
)  # fmt: skip
async def test_polling_survives(
    kind: str, details: dict[str, int], telegram: Server, settings: Settings, ann: int
) -> None:
    inbox = FakeInbox()
    telegram.fault("getUpdates", kind, **details)  # type: ignore[arg-type]
    telegram.fault("getMe", "close", count=3)  # the network is not there yet
    note = telegram.send_voice(ann, ann, NOTE)
    bot = Bot(settings, inbox, menu=(), clock=current_clock())
    assert not bot.is_ready
    async with receiving(bot):
        await telegram.wait_for(lambda: inbox.messages, 60)
        assert ids(inbox) == [note] and bot.is_ready


async def test_wrong_token_at_the_start_ends_the_process(telegram: Server) -> None:
    settings = make_settings(
        telegram_bot_token="123456:BBBabcdefghijklmnopqrstuvwxyz0123456",
        telegram_api_base_url=telegram.api_base_url,
    )
    bot = Bot(settings, FakeInbox(), menu=(), clock=current_clock())
    with capture_logs() as logs, pytest.raises(PlatformLocked) as caught:
        await bot.run()
    assert "BBBabc" not in f"{caught.value!r} {logs}"
    await bot.close()


async def test_stopping_is_quick_during_a_long_poll(
    telegram: Server, bot: Bot, clock: Clock
) -> None:
    async with receiving(bot):
        await telegram.wait_for(lambda: len(telegram.requests_to("getUpdates")) >= 2)
        started_s = clock.monotonic()
    assert clock.monotonic() == started_s


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_press_is_answered_and_handed_in(
    telegram: Server, running: Bot, inbox: FakeInbox, ann: int, is_late: bool
) -> None:
    ben = telegram.add_user("Ben")
    group = telegram.add_chat(members={ann: "member", ben: "member"})
    note = telegram.send_voice(group, ann, NOTE)
    if is_late:
        telegram.fault("answerCallbackQuery", "status", status=400, description="query is too old")
    query = telegram.press_button(group, ben, note, "forged")
    await telegram.wait_for(lambda: telegram.requests_to("answerCallbackQuery"))
    await telegram.wait_for(lambda: len(inbox.messages) == 2)
    assert (telegram.callback_answer(query) is None) is is_late
    press = inbox.messages[1]
    assert (press.button, press.sender_id) == ("forged", str(ben))
    assert press.reply_to and press.reply_to.message_id == str(note)


@pytest.mark.parametrize("named", ["chat", "sender"])
async def test_only_allowed_chats_are_handed_in(named: str, telegram: Server, ann: int) -> None:
    eve = telegram.add_user("Eve")
    group = telegram.add_chat(members={ann: "member", eve: "member"})
    other = telegram.add_chat(members={eve: "member"})
    settings = make_settings(
        telegram_bot_token=telegram.token,
        telegram_api_base_url=telegram.api_base_url,
        allowed_chats=str(group if named == "chat" else ann),
    )
    inbox = FakeInbox()
    async with receiving(Bot(settings, inbox, menu=(), clock=current_clock())):
        with capture_logs() as logs:
            telegram.send_text(other, eve, "not allowed words")
            telegram.send_text(eve, eve, "not allowed words")
            telegram.send_text(group, ann, "allowed")
            await telegram.wait_for(lambda: inbox.messages)
        assert [m.text for m in inbox.messages] == ["allowed"]
        assert "not allowed words" not in str(logs)


async def test_the_menu_is_set_once_in_each_language(telegram: Server, settings: Settings) -> None:
    menu = [("help", "Show all commands"), ("transcribe", "x" * 300)]
    menus_of_all = 2 * (1 + len(LANGUAGES))
    for asked in (menus_of_all, 2 * menus_of_all):
        async with receiving(Bot(settings, FakeInbox(), menu, current_clock())):
            await telegram.wait_for(lambda n=asked: len(telegram.requests_to("getMyCommands")) == n)  # type: ignore[misc]
            await asyncio.sleep(0.1)
    assert len(telegram.requests_to("setMyCommands")) == menus_of_all
    menus = telegram.menus()
    assert {key.rpartition("|")[2] for key in menus} == {"", *LANGUAGES}
    assert any("all_private_chats" in key for key in menus)
    assert any("all_group_chats" in key for key in menus)
    for commands in menus.values():
        assert [c["command"] for c in commands] == ["help", "transcribe"]
        assert len(commands[1]["description"]) == 256
    # The default is the menu of all commands.
    async with receiving(Bot(settings, FakeInbox(), clock=current_clock())):
        await telegram.wait_for(lambda: "summary" in str(telegram.menus()))


async def test_no_part_of_the_token_reaches_the_log(
    telegram: Server, running: Bot, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture, ann: int,
) -> None:  # fmt: skip
    with capture_logs() as logs:
        telegram.fault("getUpdates", "html", status=502, count=2)
        telegram.fault("getUpdates", "close", count=2)
        telegram.fault("setMessageReaction", "close", count=1)
        telegram.send_voice(ann, ann, b"OggS", duration=1)
        await telegram.wait_for(lambda: telegram.requests_to("setMessageReaction"))
    ours = [record for record in caplog.records if record.name.startswith("bots")]
    assert telegram.token.partition(":")[2] not in f"{logs} {capsys.readouterr()} {ours}"


def test_without_a_token_it_is_not_configured() -> None:
    settings = make_settings()
    assert list(build_platforms(settings, FakeInbox())) == ["web"]
    with pytest.raises(ConfigError):
        Bot(settings, FakeInbox())
