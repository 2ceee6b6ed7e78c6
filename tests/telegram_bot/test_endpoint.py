"""The endpoint of the webhook alone: who is let in, and what is done with which body."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.telegram_bot.incoming.endpoint import BODY_S, MAX_BODY_BYTES, UpdateEndpoint
from bots.telegram_bot.poison import POISON_TRIES
from core.clock import Clock
from core.errors import StoreError
from tests.support.telegram_webhook import SECRET

UPDATE = {"update_id": 5, "message": {"text": "hello"}}
Headers = list[tuple[bytes, bytes]]
KEY = b"x-telegram-bot-api-secret-token"
JSON = (b"content-type", b"application/json")


class Caller:
    """The endpoint, and whoever calls it."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.failures: list[BaseException | None] = []
        self.endpoint = UpdateEndpoint(SECRET, self.take)
        self.endpoint.is_open = True
        #: Pieces of the body that were asked for.
        self.read = 0
        self.headers: dict[bytes, bytes] = {}

    async def take(self, raw: dict[str, Any]) -> None:
        self.taken.append(raw)
        if self.failures and (error := self.failures.pop(0)):
            raise error

    async def call(
        self, *pieces: bytes, headers: Headers | None = None, method: str = "POST", kind: str = ""
    ) -> int:
        """Send a request; return the status. After the pieces the client sends nothing more."""
        usual = [(KEY, SECRET.encode()), JSON]
        scope = {
            "type": kind or "http",
            "method": method,
            "headers": usual if headers is None else headers,
        }
        left, statuses = list(pieces), list[int]()

        async def receive() -> dict[str, Any]:
            self.read += 1
            if not left:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message: dict[str, Any]) -> None:
            if "status" in message:
                statuses.append(message["status"])
                self.headers = dict(message["headers"])

        await self.endpoint(scope, receive, send)
        [status] = statuses
        return status

    async def send(self, value: Any = UPDATE) -> int:
        return await self.call(json.dumps(value).encode())


@pytest.fixture
def caller(clock: Clock) -> Caller:
    return Caller()


async def test_an_update_is_committed_and_then_confirmed(caller: Caller) -> None:
    whole = json.dumps(UPDATE).encode()
    assert await caller.call(whole[:5], b"", whole[5:]) == 200
    assert caller.taken == [UPDATE] and b"connection" not in caller.headers


@pytest.mark.parametrize(
    "given",
    [
        [],
        [b""],
        [b"wrong"],
        [SECRET.encode()[:-1]],
        [SECRET.encode() + b"x"],
        [SECRET.lower().encode()],
        [SECRET.encode() * 1000],
        ["секрет".encode()],
        [b"\xff\x00"],
        [SECRET.encode(), SECRET.encode()],
        [b"wrong", SECRET.encode()],
    ],
    ids=lambda given: f"{len(given)} {given[0][:8]!r}" if given else "none",
)
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
async def test_without_the_secret_nothing_is_read(
    caller: Caller, given: list[bytes], method: str
) -> None:
    headers = [(KEY, one) for one in given]
    body = json.dumps(UPDATE).encode()
    with capture_logs() as logs:
        for more in ([], [JSON], [(b"content-type", b"text/plain")]):
            headers_given = [*headers, *more]
            assert await caller.call(body, headers=headers_given, method=method) == 403
    assert (caller.read, caller.taken) == (0, [])
    assert caller.headers[b"connection"] == b"close"
    # Strangers do not fill the log, and what they sent is not in it.
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("telegram_webhook_wrong_secret", "warning")
    ]
    assert len(logs[0]) == 2


