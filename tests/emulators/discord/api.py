"""REST API requests: shared state, parameters and body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.discord.errors import bad_field
from tests.emulators.discord.traffic import InvalidRequests, Limits, RecordedRequest
from tests.emulators.discord.world import World


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file."""

    name: str
    data: bytes


@dataclass(slots=True)
class Api:
    """State that the routes share."""

    world: World
    limits: Limits
    invalid: InvalidRequests
    #: Nonce -> message id and when it was sent.
    nonces: dict[str, tuple[str, float]] = field(default_factory=dict)
    #: Every overwrite of the application commands: the route and the names.
    command_writes: list[tuple[str, list[str]]] = field(default_factory=list)
    #: Times of IDENTIFY, in monotonic seconds.
    identifies: list[float] = field(default_factory=list)
    shards: int = 1
    gateway_url: str = ""


@dataclass(slots=True)
class ApiRequest:
    """A request in progress."""

    api: Api
    recorded: RecordedRequest
    params: dict[str, str]
    query: dict[str, str]
    body: Any = None
    uploads: dict[str, Upload] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The state of the local Discord."""
        return self.api.world

    @property
    def form(self) -> dict[str, Any]:
        """The JSON body as an object. Raises ApiError 50035."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise bad_field("_", "MODEL_TYPE_CONVERT", "Only dictionaries may be used.")
        return self.body

    def number(self, name: str, default: int, most: int) -> int:
        """Return an integer query parameter between 1 and `most`. Raises ApiError 50035."""
        text = self.query.get(name, str(default))
        if not text.isdigit() or not 1 <= int(text) <= most:
            raise bad_field(name, "NUMBER_TYPE_MAX", f"int value should be 1 to {most}.")
        return int(text)


ApiResponse = tuple[int, Any]
RouteFunction = Callable[[ApiRequest], ApiResponse]
NO_CONTENT: ApiResponse = (204, None)


def file_fields(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of an attachment in a request, as fields of File."""
    return {"duration_s": entry.get("duration_secs"), "waveform": entry.get("waveform")}
