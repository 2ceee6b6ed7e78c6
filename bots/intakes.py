"""What a process receives messages from, and the web server that some of that needs."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bots.parts import HEALTH_PORTS, Part
from core.clock import Clock
from core.config import Settings
from core.interfaces import Endpoint, Platform
from core.models import PAGE

if TYPE_CHECKING:
    from bots.web_server import WebServer

_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class HealthEndpoint:
    """The application with health checks of a process without a page, and its port."""

    app: Endpoint
    port: int


def find_health(
    settings: Settings, parts: Collection[Part], platforms: Mapping[str, Platform]
) -> HealthEndpoint | None:
    """Return where a process answers health checks, None where its page does."""
    app: Endpoint | None = getattr(platforms.get(PAGE), "health", None)
    if Part.WEB in parts or app is None:
        return None
    after = max(HEALTH_PORTS.get(part, 0) for part in parts)
    # 0 is any port that is free.
    port = min(_LAST_PORT, settings.web_port + after) if settings.web_port else 0
    return HealthEndpoint(app, port)


def list_intakes(
    settings: Settings,
    platforms: Mapping[str, Platform],
    clock: Clock,
    health: HealthEndpoint | None = None,
) -> dict[str, Coroutine[Any, Any, None]]:
    """Return what receives messages, by name: the platforms, and the web server without a page.

    health: is served by the same server as the endpoints of platforms, on WEB_PORT, if there are
    any.
    """
    intakes = {name: platform.run() for name, platform in platforms.items()}
    endpoints = {path: app for one in platforms.values() for path, app in one.endpoints.items()}
    server: WebServer | None = getattr(platforms.get(PAGE), "server", None)
    if server is None and (endpoints or health):
        # Loaded only where it is needed.
        from bots.web_server import WebServer

        server = WebServer(settings, clock, health.port if health and not endpoints else None)
        # Another process on this machine may have the port of health checks.
        intakes["server"] = server.run() if endpoints else server.run_beside()
        if health:
            server.mount("", health.app)
    for path, app in endpoints.items():
        assert server is not None
        server.mount(path, app)
    return intakes