async def test_the_secret_is_compared_in_constant_time(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return given == right

    monkeypatch.setattr("bots.telegram_bot.incoming.endpoint.hmac.compare_digest", compare)
    assert await caller.call(b"", headers=[(KEY, b"wrong")]) == 403
    assert await caller.send() == 200
    assert compared == [(b"wrong", SECRET.encode()), (SECRET.encode(), SECRET.encode())]


@pytest.mark.parametrize(
    ("status", "method", "headers"),
    [
        (405, "GET", [JSON]),
        (405, "PUT", [JSON]),
        (415, "POST", []),
        (415, "POST", [(b"content-type", b"text/plain")]),
        (415, "POST", [(b"content-type", b"application/x-www-form-urlencoded")]),
        (415, "POST", [JSON, (b"content-encoding", b"gzip")]),
        (415, "POST", [JSON, (b"content-encoding", b"br")]),
        (413, "POST", [JSON, (b"content-length", b"1048577")]),
        (413, "POST", [JSON, (b"content-length", b"9" * 400)]),
    ],
)
async def test_a_head_of_the_wrong_kind_is_refused_before_the_body(
    caller: Caller, status: int, method: str, headers: Headers
) -> None:
    given = [(KEY, SECRET.encode()), *headers]
    assert await caller.call(b"{}", headers=given, method=method) == status
    assert (caller.read, caller.headers[b"connection"]) == (0, b"close")
    assert caller.headers.get(b"allow") == (b"POST" if status == 405 else None)


DEEP = 100_000
BAD_BODIES = {
    "nothing": b"",
    "half": b'{"update_id": 5',
    "text": b"hello",
    "two": b'{"update_id": 5}{"update_id": 6}',
    "list": b'[{"update_id": 5}]',
    "null": b"null",
    "without an id": b'{"message": {}}',
    "id as text": b'{"update_id": "5"}',
    "id is true": b'{"update_id": true}',
    "id with a fraction": b'{"update_id": 5.0}',
    "a name twice": b'{"update_id": 5, "update_id": 6}',
    "a name twice below": b'{"update_id": 5, "message": {"a": 1, "a": 2}}',
    "NaN": b'{"update_id": 5, "message": NaN}',
    "endless number": b'{"update_id": ' + b"9" * 5000 + b"}",
    "deep lists": b'{"update_id": 5, "message": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"update_id": 5, "a": ' + b'{"a":' * DEEP + b"1" + b"}" * (DEEP + 1),
    "not UTF-8": b'{"update_id": 5, "message": "\xff"}',
    "UTF-16": '{"update_id": 5}'.encode("utf-16"),
    "packed": gzip.compress(b'{"update_id": 5}'),
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_malformed_body_is_refused(caller: Caller, name: str) -> None:
    assert await caller.call(BAD_BODIES[name]) == 400
    assert caller.taken == []
    assert await caller.send() == 200, "nothing is left of it"


async def test_a_body_is_read_up_to_the_limit(caller: Caller) -> None:
    piece = b" " * 65_536
    for count, status in ((16, 400), (17, 413), (1000, 413)):
        caller.read = 0
        assert await caller.call(*[piece] * count) == status
        assert caller.read == min(count, MAX_BODY_BYTES // len(piece) + 1)


async def test_a_body_that_breaks_off_or_stalls_is_refused(caller: Caller, clock: Clock) -> None:
    assert await caller.call() == 400
    started_s = clock.monotonic()

    async def stall() -> dict[str, Any]:
        await clock.sleep(10)
        return {"type": "http.request", "body": b" ", "more_body": True}

    statuses: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status", 0))

    scope = {"type": "http", "method": "POST", "headers": [(KEY, SECRET.encode()), JSON]}
    await caller.endpoint(scope, stall, send)
    assert (statuses[0], clock.monotonic() - started_s) == (408, BODY_S)


async def test_what_cannot_be_committed_comes_again(caller: Caller) -> None:
    caller.failures = [StoreError("locked"), OSError("full"), TimeoutError()] * 3
    with capture_logs() as logs:
        assert [await caller.send() for _ in range(9)] == [503] * 9
        assert not caller.endpoint.is_committing
        assert await caller.send() == 200
    assert caller.endpoint.is_committing
    assert {(log["event"], log["update_id"]) for log in logs} == {("telegram_not_committed", 5)}


async def test_an_update_that_our_code_fails_on_is_put_aside(caller: Caller) -> None:
    caller.failures = [ValueError("bug")] * POISON_TRIES
    with capture_logs() as logs:
        statuses = [await caller.send() for _ in range(POISON_TRIES)]
    assert statuses == [503] * (POISON_TRIES - 1) + [200]
    assert caller.endpoint.is_committing, "others are not affected"
    assert (logs[-1]["event"], logs[-1]["update_id"]) == ("telegram_update_skipped", 5)
    caller.failures = [ValueError("bug")]
    assert await caller.send() == 503, "the count begins anew"


async def test_few_failing_updates_are_remembered(caller: Caller) -> None:
    caller.failures = [ValueError("bug")] * 3000
    for update_id in range(3000):
        assert await caller.send({"update_id": update_id}) == 503
    assert len(caller.endpoint._tries) == 1000


async def test_before_the_start_and_after_the_end_updates_wait(caller: Caller) -> None:
    caller.endpoint.is_open = False
    assert await caller.send() == 503
    assert (caller.read, caller.taken) == (0, [])
    assert await caller.call(b"{}", headers=[JSON]) == 403, "of that strangers learn nothing"


async def test_sockets_are_closed(caller: Caller) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is read")

    await caller.endpoint({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
