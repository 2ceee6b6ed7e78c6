"""A lost machine, and the bot restored elsewhere from a backup: nothing is answered twice."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.emulators.discord import DiscordServer as Server
from tests.emulators.mimo import MimoServer
from tests.support.discord_program import DiscordProgram
from tests.support.hearsay_command import Hearsay

#: The program is a process of its own.
pytestmark = [pytest.mark.chaos, pytest.mark.real_time]


async def test_what_was_answered_since_the_backup_is_not_answered_again(
    program: DiscordProgram, mimo: MimoServer, server: Server, ann: str, tmp_path: Path
) -> None:
    chat, bot = server.dm(ann), Hearsay(program.home.parent)
    assert bot.home == program.home
    await program.note_known(chat)
    await program.start()
    before = [server.send_text(chat, ann, f"hello {number}") for number in range(2)]
    await program.settle(2)
    done = await asyncio.to_thread(bot, "backup", "--json")
    assert done.returncode == 0, done.stderr
    since = [server.send_text(chat, ann, f"hello again {number}") for number in range(3)]
    await program.settle(5)
    await program.kill()
    missed = server.send_text(chat, ann, "is anybody there?")
    new = DiscordProgram(tmp_path / "new" / "home", server, mimo)
    shutil.copy(program.home / "secret.key", new.home)
    path = json.loads(done.stdout)["path"]
    done = await asyncio.to_thread(Hearsay(tmp_path / "new"), "restore", path)
    assert done.returncode == 0, done.stderr
    async with new:
        await new.start()
        assert await new.settle(3) == {"done": 3}
        assert await new.stop() == 0
    counts = {one: len(server.replies_to(one)) for one in (*before, *since, missed)}
    assert set(counts.values()) == {1}
