"""The web server of the process: what it accepts, how long it waits, and how it is run."""

from bots.web_server.client_limit import ClientLimit
from bots.web_server.listener import Listener, open_socket
from bots.web_server.serve import WebSocketProtocol, serve
from bots.web_server.server import WebServer

__all__ = ["ClientLimit", "Listener", "WebServer", "WebSocketProtocol", "open_socket", "serve"]
