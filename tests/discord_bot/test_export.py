"""/export on Discord: seen by the person alone, in a server too."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.emulators.discord.records import Message
from tests.support.discord_program import DiscordProgram, run_program

#: The program is a process of its own.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordProgram]:
    async with run_program(tmp_path_factory.mktemp("home")) as program:
        yield program


def read_person(message: Message) -> str:
    [file] = message.files
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        person_id: str = json.loads(archive.read("export.json"))["person_id"]
    return person_id


async def test_in_a_server_only_the_sender_sees_it(program: DiscordProgram) -> None:
    server = program.server
    ann = server.add_user("Ann")
    channel = server.channel(server.add_guild(members=[ann]))
    answer = await program.answer(server.slash(channel, ann, "export"))
    assert answer.is_ephemeral and read_person(answer) == ann
    assert not any(one.files for one in server.replies(channel) if not one.is_ephemeral)


async def test_in_a_direct_message_it_is_a_file(program: DiscordProgram) -> None:
    server = program.server
    ben = server.add_user("Ben")
    answer = await program.answer(server.slash(server.dm(ben), ben, "export"))
    assert read_person(answer) == ben


async def test_a_second_one_at_once_is_refused(program: DiscordProgram) -> None:
    server = program.server
    eve = server.add_user("Eve")
    await program.answer(server.slash(server.dm(eve), eve, "export"))
    again = await program.answer(server.slash(server.dm(eve), eve, "export"))
    assert not again.files and "10 minutes" in again.content
