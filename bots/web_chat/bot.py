"""The web chat as a platform: a page that this machine serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from types import MappingProxyType

import structlog
from starlette.types import ASGIApp

from bots.common.body_limit import BodyLimit
from bots.common.client_address import TrustedProxies
from bots.web_chat.access import AccessControl
from bots.web_chat.allowed_hosts import read_host_names
from bots.web_chat.api import Api
from bots.web_chat.app import build_app
from bots.web_chat.bodies import PageBodies
from bots.web_chat.events import Events
from bots.web_chat.login import build_logins
from bots.web_chat.operator import OperatorApi
from bots.web_chat.session import BrowserSessions
from bots.web_chat.wire import build_reply
from bots.web_chat.wording import NOT_ON_PAGE, WORDING
from bots.web_server import WebServer
from bots.web_server.health import build_health_app
from core.clock import CLOCK, Clock
from core.config import Settings
from core.errors import ChatGone, UserError
from core.inbox import Inbox
from core.interfaces import DeliveryTarget, Endpoint, Recording
from core.locale import mark
from core.models import PAGE, Chat, Membership, Message, Reply

__all__ = ["WebChat"]

#: The one part of a reply: a page shows it whole.
_WHOLE = 0
RECORDING_GONE = mark("This recording is no longer stored. Please send it again.")


class WebChat:
    """The web chat."""

    name = PAGE
    wording = WORDING
    operators: Set[str] = frozenset()
    hidden_commands: Set[str] = NOT_ON_PAGE
    endpoints: Mapping[str, Endpoint] = MappingProxyType({})
    #: A page has no voice channels.
    voice = None
    #: The empty page has one.
    needs_introduction = False
    is_locked: bool = False

    def __init__(self, settings: Settings, inbox: Inbox, clock: Clock = CLOCK) -> None:
        """Build the server. Raises ConfigError if others could reach it without a password."""
        host_names = read_host_names(settings)
        self.max_file_bytes = self.max_upload_bytes = settings.max_file_bytes
        self._inbox, self._clock = inbox, clock
        self._events = make_events(inbox, clock)
        sessions = BrowserSessions(inbox.web_sessions, self._events.end)
        logins = build_logins(settings, clock, sessions)
        routers = [login.build_router() for login in logins]
        self._has_operator = settings.admin_password is not None
        if self._has_operator:
            routers.append(OperatorApi(inbox, settings, clock).build_router())
        has_login = settings.web_password is not None
        most = settings.max_file_bytes
        api = Api(inbox, self._events, sessions, most, clock, has_login=has_login)
        self._pages = build_app(api, routers)
        #: The memory for bodies, which those to the API share.
        self.body_limit = BodyLimit()
        bodies = PageBodies(self._pages, self.body_limit, TrustedProxies(settings.trusted_proxies))
        #: The server of this process, on which other applications may be mounted, too.
        self.server = WebServer(settings, clock)
        guarded = AccessControl(bodies, host_names, logins, settings.api_cors_origins)
        self.server.mount("", guarded)
        health = build_health_app(inbox, is_public=has_login)
        #: What a process without a page serves: health checks and metrics, as guarded as the page.
        self.health: ASGIApp = AccessControl(health, host_names, logins)

    @property
    def url(self) -> str:
        """The address of the page, once `is_open` is set."""
        return self.server.url

    @property
    def is_open(self) -> asyncio.Event:
        """Set while the page is served."""
        return self.server.is_open

    @property
    def is_ready(self) -> bool:
        """Whether messages can be received."""
        return self.is_open.is_set()

    def mount(self, path: str, app: ASGIApp) -> None:
        """Serve another application below `path`, behind the page's access control.

        What needs none is mounted on `server`.
        """
        self._pages.mount(path, app)

    async def run(self) -> None:
        """Serve the page until cancelled. Raises ConfigError if the port is taken."""
        self.server.open()
        log = structlog.get_logger()
        log.info("web chat started", url=self.url)
        if self._has_operator:
            log.info("operator's view started", url=f"{self.url}/operator")
        else:
            log.info("operator's view is off: ADMIN_PASSWORD is not set")
        # For the person at the terminal: the log goes to stderr, often to a file.
        print(f"Open {self.url}", flush=True)
        self._events.listen()
        telling = asyncio.create_task(self._events.run())
        try:
            await self.server.run()
        finally:
            telling.cancel()

    async def connect(self) -> None:
        """Let the processes that serve the page know what happens here, until cancelled."""
        await self._events.run()

    async def fetch(self, message: Message) -> Recording:
        """Return the recording of the message or of the one it replies to.

        Raises UserError if it is no longer stored.
        """
        wanted = [message.message_id] if message.attachment else []
        if message.reply_to and message.reply_to.attachment:
            wanted.append(message.reply_to.message_id)
        for message_id in wanted:
            recording = await self._inbox.find_recording(message.chat, message_id)
            if recording is not None:
                return recording
        raise UserError(RECORDING_GONE)

    async def show(self, target: DeliveryTarget, text: str, *, is_lasting: bool = False) -> None:
        """Show partial text on the chat's open pages, and on pages opened before the reply."""
        self._events.show(target.message.chat, target.message.message_id, text)

    async def offer_cancel(self, target: DeliveryTarget) -> None:
        """Do nothing: a page shows the button from the beginning."""

    def play(self, target: DeliveryTarget, pcm: bytes, rate_hz: int) -> None:
        """Play streamed audio on the chat's open pages that this process serves."""
        self._events.play(target, pcm, rate_hz)

    async def deliver(self, target: DeliveryTarget, reply: Reply) -> None:
        """Show the reply. With no page open it counts as sent too: the history shows it later.

        Delivering twice is harmless: a page replaces the reply.
        """
        target.ledger.expect(1)
        await target.ledger.start(_WHOLE)
        message = target.message
        built = build_reply(target.job_id, reply)
        self._events.finish(message.chat, message.message_id, built)
        await target.ledger.finish(_WHOLE, message.message_id)

    async def explain_blindness(self, message: Message) -> str:
        """Return "": there are no groups."""
        return ""

    def is_allowed(self, message: Message) -> bool:
        """Return True: whoever opens the page may use it."""
        return True

    async def membership(self, chat: Chat, person_id: str, *, is_live: bool = False) -> Membership:
        """Return OWNER: a chat belongs to its sender alone."""
        return Membership.OWNER

    def is_ephemeral(self, message: Message) -> bool:
        """Return False: a chat belongs to its sender alone."""
        return False

    async def private_chat(self, person_id: str) -> Chat:
        """Raise ChatGone: a page cannot be written to unless it is open."""
        raise ChatGone("the web chat cannot start a conversation")

    async def close(self) -> None:
        """Let pages of other processes know of the last replies. The server stops with `run`."""
        await self._events.stop()


def make_events(inbox: Inbox, clock: Clock) -> Events:
    """Return the events of pages; where one process serves them all, they stay in its memory."""
    if not inbox.events.is_shared:
        return Events()
    # Loaded only where it is used.
    from bots.web_chat.shared_events import SharedEvents

    return SharedEvents(inbox.events, inbox.job_of, clock)
