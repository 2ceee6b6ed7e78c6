"""The whole program on Discord: one reply, whatever happens to the process."""

from __future__ import annotations

import pytest

from bots.exit_codes import CONFIG
from tests.chaos.notes import make_notes
from tests.emulators.discord import DiscordServer as Server
from tests.support import audio_samples
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = pytest.mark.real_time

VOICE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))


async def test_many_crashes_and_one_reply(program: DiscordProgram, server: Server) -> None:
    """D1 on Discord: a message before, during or after a crash gets one reply."""
    people = [server.add_user(f"Person {n}") for n in range(2)]
    channel = server.channel(server.add_guild(members=people))
    await program.enable_auto(channel)
    await program.start()
    sent = [server.send_text(server.dm(one), one, "hello") for one in people]
    sent.append(server.send_voice(channel, people[0], VOICE))
    await program.settle(3)
    moments = [
        lambda: server.replies_to(sent[-1]),
        lambda: program.states()["running"],
        lambda: sum(program.states().values()) == len(sent),
    ]
    for number, note in (await make_notes(range(6))).items():
        one = people[number % 2]
        sent.append(server.send_voice(server.dm(one), one, note, duration=2))
        if number % 2 == 1:
            await server.wait_for(moments.pop(0))
            await program.kill()
            sent += (
                missed := [server.send_voice(at, one, VOICE) for at in (server.dm(one), channel)]
            )
            await program.start(is_awaited=number != 3)
    await program.settle(len(sent), 120)
    # What still was to come would come before the answer to what is said last.
    sent += [server.send_text(server.dm(one), one, "hello") for one in people]
    await program.settle(len(sent))
    assert server.visible_counts(sent) == dict.fromkeys(sent, 1) and not server.pings()
    assert all("of 4.0 seconds" in server.replies_to(one)[0].content for one in missed)
    assert await program.stop() == 0
    assert server.token not in program.whole_log and "of 4.0 seconds" not in program.whole_log


async def test_errors_for_the_operator_end_the_program(
    program: DiscordProgram, server: Server
) -> None:
    """H2: a supervisor that knows these exit codes does not restart the program."""
    server.refuse_identify(4014)
    await program.start(is_awaited=False)
    assert await program.wait_for_exit() == CONFIG
    assert "Message Content" in program.log.splitlines()[-1] and "Traceback" not in program.log
