"""How soon Discord hears that a command was heard, while the machine has its hands full."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.support import sounds
from tests.support.discord_program import DiscordProgram

NOTES, NOTE_S = 20, 120.0
COMMANDS, EVERY_S = 100, 0.05
MAX_P99_S = 1.0
BEAT_S = 2.0


def quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]


async def test_a_command_is_heard_within_a_second_while_20_notes_are_decoded(
    tmp_path: Path, discord_server: DiscordServer
) -> None:
    server = discord_server
    server.set_heartbeat(BEAT_S)
    note = await asyncio.to_thread(sounds.file, "ogg-opus", sounds.speech(NOTE_S))
    people = [server.add_user(f"Person {n}") for n in range(NOTES)]
    room = server.channel(server.add_guild(members=people))
    async with MimoServer() as mimo:
        program = DiscordProgram(tmp_path / "home", server, mimo)
        await program.start()
        await server.wait_for(server.commands, timeout_s=30)
        for person in people:
            server.send_voice(server.dm(person), person, note, duration=NOTE_S)
        open_jobs = []
        for number in range(COMMANDS):
            server.slash(room, people[number % NOTES], "help")
            await asyncio.sleep(EVERY_S)
            if number % 10 == 9:
                open_jobs.append(sum(program.states()[one] for one in ("waiting", "running")))
        await program.settle(NOTES + COMMANDS, 120)
        assert await program.stop() == 0
    waits, late = server.latencies(), server.late_beats()
    found = {f"p{share * 100:.0f}": f"{quantile(waits, share):.3f}" for share in (0.5, 0.95, 0.99)}
    print(f"{len(waits)} commands heard: {found}, at most {waits[-1]:.3f} s; open: {open_jobs}")
    print(f"heartbeats late by more than 0.5 s: {len(late)}")
    # Most of the time there was something to decode.
    assert sum(count > 0 for count in open_jobs) >= len(open_jobs) // 2
    assert len(waits) == COMMANDS and quantile(waits, 0.99) <= MAX_P99_S
    assert late == []
    assert server.thinking(room) == []
