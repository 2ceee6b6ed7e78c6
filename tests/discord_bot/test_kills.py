"""Killed at each step of a delivery and started again: each part is sent once."""

from __future__ import annotations

import signal

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.notes import read_sound
from tests.chaos.points import POINTS
from tests.emulators.discord import DiscordServer as Server
from tests.emulators.mimo import MimoServer
from tests.support import audio_samples
from tests.support.discord_program import DiscordProgram

#: The program is a process of its own.
pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

VOICE = audio_samples.file("ogg-opus", audio_samples.speech(4.0))
#: An answer of more than one message.
LONG_TEXT = " ".join(f"word{number}" for number in range(500))
#: The first words are shown at once; the others follow in so many seconds.
FIRST, STREAM_S = {"bots.discord_bot.outgoing.live_message:FIRST_S": 0.0}, 0.5
#: All of them in the long form: `make chaos`.
STEPS = ("S3", "S8", "S9", "S10", "SX") if IS_LONG else ("S3", "S9")
OUT = [name for name in POINTS if name.startswith(STEPS)]
#: What /say sends is one part, without a live message before it.
OUT_OF_SAY = [name for name in OUT if name in ("S8 reply saved", "S9 reply sent", "SX job ended")]


async def restart(program: DiscordProgram, person: str) -> None:
    """Wait for the planned kill, and start again."""
    assert await program.wait_for_exit() == -signal.SIGKILL
    await program.start()
    assert set(await program.settle(1)) == {"done"}
    # What was still to come would come before the answer to what is said last.
    program.server.send_text(program.server.dm(person), person, "hello")
    assert set(await program.settle(2)) == {"done"}


@pytest.mark.parametrize("step", OUT)
async def test_a_voice_message_is_answered_once(
    program: DiscordProgram, mimo: MimoServer, server: Server, step: str, ann: str
) -> None:
    mimo.set_text(await read_sound(VOICE), LONG_TEXT)
    mimo.rules.latency_s = STREAM_S
    await program.note_known(server.dm(ann))
    await program.start(kill_at=step, constants=FIRST)
    note = server.send_voice(server.dm(ann), ann, VOICE, duration=4.0)
    await restart(program, ann)
    answers = server.replies_to(note)
    words = " ".join(one.content for one in answers).split()
    assert len(answers) == 2
    assert [one for one in words if one.startswith("word")] == LONG_TEXT.split()


@pytest.mark.parametrize("step", OUT_OF_SAY)
async def test_a_command_is_answered_once(
    program: DiscordProgram, server: Server, step: str, ann: str, channel_id: str
) -> None:
    await program.start(kill_at=step)
    await server.wait_for(lambda: "say" in server.commands(), 30)
    interaction_id = server.slash(channel_id, ann, "say", {"text": "Good morning"})
    await restart(program, ann)
    spoken = [one for one in server.replies(channel_id) if one.is_voice]
    assert len(spoken) + sum(len(one.files) for one in server.responses_to(interaction_id)) == 1
    assert server.thinking(channel_id) == []


@pytest.mark.finding(2)
@pytest.mark.parametrize("step", ["S0 update received", "S1 message committed", "SI deferred"])
async def test_a_command_that_was_acknowledged_is_answered(
    program: DiscordProgram, server: Server, step: str, ann: str, channel_id: str
) -> None:
    """Whoever sees "thinking…" gets a reply, wherever the process was killed."""
    await program.start(kill_at=step)
    await server.wait_for(lambda: "help" in server.commands(), 30)
    interaction_id = server.slash(channel_id, ann, "help")
    assert await program.wait_for_exit() == -signal.SIGKILL
    kept = program.rows("select count(*) from jobs")
    is_acknowledged = server.interaction(interaction_id).response_type is not None
    assert (kept == [(1,)], is_acknowledged) == (not step.startswith("S0"), step.startswith("SI"))
    await program.start()
    dm = server.dm(ann)
    hello = server.send_text(dm, ann, "hello")
    await program.settle(1 + kept[0][0])
    # /help is for one person: without an acknowledged interaction it comes as a direct message.
    answers = [*server.responses_to(interaction_id), *server.replies(channel_id)]
    answers += [one for one in server.replies(dm) if one.reply_to != hello]
    assert len({one.message_id for one in answers}) == kept[0][0]
    assert server.thinking(channel_id) == []


@pytest.mark.finding(2)
async def test_no_acknowledgement_is_seen_before_its_commit(
    program: DiscordProgram, server: Server, ann: str, channel_id: str
) -> None:
    """Eight commands at once; the process is killed as soon as Discord has the first response."""
    await program.start()
    await server.wait_for(lambda: "help" in server.commands(), 30)
    sent = [server.slash(channel_id, ann, "help") for _ in range(8)]
    await server.wait_for(lambda: server.thinking(channel_id) or server.replies(channel_id))
    await program.kill()
    acknowledged = [one for one in sent if server.interaction(one).response_type is not None]
    ids = {row[0] for row in program.rows("select message_id from messages")}
    assert acknowledged and {f"interaction:{one}" for one in acknowledged} <= ids
    await program.start()
    await server.wait_for(lambda: not any(map(program.is_open, acknowledged)), 30)
    assert all(server.responses_to(one) for one in acknowledged)
    assert server.thinking(channel_id) == []
