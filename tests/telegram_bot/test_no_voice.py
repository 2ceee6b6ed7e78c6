"""A chat that refuses voice messages is asked once, whichever process asks."""

from __future__ import annotations

from bots.telegram_bot import TelegramBot
from core.config import Settings
from core.models import File, Reply
from core.store import Store
from tests.emulators.telegram import TelegramServer as Server
from tests.support.telegram_inbox import StoreDoor, make_message
from tests.support.virtual_time import current_clock

VOICE = Reply("Said.", files=(File("a.ogg", "audio/ogg", b"OggS" + b"OpusHead"),))


async def say(settings: Settings, door: StoreDoor, chat_id: int, message_id: int) -> None:
    """Answer a message as a process would that begins and ends with it."""
    bot = TelegramBot(settings, door, menu=(), clock=current_clock())
    job = await door.accept(make_message(chat_id, message_id))
    assert job
    await door.answer(bot, job.job_id, VOICE)
    await bot.close()


async def test_a_restart_keeps_refusals(telegram: Server, settings: Settings, store: Store) -> None:
    door = StoreDoor(store)
    ann = telegram.add_user("Ann", is_voice_forbidden=True)
    ben = telegram.add_user("Ben")
    await say(settings, door, ann, 1)
    await say(settings, door, ann, 2)
    await say(settings, door, ben, 1)
    made = [(call.method, call.chat_id, call.status) for call in telegram.calls]
    sends = [call for call in made if call[0].lower().startswith("send")]
    assert [(name.lower(), chat, status) for name, chat, status in sends] == [
        ("sendvoice", ann, 400),
        ("sendaudio", ann, 200),
        ("sendaudio", ann, 200),
        ("sendvoice", ben, 200),
    ]
