"""The web server: what it accepts, how long it waits, and how it is run."""

from bots.web_chat.server.client_limit import ClientLimit
from bots.web_chat.server.listener import Listener, open_socket
from bots.web_chat.server.serve import WebSocketProtocol, serve

__all__ = ["ClientLimit", "Listener", "WebSocketProtocol", "open_socket", "serve"]
