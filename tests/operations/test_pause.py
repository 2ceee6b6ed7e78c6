"""A pause from a shell, in a bot that runs: each chat is told once, and nothing is begun."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.clock import Clock
from core.operations.delays import CHECK_S, PAUSED
from core.store import Store
from core.store.audit import SHELL_OPERATOR
from tests.emulators.telegram import TelegramServer
from tests.operations.test_access_requests import Scene, asking
from tests.support.clean_start import ask_database, open_store

#: With what a format string would take for a field.
OWN = "Upgrade until {22:00}. 100% back then!"


@pytest.fixture
def scene(telegram: TelegramServer, tmp_path: Path) -> Scene:
    return Scene(telegram, tmp_path, allowed_chats="")


@pytest.fixture
async def shell(scene: Scene) -> AsyncIterator[Store]:
    """Another process on the same database, as `hearsay pause` is."""
    store = open_store(scene.settings.hearsay_home)
    yield store
    await store.close()


async def test_it_is_noticed_with_the_first_message(
    scene: Scene, shell: Store, clock: Clock
) -> None:
    telegram, ann, ben = scene.telegram, scene.ann, scene.ben
    async with asking(scene.settings) as store:
        await clock.sleep(100)
        await shell.controls.pause(SHELL_OPERATOR, is_on=True, text=OWN)
        assert not store.controls.paused.is_set()  # nobody has told this process
        first = telegram.send_command(ann, ann, "/help")
        await clock.sleep(3 * CHECK_S)
        assert [told.text for told in telegram.replies(ann)] == [OWN]
        assert store.controls.paused.is_set()
        second = telegram.send_command(ann, ann, "/help")
        for _ in "12":
            telegram.send_command(ben, ben, "/help")
        await clock.sleep(3 * CHECK_S)
        assert [told.text for told in telegram.replies(ann)] == [OWN]
        assert [told.text for told in telegram.replies(ben)] == [OWN]
    # After a restart nobody is told again, who had been told.
    async with asking(scene.settings) as store:
        telegram.send_command(ann, ann, "/help")
        await clock.sleep(3 * CHECK_S)
        assert [told.text for told in telegram.replies(ann)] == [OWN]
        await shell.controls.pause(SHELL_OPERATOR, is_on=False)
        await clock.sleep(3 * CHECK_S)
        texts = [told.text for told in telegram.replies(ann)]
        assert len(texts) == 3 and not any(OWN in text for text in texts)
        assert len(telegram.replies_to(ann, second)) <= 1 >= len(telegram.replies_to(ann, first))
        assert [one.action for one in await store.audit.recent()] == ["resume", "pause"]


async def test_other_words_are_told_from_then_on(scene: Scene, shell: Store, clock: Clock) -> None:
    telegram, ann, home = scene.telegram, scene.ann, scene.settings.hearsay_home
    async with asking(scene.settings):
        await shell.controls.pause(SHELL_OPERATOR, is_on=True)
        telegram.send_command(ann, ann, "/help")
        await clock.sleep(3 * CHECK_S)
        [told] = scene.texts(ann)
        assert told.startswith(PAUSED)
        await shell.controls.pause(SHELL_OPERATOR, is_on=True, text=OWN)
        await clock.sleep(3 * CHECK_S)
        telegram.send_command(ann, ann, "/help")
        await clock.sleep(3 * CHECK_S)
        assert scene.texts(ann) == [told, OWN]
    [[stored]] = ask_database(home, "SELECT text FROM switches")
    assert b"Upgrade" not in stored
