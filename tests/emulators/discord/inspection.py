"""What a test can look up afterwards: messages, pings, requests, interactions, sessions."""

from __future__ import annotations

import copy
from fnmatch import fnmatchcase
from typing import Any

from tests.emulators.common import locked
from tests.emulators.discord.api import Api
from tests.emulators.discord.gateway import Gateway
from tests.emulators.discord.records import AUTOCOMPLETE, Interaction, Message, Ping
from tests.emulators.discord.sessions import Heartbeat
from tests.emulators.discord.traffic import RecordedRequest
from tests.emulators.discord.user_interactions import UserInteractions


class Inspection(UserInteractions):
    """The state of the local Discord."""

    api: Api
    gateway: Gateway

    # --- messages and interactions

    @locked
    def replies(self, channel: str, *, has_deleted: bool = False) -> list[Message]:
        """Return the bot's messages in a channel in their current state, oldest first.

        Ephemeral and loading messages are left out.
        """
        return [
            copy.deepcopy(message)
            for message in self.world.channels[channel].messages.values()
            if message.author_id == self.world.bot.user_id
            and not message.is_ephemeral
            and not message.is_loading
            and (has_deleted or not message.is_deleted)
        ]

    @locked
    def replies_to(self, message: str) -> list[Message]:
        """Return the bot's visible messages that reply to this one or are in its thread."""
        found = self.world.any_message(message)
        replies = [one for one in self.replies(found.channel_id) if one.reply_to == message]
        return replies + (self.replies(found.thread_id) if found.thread_id else [])

    @locked
    def responses_to(self, interaction: str) -> list[Message]:
        """Return the response to an interaction and its followups, ephemeral ones too."""
        known = self.world.interactions[interaction]
        messages = self.world.channels[known.channel_id].messages
        ids = [known.original_id or "", *known.followups]
        found = [messages[one] for one in ids if one in messages and one != known.message_id]
        return [copy.deepcopy(one) for one in found if not one.is_deleted and not one.is_loading]

    @locked
    def thinking(self, channel: str) -> list[Message]:
        """Return the loading messages ("is thinking…") in a channel."""
        messages = self.world.channels[channel].messages.values()
        return [copy.deepcopy(one) for one in messages if one.is_loading and not one.is_deleted]

    @locked
    def message(self, message: str) -> Message:
        """Return a message in its current state."""
        return copy.deepcopy(self.world.any_message(message))

    @locked
    def interaction(self, interaction: str) -> Interaction:
        """Return an interaction with its response type, choices and modal."""
        return copy.deepcopy(self.world.interactions[interaction])

    @locked
    def visible_counts(self, inputs: list[str]) -> dict[str, int]:
        """Return the number of visible replies to each message or interaction."""
        return {
            one: len(
                self.responses_to(one) if one in self.world.interactions else self.replies_to(one)
            )
            for one in inputs
        }

    @locked
    def threads(self, channel: str) -> list[str]:
        """Return the threads of a channel or forum."""
        return [one.channel_id for one in self.world.channels.values() if one.parent_id == channel]

    # --- notifications, errors, delays

    @locked
    def pings(self) -> list[Ping]:
        """Return every notification that the bot's messages caused."""
        return list(self.world.pings)

    @locked
    def invalid_requests(self) -> int:
        """Return the number of invalid requests in the last ten minutes."""
        return self.api.invalid.count

    @locked
    def identifies(self, hours: float = 1.0) -> int:
        """Return the number of IDENTIFYs in the last hours."""
        since = self.world.clock.monotonic() - hours * 3600
        return sum(moment > since for moment in self.api.identifies)

    @locked
    def late_heartbeats(self, tolerance_s: float = 0.5) -> list[Heartbeat]:
        """Return the heartbeats that were late by more than the tolerance."""
        return [
            heartbeat
            for heartbeat in self.gateway.sessions.heartbeats
            if heartbeat.late_s > tolerance_s
        ]

    @locked
    def latencies(self) -> list[float]:
        """Return the seconds until the response to each interaction, sorted; inf without one.

        Autocomplete is left out.
        """
        answered = [one for one in self.world.interactions.values() if one.kind != AUTOCOMPLETE]
        waits = [one.latency_s for one in answered]
        return sorted(float("inf") if wait is None else wait for wait in waits)

    # --- requests, commands, sessions

    @locked
    def requests_to(self, pattern: str) -> list[RecordedRequest]:
        """Return the requests whose route or path matches a pattern, as in `Fault`."""
        return [
            recorded
            for recorded in self.requests
            if fnmatchcase(recorded.route, pattern)
            or fnmatchcase(f"{recorded.route.split(' ')[0]} {recorded.path}", pattern)
        ]

    @locked
    def commands(self) -> dict[str, dict[str, Any]]:
        """Return the application commands by name."""
        return {one["name"]: copy.deepcopy(one) for one in self.world.commands.values()}

    @locked
    def command_writes(self) -> list[list[str]]:
        """Return the command names of each overwrite of the application commands."""
        return [names for _, names in self.api.command_writes]

    @locked
    def connected(self) -> int:
        """Return the number of connected shards."""
        sessions = self.gateway.sessions.all.values()
        return sum(one.connection is not None and one.is_valid for one in sessions)

    @locked
    def resumes(self) -> int:
        """Return how often sessions were resumed."""
        return sum(one.resumes for one in self.gateway.sessions.all.values())
