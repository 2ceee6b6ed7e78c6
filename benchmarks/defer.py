"""Response time to Discord interactions under load against that of the idle program.

    python -m benchmarks.defer

A hundred slash commands while 20 voice messages of two minutes are decoded; Discord's deadline
is three seconds. For comparison, the same commands without voice messages. Each command is
committed before the response: what that alone takes is measured too.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.support.processes import show
from core.models import Chat, Message
from tests.emulators.discord import DiscordServer
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.clean_start import make_database, open_store
from tests.support.discord_program import DiscordProgram

NOTES, NOTE_S = 20, 120.0
COMMANDS, EVERY_S = 100, 0.05
TARGET_P99_S = 1.0
BEAT_S = 2.0
#: Discord's deadline for the first response.
DEADLINE_S = 3.0


def quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]


async def measure(home: Path, note: bytes | None) -> tuple[list[float], int]:
    """Return the time until the response to each command, sorted, and the late heartbeats."""
    async with DiscordServer() as server, MimoServer() as mimo:
        server.set_heartbeat(BEAT_S)
        people = [server.add_user(f"Person {n}") for n in range(NOTES)]
        channel = server.channel(server.add_guild(members=people))
        program = DiscordProgram(home, server, mimo)
        await program.start()
        await server.wait_for(server.commands)
        for person in people if note else ():
            server.send_voice(server.dm(person), person, note or b"", duration=NOTE_S)
        for number in range(COMMANDS):
            server.slash(channel, people[number % NOTES], "help")
            await asyncio.sleep(EVERY_S)
        await program.settle(COMMANDS + NOTES * bool(note), 120)
        assert await program.stop() == 0
        waits_s = server.latencies()
        assert len(waits_s) == COMMANDS and server.thinking(channel) == []
        return waits_s, len(server.late_heartbeats())


async def measure_commits(home: Path) -> list[float]:
    """Return the time that the commit of each command takes on this disk, sorted."""
    home.mkdir()
    make_database(home)
    store = open_store(home)
    waits_s = []
    for number in range(COMMANDS):
        chat = Chat("discord", "1", str(number % NOTES))
        message = Message(chat, f"interaction:{number}", datetime.now(UTC), command="help")
        begun_s = time.perf_counter()
        await store.intake.add(message, lambda message, settings: message.command)
        waits_s.append(time.perf_counter() - begun_s)
    await store.close()
    return sorted(waits_s)


async def main() -> None:
    note = await asyncio.to_thread(audio_samples.file, "ogg-opus", audio_samples.speech(NOTE_S))
    with tempfile.TemporaryDirectory(prefix="hearsay-") as home:
        idle_s, _ = await measure(Path(home) / "idle", None)
        busy_s, late = await measure(Path(home) / "busy", note)
        commits_s = await measure_commits(Path(home) / "commits")
    rows = [("", "decoding 20 recordings", "idle", "ratio")]
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        busy, idle = quantile(busy_s, share), quantile(idle_s, share)
        rows.append((name, f"{busy:.2f} s", f"{idle:.2f} s", f"{busy / max(idle, 0.01):.1f}"))
    show(f"Time until the response to a slash command, {COMMANDS} commands", rows)
    is_met = quantile(busy_s, 0.99) <= TARGET_P99_S
    print(f"target: p99 within {TARGET_P99_S:.0f} s: {'met' if is_met else 'missed'}")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        taken_s = quantile(commits_s, share)
        part = taken_s / DEADLINE_S
        print(f"of that the commit, {name}: {taken_s * 1000:.1f} ms, {part:.2%} of the deadline")
    print(f"gateway heartbeats late by more than half a second: {late}")


if __name__ == "__main__":
    asyncio.run(main())
