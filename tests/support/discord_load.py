"""The whole program on a Discord that refuses what exceeds its limits, and notes for it.

For tests and benchmarks, on a loop with virtual time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bots.discord_bot import DiscordBot
from core.interfaces import TranscriberLimits
from core.models import JobState
from tests.emulators.discord import DiscordServer
from tests.support.audio_samples import file, speech
from tests.support.clean_start import open_store
from tests.support.discord_inbox import make_settings
from tests.support.discord_program import note_known
from tests.support.loopback import Loopback, ScriptedTranscriber
from tests.support.virtual_time import current_clock


class LoadedDiscord:
    """A running program, and what Discord has seen of it since the start."""

    def __init__(self, server: DiscordServer, loopback: Loopback) -> None:
        self.server, self.loopback = server, loopback

    @property
    def requests(self) -> Counter[str]:
        """The number of requests to each route."""
        return Counter(call.route for call in self.server.requests)

    async def add_channels(self, count: int) -> list[str]:
        """Return direct message channels of people who have used the bot before."""
        channels = [self.server.dm(self.server.add_user()) for _ in range(count)]
        for channel in channels:
            await note_known(self.loopback.store, self.server, channel)
        return channels

    async def send_notes(self, channels: Sequence[str]) -> tuple[list[str], float]:
        """Send a different note to each channel at once.

        Returns their ids, and the seconds to the last reply.
        """
        begun_s, pcm, notes = current_clock().monotonic(), speech(1.0), []
        for number, channel in enumerate(channels, 8000):
            person = self.server.world.channels[channel].recipient_id
            wav = file("wav", pcm[: 2 * number])
            note = self.server.send_voice(channel, person, wav, claims={"mime": "audio/wav"})
            notes.append(note)
        while (await self.loopback.store.jobs.counts()).get(JobState.DONE) != len(channels):
            await asyncio.sleep(1)
        sent = self.server.requests_to("* /channels/{channel}/messages*")
        return notes, max(call.received_at for call in sent) - begun_s


@asynccontextmanager
async def run_loaded(home: Path) -> AsyncIterator[LoadedDiscord]:
    """Run the program with an engine that takes no time, and its data in `home`."""
    clock, store = current_clock(), open_store(home)
    loopback = Loopback(store, ScriptedTranscriber(TranscriberLimits(concurrency=100)))
    async with DiscordServer() as server, loopback.running():
        server.set_limits(is_strict=True)
        settings = make_settings(
            discord_bot_token=server.token, discord_api_base_url=server.api_base_url
        )
        bot = DiscordBot(settings, loopback.inbox, clock)
        loopback.inbox.platforms["discord"] = bot  # type: ignore[index]
        task = asyncio.create_task(bot.run())
        await server.wait_for(lambda: bot.is_ready and server.command_writes())
        server.clear_requests()
        yield LoadedDiscord(server, loopback)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bot.close()
    await store.close()
