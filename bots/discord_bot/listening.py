"""Listens to the gateway: to all shards of the bot, or to a share where several processes do."""

from __future__ import annotations

import asyncio

import stamina
import structlog

from bots.discord_bot.client.shards import IDENTIFY_S
from bots.discord_bot.incoming.backfill import Backfill
from bots.discord_bot.incoming.intake import GatewayIntake
from bots.discord_bot.voice.channels import DiscordVoiceChannels
from core.errors import PlatformBusy, StoreError
from core.operations.ownership import Ownership
from core.tasks import run_together

log = structlog.get_logger(__name__)

#: Asks the database again every second until it answers.
_persist = stamina.retry(
    on=StoreError, attempts=None, timeout=None, wait_initial=1.0, wait_max=1.0, wait_jitter=0.0
)


class GatewayListening:
    """Connects the shards of this process, and commits what they receive."""

    def __init__(
        self,
        intake: GatewayIntake,
        backfill: Backfill,
        voice: DiscordVoiceChannels,
        ownership: Ownership,
    ) -> None:
        self._client = intake.client
        self._intake = intake
        self._watermarks = intake.watermarks
        self._backfill = backfill
        self._voice = voice
        self._ownership = ownership

    @property
    def name(self) -> str:
        """What the processes that receive from one bot share."""
        return f"discord {self._client.bot_id}"

    async def run(self) -> None:
        """Receive until cancelled. Raises PlatformLocked, ConfigError: what the operator fixes."""
        self._client.on_session = self._backfill.start_session
        if self._ownership.is_shared:
            self._client.choose_count = self._choose_count
            self._client.take_turn = self._take_turn
        works = self._intake.run(), self._watermarks.run(), self._client.listen(), self._share()
        try:
            await run_together(*works)
        finally:
            await self._backfill.close()
            await self._voice.close()
            await self._watermarks.flush()

    async def _share(self) -> None:
        await self._client.is_counted.wait()
        count = self._client.shard_count or 1
        await self._ownership.run_share(self.name, count, self._receive, self._may_leave)

    async def _receive(self, shard_id: int) -> None:
        """Receive from one shard until cancelled."""
        try:
            # Another process that had the shard before may have committed more.
            await _persist(self._watermarks.load)(self._client.bot_id)
            await self._client.add_shard(shard_id)
            await asyncio.Event().wait()
        finally:
            await self._voice.leave_shard(shard_id)
            await self._client.remove_shard(shard_id)
            self._backfill.end_session(shard_id)
            await self._watermarks.flush()

    def _may_leave(self, shard_id: int) -> bool:
        """Return whether nobody is in a voice channel with the bot, which would fall silent."""
        return not self._voice.is_in_shard(shard_id)

    async def _choose_count(self, recommended: int) -> int:
        """Return how many shards there are: as many as others have begun with."""
        try:
            known = await self._ownership.find_count(self.name)
        except StoreError as error:
            raise PlatformBusy(f"the database: {type(error).__name__}") from None
        if known and known != recommended:
            log.warning("discord_shards_differ", used=known, wanted=recommended)
        return known or recommended

    async def _take_turn(self, shard_id: int) -> None:
        """Wait until no other process has just started a session, as Discord asks."""
        name = f"{self.name} identify {shard_id % self._client.max_concurrency}"
        await _persist(self._ownership.take_turn)(name, IDENTIFY_S)
