"""What a test may order: faults of requests and of the gateway, limits, and the time."""

from __future__ import annotations

from tests.emulators.common import locked
from tests.emulators.discord.inspection import Inspection
from tests.emulators.discord.traffic import Fault


class GatewayControls(Inspection):
    """The faults and limits of the virtual Discord."""

    rule = Fault

    # --- requests

    @locked
    def expire_links(self) -> None:
        """Let every link to a file answer 404; a message fetched again carries new ones."""
        self.world.link_key += 1

    @locked
    def clear_requests(self) -> None:
        """Empty the ledgers of requests, violations, pings and menus."""
        super().clear_requests()
        self.world.pings.clear()
        self.api.command_writes.clear()

    # --- the gateway

    @locked
    def send_reconnect(self) -> None:
        """Send op 7 to every connection."""
        for connection in list(self.gateway.connections):
            connection.send({"op": 7, "d": None})

    @locked
    def send_invalid_session(self, *, is_resumable: bool = False) -> None:
        """Send op 9. Without is_resumable the sessions are lost."""
        if not is_resumable:
            self.gateway.sessions.invalidate()
        for connection in list(self.gateway.connections):
            connection.send({"op": 9, "d": is_resumable})

    @locked
    def lose_sessions(self) -> None:
        """Forget the sessions and cut the lines: op 9 `false` meets each resume."""
        self.gateway.sessions.invalidate()
        self.drop()

    @locked
    def close_gateway(self, code: int = 4000) -> None:
        """Close every connection with a code."""
        for connection in list(self.gateway.connections):
            connection.close(code)

    @locked
    def drop(self) -> None:
        """Cut every connection of the gateway without a word."""
        for connection in list(self.gateway.connections):
            connection.drop()

    @locked
    def make_zombies(self) -> None:
        """Let the present connections stay open, silent and deaf: no ACK, no event, no end."""
        for connection in list(self.gateway.connections):
            connection.freeze()

    @locked
    def refuse_identify(self, code: int, count: int = 1) -> None:
        """Close the next connections that identify: 4004, 4013, 4014…"""
        self.gateway.refusals += [code] * count

    @locked
    def set_gateway_down(self, *, is_down: bool) -> None:
        """Take no connection at all, or again; those that are open stay."""
        self.gateway.is_down = is_down

    @locked
    def set_heartbeat(self, seconds: float) -> None:
        """Ask new connections for a heartbeat every so often."""
        self.gateway.heartbeat_s = seconds

    @locked
    def set_shards(self, count: int) -> None:
        """Let GET /gateway/bot ask for so many shards."""
        self.api.shards = count

    @locked
    def set_privileged(self, *names: str) -> None:
        """Grant only these privileged intents: MESSAGE_CONTENT, GUILD_MEMBERS, PRESENCES."""
        self.world.privileged = set(names)

    @locked
    def repeat_events(self, copies: int) -> None:
        """Tell each event so many times; 1 is right."""
        self.gateway.sessions.copies = copies

    @locked
    def hold_events(self) -> None:
        """Keep events back until `release_events`."""
        self.gateway.sessions.hold()

    @locked
    def release_events(self, *, is_shuffled: bool = False) -> None:
        """Tell what was kept back, in order or not."""
        self.gateway.sessions.release(is_shuffled=is_shuffled)
