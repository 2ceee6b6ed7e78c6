"""The poll loop against a virtual Telegram: nothing lost, nothing acknowledged too early."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from bots.telegram_bot import TelegramBot
from bots.telegram_bot.polling import GIVE_UP_S, MAX_WAIT_S
from core.clock import Clock
from core.config import Settings
from core.errors import ConfigError, PlatformLocked, StoreError
from core.models import Job, Message
from tests.emulators.telegram import ANONYMOUS_ADMIN, TelegramServer
from tests.support.telegram_inbox import FakeInbox, make_settings, receiving
from tests.support.virtual_time import current_clock

NOTE = b"OggS-not-really"


def ids(door: FakeInbox) -> list[int]:
    return [int(m.message_id) for m in door.messages]


async def test_note_is_handed_in_confirmed_and_heard_at_once(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, clock: Clock, ann: int
) -> None:
    started_s = clock.monotonic()
    note = telegram.send_voice(ann, ann, NOTE, duration=4)
    await telegram.wait_for(lambda: telegram.reactions(ann, note) == ["👀"])
    assert clock.monotonic() - started_s < 1
    assert ids(door) == [note]
    assert door.messages[0].attachment is not None
    assert door.messages[0].attachment.duration_s == 4.0
    await telegram.wait_for(lambda: telegram.pending() == [])
    assert running.is_ready
    assert running.poll_age_s < 5


async def test_typing_where_reactions_are_forbidden(
    telegram: TelegramServer, running: TelegramBot, ann: int
) -> None:
    telegram.change(ann, has_reactions=False)
    telegram.send_voice(ann, ann, NOTE)
    await telegram.wait_for(lambda: telegram.actions(ann) == ["typing"])


async def test_group_talk_is_handed_in_but_not_reacted_to(
    telegram: TelegramServer,
    running: TelegramBot,
    door: FakeInbox,
    clock: Clock,
    ann: int,
    group: int,
) -> None:
    telegram.send_text(group, ann, "hello all")
    await clock.sleep(300)
    assert len(door.messages) == 1
    assert telegram.calls_of("setMessageReaction") == []


async def test_nothing_is_confirmed_before_it_is_committed(
    telegram: TelegramServer, settings: Settings, ann: int
) -> None:
    class SlowDoor(FakeInbox):
        pending: list[int]

        async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
            job = await super().accept(message, data)
            await asyncio.sleep(60)
            self.pending = telegram.pending()
            return job

    door = SlowDoor()
    notes = [telegram.send_text(ann, ann, str(n)) for n in range(5)]
    async with receiving(TelegramBot(settings, door, menu=(), clock=current_clock())):
        await asyncio.sleep(400)
    assert telegram.pending() == []
    assert ids(door) == notes
    assert len(door.pending) == 5


async def test_kill_in_the_middle_loses_nothing(
    telegram: TelegramServer, settings: Settings, ann: int
) -> None:
    door = FakeInbox()
    notes = [telegram.send_text(ann, ann, str(n)) for n in range(20)]

    class DyingDoor(FakeInbox):
        async def accept(self, message: Message, data: bytes | None = None) -> Job | None:
            if len(door.messages) == 7:
                await asyncio.Event().wait()
            return await door.accept(message, data)

    async with receiving(TelegramBot(settings, DyingDoor(), menu=(), clock=current_clock())):
        await telegram.wait_for(lambda: len(door.messages) == 7)
    async with receiving(TelegramBot(settings, door, menu=(), clock=current_clock())):
        await telegram.wait_for(lambda: len(door.messages) == 20)
    assert ids(door) == notes


async def test_database_trouble_keeps_the_update(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    door.troubles = [StoreError("locked"), OSError("disk full"), StoreError("locked")]
    note = telegram.send_voice(ann, ann, NOTE)
    await telegram.wait_for(lambda: telegram.pending() == [])
    assert ids(door) == [note]
    assert door.tries == 4


async def test_poison_updates_cost_only_themselves(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    with capture_logs() as logs:
        telegram.raw_update({"message": None})
        telegram.raw_update({"message": {"message_id": "x", "chat": 5, "text": "secret words"}})
        telegram.raw_update({"message": ["secret words"]})
        telegram.raw_update({"callback_query": {"id": 1, "message": {"chat": None}}})
        telegram.raw_update({"new_kind": {"deep": [None]}, "unknown": 1})
        note = telegram.send_voice(ann, ann, NOTE)
        await telegram.wait_for(lambda: telegram.pending() == [])
    assert ids(door) == [note]
    assert {log["event"] for log in logs} == {"telegram_update_unread"}
    assert all(isinstance(log["update_id"], int) for log in logs)
    assert "secret words" not in str(logs)


async def test_update_shown_twice_is_one_message(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, clock: Clock, ann: int
) -> None:
    update = telegram.raw_update(
        {"message": {"message_id": 900, "date": int(clock.now().timestamp()), "text": "x",
                     "chat": {"id": ann, "type": "private", "first_name": "Ann"},
                     "from": {"id": ann, "is_bot": False, "first_name": "Ann"}}}
    )  # fmt: skip
    await telegram.wait_for(lambda: door.messages)
    telegram.redeliver(update, 3)
    await telegram.wait_for(lambda: door.tries >= 2)
    assert ids(door) == [900]


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("status", {"status": 401, "count": 1}),
        ("status", {"status": 409, "count": 3}),
        ("status", {"status": 429, "retry_after": 1}),
        ("html", {"status": 502, "count": 6}),
        ("html", {"status": 200, "count": 2}),
        ("close", {"count": 4}),
        ("lose_reply", {"count": 2}),
        ("hang", {"count": 1}),
    ],
)
async def test_polling_outlives(
    kind: str, details: dict[str, int], telegram: TelegramServer, settings: Settings, ann: int
) -> None:
    door = FakeInbox()
    telegram.fault("getUpdates", kind, **details)  # type: ignore[arg-type]
    note = telegram.send_voice(ann, ann, NOTE)
    async with receiving(TelegramBot(settings, door, menu=(), clock=current_clock())) as bot:
        await telegram.wait_for(lambda: door.messages, 60)
        assert ids(door) == [note]
        assert bot.is_ready


async def test_token_refused_for_five_minutes_ends_the_process(
    telegram: TelegramServer, bot: TelegramBot, clock: Clock
) -> None:
    telegram.fault("getUpdates", "status", status=404, count=None)
    started_s = clock.monotonic()
    with pytest.raises(PlatformLocked):
        await bot.run()
    assert GIVE_UP_S <= clock.monotonic() - started_s < GIVE_UP_S + MAX_WAIT_S
    assert not bot.is_ready


async def test_wrong_token_at_the_start_ends_the_process(telegram: TelegramServer) -> None:
    settings = make_settings(
        telegram_bot_token="123456:BBBabcdefghijklmnopqrstuvwxyz0123456",
        telegram_api_base_url=telegram.api_base_url,
    )
    bot = TelegramBot(settings, FakeInbox(), menu=(), clock=current_clock())
    with capture_logs() as logs, pytest.raises(PlatformLocked) as caught:
        await bot.run()
    assert "BBBabc" not in f"{caught.value!r} {logs}"
    await bot.close()


async def test_start_waits_for_a_network_that_is_not_there_yet(
    telegram: TelegramServer, settings: Settings
) -> None:
    telegram.fault("getMe", "close", count=3)
    bot = TelegramBot(settings, FakeInbox(), menu=(), clock=current_clock())
    assert not bot.is_ready
    async with receiving(bot):
        await telegram.wait_for(lambda: bot.is_ready)


async def test_conflict_says_which_and_is_survived(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    with capture_logs() as logs:
        await running._client.bot.set_webhook("https://127.0.0.1:8443/hook")
        await telegram.wait_for(
            lambda: next((log for log in logs if log["event"] == "telegram_conflict"), None)
        )
    assert "telegram_conflict" in {log["event"] for log in logs}
    await running._client.bot.delete_webhook()
    telegram.send_text(ann, ann, "x")
    await telegram.wait_for(lambda: door.messages)


async def test_end_is_quick_within_a_long_poll(
    telegram: TelegramServer, bot: TelegramBot, clock: Clock
) -> None:
    async with receiving(bot):
        await telegram.wait_for(lambda: len(telegram.calls_of("getUpdates")) >= 2)
        started_s = clock.monotonic()
    assert clock.monotonic() == started_s


async def test_press_is_answered_and_handed_in(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    ben = telegram.add_user("Ben")
    group = telegram.add_chat(members={ann: "member", ben: "member"})
    note = telegram.send_voice(group, ann, NOTE)
    query = telegram.press_button(group, ben, note, "forged")
    await telegram.wait_for(lambda: telegram.callback_answer(query) is not None)
    await telegram.wait_for(lambda: len(door.messages) == 2)
    press = door.messages[1]
    assert (press.button, press.sender_id) == ("forged", str(ben))
    assert press.reply_to is not None
    assert press.reply_to.message_id == str(note)


async def test_answer_to_a_press_that_came_too_late_is_no_error(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    note = telegram.send_voice(ann, ann, NOTE)
    telegram.fault("answerCallbackQuery", "status", status=400, description="query is too old")
    telegram.press_button(ann, ann, note, "t")
    await telegram.wait_for(lambda: len(door.messages) == 2)
    await telegram.wait_for(lambda: telegram.calls_of("answerCallbackQuery"))
    assert door.messages[1].button == "t"


@pytest.mark.parametrize("named", ["chat", "sender"])
async def test_only_allowed_chats_are_heard(named: str, telegram: TelegramServer, ann: int) -> None:
    eve = telegram.add_user("Eve")
    group = telegram.add_chat(members={ann: "member", eve: "member"})
    other = telegram.add_chat(members={eve: "member"})
    settings = make_settings(
        telegram_bot_token=telegram.token,
        telegram_api_base_url=telegram.api_base_url,
        allowed_chats=str(group if named == "chat" else ann),
    )
    door = FakeInbox()
    async with receiving(TelegramBot(settings, door, menu=(), clock=current_clock())):
        with capture_logs() as logs:
            telegram.send_text(other, eve, "not allowed words")
            telegram.send_text(eve, eve, "not allowed words")
            telegram.send_text(group, ann, "allowed")
            await telegram.wait_for(lambda: door.messages)
        assert [m.text for m in door.messages] == ["allowed"]
        assert "not allowed words" not in str(logs)


async def test_group_that_became_a_supergroup_is_moved_once(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    group = telegram.add_chat("group", members={ann: "member"})
    telegram.send_text(group, ann, "before")
    new = telegram.migrate(group)
    telegram.send_text(new, ann, "after")
    await telegram.wait_for(lambda: len(door.messages) == 2)
    assert door.moves == [(str(group), str(new))]
    assert door.messages[1].chat.chat_id == str(new)


async def test_being_blocked_or_kicked_breaks_nothing(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    ben = telegram.add_user("Ben")
    group = telegram.add_chat(members={ann: "creator"})
    telegram.block(ann)
    telegram.kick(group, ann)
    telegram.send_text(ben, ben, "still here")
    await telegram.wait_for(lambda: door.messages)
    await telegram.wait_for(lambda: telegram.pending() == [])


async def test_anonymous_admin_topic_and_edit_arrive_as_they_are(
    telegram: TelegramServer, running: TelegramBot, door: FakeInbox, ann: int
) -> None:
    forum = telegram.add_chat(members={ann: "creator"})
    topic = telegram.add_topic(forum)
    telegram.send_command(forum, ANONYMOUS_ADMIN, "/help@hearsay_test_bot me", thread=topic)
    said = telegram.send_text(forum, ann, "one")
    telegram.edit_message(forum, said, "two")
    await telegram.wait_for(lambda: len(door.messages) == 3)
    asked, first, edited = door.messages
    assert (asked.sender_id, asked.thread_id) == (str(forum), str(topic))
    assert (asked.command, asked.text) == ("help", "me")
    assert first.thread_id is None
    assert (edited.message_id, edited.text) == (first.message_id, "two")
    assert edited.edit_id


async def test_menu_is_set_once_and_in_both_languages(
    telegram: TelegramServer, settings: Settings
) -> None:
    def count(method: str) -> int:
        return len(telegram.calls_of(method))

    menu = [("help", "What I can do"), ("transcribe", "x" * 300)]
    for asked in (4, 8):
        async with receiving(TelegramBot(settings, FakeInbox(), menu, current_clock())):
            await telegram.wait_for(partial(lambda n: count("getMyCommands") == n, asked))
            await asyncio.sleep(0.1)
    assert count("setMyCommands") == 4
    menus = telegram.menus()
    assert {key.rpartition("|")[2] for key in menus} == {"", "zh"}
    assert any("all_private_chats" in key for key in menus)
    assert any("all_group_chats" in key for key in menus)
    for commands in menus.values():
        assert [c["command"] for c in commands] == ["help", "transcribe"]
        assert len(commands[1]["description"]) == 256


async def test_menu_of_the_program_is_taken_by_default(
    telegram: TelegramServer, settings: Settings
) -> None:
    async with receiving(TelegramBot(settings, FakeInbox(), clock=current_clock())):
        await telegram.wait_for(lambda: len(telegram.menus()) == 4)
        assert "help" in str(telegram.menus())


async def test_no_word_of_the_token_reaches_the_log(
    telegram: TelegramServer,
    running: TelegramBot,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    ann: int,
) -> None:
    with capture_logs() as logs:
        telegram.fault("getUpdates", "html", status=502, count=2)
        telegram.fault("getUpdates", "close", count=2)
        telegram.fault("setMessageReaction", "close", count=1)
        telegram.send_voice(ann, ann, b"OggS", duration=1)
        await telegram.wait_for(lambda: telegram.calls_of("setMessageReaction"))
    seen = (
        f"{logs} {capsys.readouterr()} {[r for r in caplog.records if r.name.startswith('bots')]}"
    )
    assert telegram.token.partition(":")[2] not in seen


def test_without_a_token_it_is_not_configured() -> None:
    settings = make_settings()
    assert not TelegramBot.is_configured(settings)
    with pytest.raises(ConfigError):
        TelegramBot(settings, FakeInbox())
