"""Files in direct messages: pictures, sound without a type, questions about one's own notes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.notes import make_note
from tests.emulators.discord.records import Message
from tests.support.discord_program import DiscordProgram, run_program

#: The program is a process of its own.
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.real_time,
    pytest.mark.finding(19),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordProgram]:
    async with run_program(tmp_path_factory.mktemp("home")) as program:
        yield program


async def reply_to(program: DiscordProgram, message_id: str) -> Message:
    """Return the final reply to a message."""
    query = f"select 1 from messages join jobs using (message_pk) where message_id = '{message_id}'"
    ended = f"{query} and state not in ('waiting', 'running')"
    await program.server.wait_for(lambda: program.rows(ended), 60)
    [answer] = program.server.replies_to(message_id)
    return answer


async def test_a_photo_gets_one_sentence(program: DiscordProgram) -> None:
    server, ann = program.server, program.server.add_user("Ann")
    sent = server.send_file(server.dm(ann), ann, "cat.png", b"\x89PNG\r\n" + bytes(50))
    assert "I only work with recordings" in (await reply_to(program, sent)).content


@pytest.mark.parametrize("mime", ["", "application/octet-stream"])
async def test_sound_without_a_type_is_transcribed(program: DiscordProgram, mime: str) -> None:
    server, ann = program.server, program.server.add_user("Ann")
    sent = server.send_file(server.dm(ann), ann, "sound.bin", make_note(7), mime=mime)
    assert "w7" in (await reply_to(program, sent)).content


async def test_other_files_without_a_type_are_refused_in_words(program: DiscordProgram) -> None:
    server, ann = program.server, program.server.add_user("Ann")
    sent = server.send_file(server.dm(ann), ann, "data.bin", bytes(range(256)) * 20, mime="")
    answer = await reply_to(program, sent)
    assert answer.content and "Error" not in answer.content


async def test_a_text_reply_to_ones_own_note_is_a_question(program: DiscordProgram) -> None:
    server, ann = program.server, program.server.add_user("Ann")
    chat = server.dm(ann)
    note = server.send_voice(chat, ann, make_note(8), duration=2)
    assert "w8" in (await reply_to(program, note)).content
    asked = server.send_text(chat, ann, "What is said?", reply_to=note)
    await reply_to(program, asked)
    query = (
        f"select command from jobs join messages using (message_pk) where message_id = '{asked}'"
    )
    assert program.rows(query) == [("ask",)]
