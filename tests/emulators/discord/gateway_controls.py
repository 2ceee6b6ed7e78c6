"""Gateway faults and settings that a test can control: reconnects, sessions, shards, events."""

from __future__ import annotations

from tests.emulators.common import locked
from tests.emulators.discord.inspection import Inspection
from tests.emulators.discord.traffic import Fault


class GatewayControls(Inspection):
    """Control the gateway and the file links of the local Discord."""

    rule = Fault

    # --- requests

    @locked
    def expire_links(self) -> None:
        """Make every file URL answer 404; a message that is fetched again has new ones."""
        self.world.link_key += 1

    @locked
    def clear_requests(self) -> None:
        """Forget recorded requests, violations, pings and command overwrites."""
        super().clear_requests()
        self.world.pings.clear()
        self.api.command_writes.clear()

    # --- the gateway

    @locked
    def send_reconnect(self) -> None:
        """Send op 7 (Reconnect) to every connection."""
        for connection in list(self.gateway.connections):
            connection.send({"op": 7, "d": None})

    @locked
    def send_invalid_session(self, *, is_resumable: bool = False) -> None:
        """Send op 9 (Invalid Session); without is_resumable the sessions are lost."""
        if not is_resumable:
            self.gateway.sessions.invalidate()
        for connection in list(self.gateway.connections):
            connection.send({"op": 9, "d": is_resumable})

    @locked
    def lose_sessions(self) -> None:
        """Drop all connections and sessions, so that each RESUME gets op 9 `false`."""
        self.gateway.sessions.invalidate()
        self.drop()

    @locked
    def close_gateway(self, code: int = 4000) -> None:
        """Close every connection with a close code."""
        for connection in list(self.gateway.connections):
            connection.close(code)

    @locked
    def drop(self) -> None:
        """Reset every gateway connection."""
        for connection in list(self.gateway.connections):
            connection.drop()

    @locked
    def make_zombies(self) -> None:
        """Make the current connections zombies: open, without ACKs, events or a close."""
        for connection in list(self.gateway.connections):
            connection.freeze()

    @locked
    def refuse_identify(self, code: int, count: int = 1) -> None:
        """Close the next connections that identify with a close code: 4004, 4013, 4014…"""
        self.gateway.refusals += [code] * count

    @locked
    def set_gateway_down(self, *, is_down: bool) -> None:
        """Reject or accept new connections; open ones stay."""
        self.gateway.is_down = is_down

    @locked
    def set_heartbeat(self, seconds: float) -> None:
        """Set the heartbeat interval of new connections."""
        self.gateway.heartbeat_s = seconds

    @locked
    def set_shards(self, count: int) -> None:
        """Set the recommended number of shards in GET /gateway/bot."""
        self.api.shards = count

    @locked
    def set_privileged(self, *names: str) -> None:
        """Grant only these privileged intents: MESSAGE_CONTENT, GUILD_MEMBERS, PRESENCES."""
        self.world.privileged = set(names)

    @locked
    def repeat_events(self, copies: int) -> None:
        """Send each event that many times; 1 is normal."""
        self.gateway.sessions.copies = copies

    @locked
    def hold_events(self) -> None:
        """Hold events back until `release_events`."""
        self.gateway.sessions.hold()

    @locked
    def release_events(self, *, is_shuffled: bool = False) -> None:
        """Send the held events, in order or shuffled."""
        self.gateway.sessions.release(is_shuffled=is_shuffled)
