"""Privacy mode, the default of every new bot: what it prevents is said at once."""

from __future__ import annotations

import pytest

from bots.telegram_bot.bot import TelegramBot as Bot
from core.clock import Clock
from core.config import Settings
from core.store import Store
from tests.emulators.telegram import TelegramServer as Server
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.paths import SPEECH
from tests.support.telegram_inbox import receiving

pytestmark = pytest.mark.finding(15)
NOTE = (SPEECH / "cards-001.wav").read_bytes()
HIDDEN = "I cannot see the messages here"


@pytest.fixture
def group(telegram: Server) -> int:
    return telegram.add_chat(members={telegram.add_user("Ann"): "creator"})


async def ask(telegram: Server, group: int, text: str) -> str:
    """Send a command as the owner; return the text of the reply."""
    [owner] = (user for user in telegram.world.chats[group].members if user != 123456)
    asked = telegram.send_command(group, owner, text)
    await telegram.wait_for(lambda: telegram.replies_to(group, asked))
    return telegram.replies_to(group, asked)[0].text


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("command", ["/auto on", "/remember on", "/remember", "/start"])
async def test_what_privacy_mode_prevents_is_said_with_the_remedy(
    telegram: Server, group: int, command: str
) -> None:
    telegram.set_privacy(is_on=True)
    if command == "/remember":
        await ask(telegram, group, "/remember on")
    text = await ask(telegram, group, command)
    assert HIDDEN in text and "admin" in text
    assert "@BotFather" in text.replace("\u2060", "") and "/setprivacy" in text
    assert "Every voice message here is transcribed" not in text
    # Either remedy is seen at once.
    telegram.set_member(group, 123456, "administrator")
    assert HIDDEN not in await ask(telegram, group, command)
    telegram.set_member(group, 123456, "member")
    assert HIDDEN in await ask(telegram, group, command)
    telegram.set_privacy(is_on=False)
    assert HIDDEN not in await ask(telegram, group, command)


@pytest.mark.usefixtures("whole")
async def test_auto_says_whether_it_is_on(telegram: Server, group: int) -> None:
    telegram.set_privacy(is_on=False)
    for text in ("/auto", "/auto off"):
        assert (await ask(telegram, group, text)).startswith("/auto is off. ")
    telegram.set_privacy(is_on=True)
    for text in ("/auto on", "/auto"):
        assert (await ask(telegram, group, text)).startswith("/auto is on. ")


async def test_the_remedy_that_is_named_helps(
    telegram: Server, group: int, whole: Loopback
) -> None:
    telegram.set_privacy(is_on=True)
    await ask(telegram, group, "/auto on")
    [owner] = (user for user in telegram.world.chats[group].members if user != 123456)
    telegram.send_voice(group, owner, NOTE)
    await whole.settle()
    assert len(telegram.replies(group)) == 1
    telegram.set_member(group, 123456, "administrator")
    note = telegram.send_voice(group, owner, NOTE)
    await telegram.wait_for(lambda: telegram.replies_to(group, note))
    assert "call 1" in telegram.replies_to(group, note)[0].text


@pytest.mark.parametrize("is_private", [True, False])
async def test_a_word_on_joining_a_group_tells_the_truth(
    telegram: Server, group: int, whole: Loopback, is_private: bool
) -> None:
    telegram.set_privacy(is_on=is_private)
    [owner] = (user for user in telegram.world.chats[group].members if user != 123456)
    update = telegram.join(group, owner)
    await telegram.wait_for(lambda: telegram.replies(group))
    # The same update again, a promotion and a removal change nothing.
    telegram.redeliver(update)
    telegram.kick(group, owner)
    await telegram.wait_for(lambda: telegram.pending() == [])
    await whole.settle()
    [welcome] = telegram.replies(group)
    assert "/transcribe" in welcome.text
    assert (HIDDEN in welcome.text) is is_private
    [[button]] = welcome.buttons
    assert button["text"] == "Help"


async def test_joining_is_committed_before_it_is_confirmed(
    telegram: Server, group: int, store: Store, settings: Settings, clock: Clock
) -> None:
    loopback = Loopback(store, ScriptedTranscriber())
    bot = Bot(settings, loopback.inbox, menu=(), clock=clock)
    loopback.inbox.platforms["telegram"] = bot  # type: ignore[index]
    [owner] = (user for user in telegram.world.chats[group].members if user != 123456)
    telegram.join(group, owner)
    async with receiving(bot):
        await telegram.wait_for(lambda: telegram.pending() == [])
    assert telegram.replies(group) == []
    again = Bot(settings, loopback.inbox, menu=(), clock=clock)
    loopback.inbox.platforms["telegram"] = again  # type: ignore[index]
    async with loopback.running(), receiving(again):
        await telegram.wait_for(lambda: telegram.replies(group))
