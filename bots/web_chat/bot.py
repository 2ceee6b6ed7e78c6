"""The web chat: a page on this machine, for one person who need not have any other platform."""

from __future__ import annotations

import asyncio

import structlog
from starlette.types import ASGIApp

from bots.web_chat.access import AccessControl
from bots.web_chat.allowed_hosts import read_host_names, shown_host
from bots.web_chat.api import Api
from bots.web_chat.app import build_app
from bots.web_chat.events import Events
from bots.web_chat.login import build_logins
from bots.web_chat.operator import OperatorApi
from bots.web_chat.server import open_socket, serve
from bots.web_chat.wire import build_reply
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ChatGone, UserError
from core.inbox import Inbox
from core.interfaces import DeliveryTarget
from core.locale import mark
from core.models import Chat, Message, Reply

__all__ = ["WebChat"]

#: The part that a whole reply is: a page shows it in one piece.
_WHOLE = 0
RECORDING_GONE = mark("This recording is no longer stored. Please send it again.")


class WebChat:
    """The platform of the page."""

    name = "web"
    #: A page has none.
    voice = None

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock = CLOCK) -> None:
        """Raises ConfigError if the page would be open to others without a password."""
        host_names = read_host_names(settings)
        self._host = settings.web_host
        self._port = settings.web_port
        self._inbox = inbox
        self._events = Events()
        logins = build_logins(settings, clock)
        routers = [login.build_router() for login in logins]
        self._has_operator = settings.admin_password is not None
        if self._has_operator:
            routers.append(OperatorApi(inbox, settings, clock).build_router())
        api = Api(inbox, self._events, clock, has_login=settings.web_password is not None)
        self._pages = build_app(api, routers)
        self._app = AccessControl(self._pages, host_names, logins)
        #: Where the page is, once `is_open` is set.
        self.url = ""
        self.is_open = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """True while messages can come in."""
        return self.is_open.is_set()

    def mount(self, path: str, app: ASGIApp) -> None:
        """Serve another application below `path`, behind the same gate."""
        self._pages.mount(path, app)

    async def run(self) -> None:
        """Serve the page until cancelled. Raises ConfigError if the port is taken."""
        listener = open_socket(self._host, self._port)
        host = shown_host(self._host)
        self.url = f"http://{host}:{listener.getsockname()[1]}"
        self.is_open.set()
        log = structlog.get_logger()
        log.info("the web chat is open", url=self.url)
        if self._has_operator:
            log.info("the operator's view is open", url=f"{self.url}/operator")
        else:
            log.info("the operator's view is off: ADMIN_PASSWORD is not set")
        # For the person who started it: the log goes to stderr, often to a file.
        print(f"Open {self.url}", flush=True)
        try:
            await serve(self._app, listener)
        finally:
            self.is_open.clear()

    async def fetch(self, message: Message) -> bytes:
        """Return the uploaded sound of the message or of the one it answers.

        Raises UserError if it is no longer kept.
        """
        wanted = [message.message_id] if message.attachment else []
        if message.reply_to and message.reply_to.attachment:
            wanted.append(message.reply_to.message_id)
        for message_id in wanted:
            data = await self._inbox.blob(message.chat, message_id)
            if data is not None:
                return data
        raise UserError(RECORDING_GONE)

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show the text so far on the chat's open pages, and on those that open before the end."""
        self._events.show(target.message.chat, target.message.message_id, text)

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Let the chat's open pages play the sound as it comes."""
        self._events.play(target, pcm, rate_hz)

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Show the reply. It counts as sent when no page is open: the history shows it later.

        To repeat it is harmless: a page puts it where it was.
        """
        await target.ledger.start(_WHOLE)
        message = target.message
        built = build_reply(target.job_id, reply)
        self._events.finish(message.chat, message.message_id, built)
        await target.ledger.finish(_WHOLE, message.message_id)

    async def is_admin(self, message: Message) -> bool:
        """Tell that the sender may change the chat's settings: it is theirs alone."""
        return True

    async def private_chat(self, person_id: str) -> Chat:
        """Raise ChatGone: a page is there only while somebody looks at it."""
        raise ChatGone("the page writes to nobody unasked")

    async def close(self) -> None:
        """Hold nothing: the server ends with `run`."""
