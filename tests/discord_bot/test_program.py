"""The whole program on Discord: answered once, whatever happens to the process."""

from __future__ import annotations

import pytest

from bots.exits import CONFIG
from tests.chaos.notes import make_notes
from tests.emulators.discord import DiscordServer as Server
from tests.support import sounds
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = pytest.mark.real_time

VOICE = sounds.file("ogg-opus", sounds.speech(4.0))


async def answer_all(program: DiscordProgram, people: list[str], jobs: int) -> None:
    """Let everybody be answered once more: what still was to come would come before that."""
    for person in people:
        program.server.send_text(program.server.dm(person), person, "hello")
    await program.settle(jobs + len(people))


async def test_what_was_missed_is_answered_once(program: DiscordProgram, server: Server) -> None:
    people = [server.add_user(f"Person {n}") for n in range(2)]
    guild = server.add_guild(members=people)
    room = server.channel(guild)
    await program.write_all(room)
    await program.start()
    chats = [server.dm(person) for person in people]
    first = [server.send_voice(chat, one, VOICE) for chat, one in zip(chats, people, strict=True)]
    first.append(server.send_voice(room, people[0], VOICE))
    await program.settle(3)
    await program.kill()
    missed = [server.send_voice(chat, one, VOICE) for chat, one in zip(chats, people, strict=True)]
    missed.append(server.send_voice(room, people[1], VOICE))
    await program.start()
    await program.settle(6)
    await answer_all(program, people, 6)
    assert server.visible_counts(first + missed) == dict.fromkeys(first + missed, 1)
    assert "of 4.0 seconds" in server.answers_to(missed[0])[0].content
    assert await program.stop() == 0
    assert server.token not in program.whole_log and "of 4.0 seconds" not in program.whole_log


async def test_killed_often_it_answers_once(program: DiscordProgram, server: Server) -> None:
    """D1 for this road: no moment of death loses a message or answers one twice."""
    people = [server.add_user(f"Person {n}") for n in range(2)]
    notes = await make_notes(range(6))
    await program.start()
    sent: list[str] = []
    moments = iter(
        [
            lambda: server.answers_to(sent[-1]),
            lambda: program.states()["running"],
            lambda: sum(program.states().values()) == len(sent),
        ]
    )
    for one in people:
        sent.append(server.send_text(server.dm(one), one, "hello"))
    await program.settle(2)
    for number, note in notes.items():
        one = people[number % 2]
        sent.append(server.send_voice(server.dm(one), one, note, duration=2))
        if number % 2 == 1:
            await server.wait_for(next(moments))
            await program.kill()
            await program.start(is_awaited=number != 3)
    await program.settle(8, 120)
    await answer_all(program, people, 8)
    assert server.visible_counts(sent) == dict.fromkeys(sent, 1)
    assert not server.pings()


async def test_what_only_operator_can_mend_ends_it(program: DiscordProgram, server: Server) -> None:
    """H2: a supervisor that knows these codes does not start it again."""
    server.refuse_identify(4014)
    await program.start(is_awaited=False)
    assert await program.ended() == CONFIG
    assert "Message Content" in program.log.splitlines()[-1] and "Traceback" not in program.log
