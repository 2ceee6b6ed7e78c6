"""HTTP connections with deadlines for clients that are slow on purpose."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: In which the whole head of a request has to arrive, however it trickles in.
HEAD_S = 10.0
#: In which the rest of a body has to arrive that nobody reads, after the response.
REST_S = 30.0
#: In which a client has to read some 50 KB of a response.
STALL_S = 120.0


class _UnambiguousConnection(h11.Connection):
    """Refuses requests with a length and chunks too, as RFC 9112, section 6.1, allows.

    A proxy in front could see another end of the body. h11 itself refuses all else that has two.
    """

    def next_event(self) -> Any:
        """Return the next event. Raises RemoteProtocolError, which becomes status 400."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding")
        return event


class HttpProtocol(H11Protocol):
    """One connection. uvicorn itself has a deadline for silence between requests only.

    A body that the application reads has deadlines of its own.
    """

    _deadline: asyncio.TimerHandle | None = None
    _deadline_s: float | None = None
    _stall: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _UnambiguousConnection(h11.SERVER)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Start to wait for the next request."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Start to wait for the client to read."""
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        self._stop_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for anything."""
        super().connection_lost(exc)
        self._stop_stall()
        self._stop_deadline()

    def _watch(self) -> None:
        """Start the deadline of what the client has to send now; more of the same keeps it."""
        deadline_s, state = None, self.conn.their_state
        is_idle = self.cycle is None or self.cycle.response_complete
        # A WebSocket has a protocol of its own, with pings.
        is_ours = self.transport.get_protocol() is self
        if is_idle and is_ours and not self.transport.is_closing():
            # Between two requests uvicorn's own timer runs, until something arrives.
            is_resting = self.timeout_keep_alive_task is not None
            head_s = None if is_resting else HEAD_S
            deadline_s = {h11.IDLE: head_s, h11.SEND_BODY: REST_S}.get(state)
        if deadline_s == self._deadline_s:
            return
        self._stop_deadline()
        if deadline_s:
            self._deadline_s = deadline_s
            self._deadline = self.loop.call_later(deadline_s, self._give_up)

    def _stop_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline_s, self._deadline = None, None

    def _give_up(self) -> None:
        """Close the connection, with a response if the client began a request."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._refuse_head()
        self.transport.close()

    def _refuse_head(self) -> None:
        status, text = HTTPStatus.REQUEST_TIMEOUT, b"The request did not arrive in time.\n"
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(text))),
            ("Connection", "close"),
        ]
        response = h11.Response(status_code=status, headers=headers, reason=status.phrase)
        for event in (response, h11.Data(data=text), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")

    def _stop_stall(self) -> None:
        if self._stall:
            self._stall.cancel()
            self._stall = None
