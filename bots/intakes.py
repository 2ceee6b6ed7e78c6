"""What a process receives messages from, and the web server that some of that needs."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from core.clock import Clock
from core.config import Settings
from core.interfaces import Endpoint, Platform
from core.models import PAGE

if TYPE_CHECKING:
    from bots.web_server import WebServer


def find_health(platforms: Mapping[str, Platform], received: Collection[str]) -> Endpoint | None:
    """Return the application with health checks, None where the page has them."""
    return None if PAGE in received else getattr(platforms.get(PAGE), "health", None)


def list_intakes(
    settings: Settings,
    platforms: Mapping[str, Platform],
    clock: Clock,
    health: Endpoint | None = None,
) -> dict[str, Coroutine[Any, Any, None]]:
    """Return what receives messages, by name: the platforms, and the web server without a page.

    health: what that serves beside the endpoints of platforms.
    """
    intakes = {name: platform.run() for name, platform in platforms.items()}
    endpoints = {path: app for one in platforms.values() for path, app in one.endpoints.items()}
    server: WebServer | None = getattr(platforms.get(PAGE), "server", None)
    if server is None and (endpoints or health):
        # Loaded only where it is needed.
        from bots.web_server import WebServer

        server = WebServer(settings, clock)
        # Without endpoints the port may be that of another process on this machine.
        intakes["server"] = server.run() if endpoints else server.run_beside()
        if health:
            server.mount("", health)
    for path, app in endpoints.items():
        assert server is not None
        server.mount(path, app)
    return intakes
