"""Later messages of a chat pass a long recording as soon as it is known to take long."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.clock import Clock
from core.models import Attachment, Chat, JobState, Message
from core.operations.delays import QUEUED, SLOW
from core.store import Store
from tests.support.counted_media import PIECE_S, CountedMedia
from tests.support.group_talk import ADA, BEN, Group
from tests.support.loopback import Loopback, ScriptedTranscriber

THREE_HOURS, NOTE = "long 150", "note 1"


@pytest.fixture
async def loopback(store: Store) -> Loopback:
    loopback = Loopback(store, ScriptedTranscriber(), CountedMedia(store.recordings.begin))

    async def fetch(message: Message) -> bytes:
        return (message.attachment or Attachment("")).file_id.encode()

    loopback.platform.fetch = fetch  # type: ignore[method-assign]
    return loopback


def record(group: Group, sender_id: str, content: str, command: str = "") -> Message:
    """Return a recording of so many pieces."""
    duration_s = PIECE_S * int(content.split()[1])
    message = group.write(sender_id, attachment=Attachment(content, duration_s=duration_s))
    return replace(message, language="en", command=command)


@pytest.mark.parametrize("latency_s", [10.0, 60.0])
@pytest.mark.parametrize("chat", ["private", "asked", "auto on", "remember on"])
async def test_a_note_does_not_wait_for_a_long_recording_of_its_chat(
    loopback: Loopback, clock: Clock, latency_s: float, chat: str
) -> None:
    """Whether anybody asked for it, and whether it is shown how far it is."""
    is_private, command = chat == "private", "transcribe" if chat == "asked" else ""
    group = Group(loopback, Chat("test", "1", ADA if is_private else "-1"), is_private=is_private)
    async with loopback.running():
        if " " in chat:
            await group.ask(chat)
        loopback.engine.latency_s = latency_s
        long = record(group, ADA, THREE_HOURS, command)
        await loopback.inbox.accept(long)
        await clock.sleep(30)
        began_s = clock.monotonic()
        note = record(group, ADA if is_private else BEN, NOTE, command)
        await loopback.inbox.accept(note)
        job = None
        while not (job and job.state is JobState.DONE):
            await clock.sleep(1)
            job = await loopback.inbox.job_of(note.chat, note.message_id)
        # One person leaves a place at the service to others, and waits for the next.
        assert clock.monotonic() - began_s <= latency_s * (1 + is_private) + 2
        unfinished = await loopback.inbox.job_of(long.chat, long.message_id)
        assert unfinished and unfinished.state is JobState.RUNNING
        states = await loopback.settle()
    assert set(states) == {JobState.DONE}
    shown = [text for to, text, _ in loopback.platform.shown if to == long.message_id]
    assert SLOW not in shown, "the clock says it"
    assert QUEUED not in [text for _, text, _ in loopback.platform.shown]
    is_shown = any("of 1:52:30" in text for text in shown)
    assert is_shown is (chat in ("private", "asked"))


async def test_what_is_soon_done_is_waited_for(loopback: Loopback, clock: Clock) -> None:
    """The replies come in the order of the messages."""
    group = Group(loopback, Chat("test", "1", ADA), is_private=True)
    loopback.engine.latency_s = 5.0
    async with loopback.running():
        messages = [record(group, ADA, f"note-{number} 1") for number in range(3)]
        for message in messages:
            await loopback.inbox.accept(message)
        await loopback.settle()
    assert loopback.platform.sent_to == [message.message_id for message in messages]
