"""Requests per note, and many notes at once, through the whole program."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.models import Transcript
from core.store.database.tables import jobs, messages
from tests.emulators.discord.traffic import GLOBAL_LIMIT
from tests.support.discord_load import LoadedDiscord, run_loaded

NOTES = 100
#: What a reply needs at least.
SEND, TYPING = "POST /channels/{channel}/messages", "POST /channels/{channel}/typing"
NOTE_REQUESTS = {TYPING: 1, "GET /cdn": 1, SEND: 1}


@pytest.fixture
async def discord(tmp_path: Path) -> AsyncIterator[LoadedDiscord]:
    async with run_loaded(tmp_path) as discord:
        yield discord


async def test_a_note_takes_three_requests(discord: LoadedDiscord) -> None:
    """No live message is sent for a text that is complete."""
    [channel] = await discord.add_channels(1)
    await discord.send_notes([channel])
    assert discord.requests == NOTE_REQUESTS
    assert discord.server.replies(channel)[0].content == "> call 1"


async def test_a_text_that_comes_slowly_takes_one_more(discord: LoadedDiscord) -> None:
    engine = discord.loopback.engine
    whole = engine.transcribe

    async def transcribe(*args: Any, on_text: Any, **options: Any) -> Transcript:
        on_text("call")
        await asyncio.sleep(1)
        return await whole(*args, on_text=on_text, **options)

    engine.transcribe = transcribe  # type: ignore[method-assign, assignment]
    [channel] = await discord.add_channels(1)
    await discord.send_notes([channel])
    edit = {"PATCH /channels/{channel}/messages/{message}": 1}
    assert discord.requests == NOTE_REQUESTS | edit
    assert discord.server.replies(channel)[0].versions == ["call", "> call 1"]


async def test_a_command_takes_three_requests(discord: LoadedDiscord) -> None:
    """An interaction is responded to, and the response becomes the reply."""
    [channel] = await discord.add_channels(1)
    [note], _ = await discord.send_notes([channel])
    discord.server.clear_requests()
    person = discord.server.world.channels[channel].recipient_id
    used = discord.server.context_menu(note, person, "Transcribe")
    await discord.server.wait_for(lambda: discord.server.responses_to(used))
    await asyncio.sleep(1)
    assert discord.requests == {
        "POST /interactions/{interaction}/{token}/callback": 1,
        "GET /cdn": 1,
        "PATCH /webhooks/{application}/{token}/messages/{message}": 1,
    }


@pytest.mark.parametrize(("chats", "least_per_s"), [(1, 1.0), (50, 20.0)])
async def test_many_notes_at_once(discord: LoadedDiscord, chats: int, least_per_s: float) -> None:
    """In one channel Discord takes five messages in five seconds, in all 50 requests a second."""
    server, channels = discord.server, await discord.add_channels(chats)
    notes, took_s = await discord.send_notes(channels * (NOTES // chats))
    requests = discord.requests
    assert server.violations() == {} and server.invalid_requests() == 0
    assert requests.pop(TYPING) == chats
    assert len({call.path for call in server.requests_to(TYPING)}) == chats
    assert requests == {"GET /cdn": NOTES, SEND: NOTES}
    sent = defaultdict(list)
    for number, note in enumerate(notes):
        sent[channels[number % chats]].append(note)
    # One that is about to be told how long it waits lets those behind it pass.
    told = await list_told(discord)
    replied = [[one.reply_to for one in server.replies(channel)] for channel in channels]
    assert [sorted(map(str, one)) for one in replied] == [*sent.values()]
    for found, wanted in zip(replied, sent.values(), strict=True):
        assert [one for one in found if one not in told] == [n for n in wanted if n not in told]
    assert NOTES / took_s >= least_per_s
    # However late some of them arrive: in a second as counted from any request.
    times_s = [call.received_at for call in server.requests if call.route != "GET /cdn"]
    most = max(Counter(s for s in times_s if 0 <= s - t <= 1).total() for t in {*times_s})
    assert most <= GLOBAL_LIMIT


async def list_told(discord: LoadedDiscord) -> set[str]:
    """Return the messages whose people were to be told that they wait."""
    query = select(messages.c.message_id).join(jobs).where(jobs.c.is_told)
    return {row.message_id for row in await discord.loopback.store._database.rows(query)}
