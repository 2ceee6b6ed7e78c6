"""Keys, checked before the body is read; the log entry; the budget of each key."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from bots.common.api_keys import read_keys
from bots.openai_api.access import ApiKeys
from bots.openai_api.errors import ApiError
from bots.program import open_store
from core.errors import ConfigError
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support.openai_api_server import (
    KEY,
    OTHER_KEY,
    ApiServer,
    announce_body,
    make_settings,
    open_client,
)

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")

RIGHT = f"Authorization: Bearer {KEY}"
ROUTES = ("/v1/audio/transcriptions", "/v1/audio/speech", "/v1/chat/completions", "/v1/nothing")


@pytest.mark.parametrize("path", ROUTES)
async def test_request_without_a_key_is_refused_unread(api: ApiServer, path: str) -> None:
    status, error, head = await announce_body(api, path)
    told = (401, "authentication_error", "invalid_api_key")
    assert (status, error["type"], error["code"]) == told
    assert "www-authenticate: bearer" in head and "connection: close" not in head
    assert "x-request-id: req_" in head
    # A large body would have to be read to be got rid of.
    assert "connection: close" in (await announce_body(api, path, size=50_000_000))[2]


async def test_client_sending_a_body_gets_401(api: ApiServer) -> None:
    async with open_client(api, "sk-wrong") as client:
        for size in (1, 10_000, 900_000):
            files: Any = {"file": ("a.wav", bytes(size)), "model": (None, "whisper-1")}
            answer = await client.post("/audio/transcriptions", files=files)
            assert answer.status_code == 401


async def test_nothing_is_begun_while_the_program_is_paused(
    tmp_path: Path, mimo: MimoServer
) -> None:
    async with open_store(make_settings(tmp_path, mimo)) as store:
        await store.controls.pause("telegram:1", is_on=True)
    async with ApiServer(tmp_path, mimo) as server:
        for path in ROUTES[:3]:
            status, error, head = await announce_body(server, path, RIGHT)
            assert (status, error["type"], error["code"]) == (503, "server_error", "paused")
            assert "retry-after: 60" in head and "x-should-retry" not in head
        async with open_client(server) as client:
            assert (await client.get("/models")).status_code == 200
        async with open_client(server, "sk-wrong") as client:
            assert (await client.post("/audio/speech", json={})).status_code == 401
    assert mimo.requests == []


async def test_wrong_key_is_refused_unread(api: ApiServer) -> None:
    keys = ("sk-wrong", f"{KEY}x", KEY[:-1], "", f"alice={KEY}", "\u00e9\u00e9")
    lines = (f"Authorization: Basic {KEY}", f"Authorization: {KEY}", f"api-key: {KEY}x")
    for line in (*(f"Authorization: Bearer {key}" for key in keys), *lines):
        assert (await announce_body(api, ROUTES[0], line))[0] == 401, line


async def test_other_hosts_and_sites_are_refused_unread(api: ApiServer) -> None:
    for header, why in (
        ("Origin: http://evil.example", "Requests from other pages are refused."),
        ("Origin: null", "Requests from other pages are refused."),
        ("Sec-Fetch-Site: cross-site", "Requests from other pages are refused."),
        ("Host: evil.example", "This address is not served here."),
    ):
        status, error, _ = await announce_body(api, ROUTES[0], RIGHT, header)
        assert (status, error["message"], error["type"]) == (403, why, "invalid_request_error")


async def test_right_key_reaches_the_body(api: ApiServer) -> None:
    """The other side of the tests above: with the key, the server waits for the body."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10):
            await announce_body(api, "/v1/chat/completions", RIGHT)


async def test_scheme_is_case_insensitive(api: ApiServer) -> None:
    async with open_client(api, key="") as client:
        for given in (f"bearer {KEY}", f"BEARER  {OTHER_KEY}"):
            answer = await client.get("/models", headers={"Authorization": given})
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"


async def test_wrong_methods_and_paths_use_the_envelope(http: AsyncClient) -> None:
    answer = await http.get("/audio/speech")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert (await http.post("/audio/speech", content=b"{}")).status_code == 415
    answer = await http.post("/audio/transcriptions", json={})
    assert answer.status_code == 415 and "multipart/form-data" in answer.json()["error"]["message"]


async def test_keys_are_read(tmp_path: Path) -> None:
    listed = f" alice={KEY}, bob={OTHER_KEY}=x ,"
    keys = read_keys(listed)
    assert [key.name for key in keys] == ["alice", "bob"]
    assert KEY not in repr(keys)
    for held, header in ((listed, "Bearer "), (listed, f"Basic {KEY}"), ("", ""), ("", "Bearer ")):
        settings = make_settings(tmp_path, None, api_keys=held)
        with pytest.raises(ApiError, match="Incorrect API key"):
            await ApiKeys(settings).admit(header)
    api_keys = ApiKeys(make_settings(tmp_path, None, api_keys=listed))
    assert await api_keys.admit(f"Bearer {OTHER_KEY}=x") == "bob"


@pytest.mark.parametrize(
    "listed",
    [KEY, f"={KEY}", "alice=short", f"a b={KEY}", f"alice={KEY},alice={OTHER_KEY}",
     f"alice={KEY},bob={KEY}", f"alice={KEY} x"],
)  # fmt: skip
async def test_config_error_contains_no_key(listed: str) -> None:
    with pytest.raises(ConfigError, match=r"^API_KEYS: ") as caught:
        read_keys(listed)
    assert KEY not in str(caught.value) and "short" not in str(caught.value)


async def test_request_leaves_one_log_entry_without_content(
    http: AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    words = "The eagle lands at nine"
    speech = {"model": "tts-1", "input": words, "voice": words}
    assert (await http.post("/audio/speech", json=speech)).status_code == 400
    sound = make_recording([901, 902])
    files: Any = {"file": (words, sound), "model": (None, "whisper-1")}
    answer = await http.post("/audio/transcriptions", files=files)
    request_id = answer.headers["x-request-id"]
    log = ""
    async with asyncio.timeout(30):
        # The entry is logged after the response.
        while request_id not in log:
            log += "".join(capfd.readouterr())
            await asyncio.sleep(0.01)
    ours = [line for line in log.splitlines() if request_id in line]
    assert len(ours) == 1
    for part in ("alice", "/audio/transcriptions", "200"):
        assert part in ours[0]
    for secret in (words, "w901", KEY):
        assert secret not in log


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(
    mimo_server: MimoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiServer]:
    """A server whose keys may make ten requests and use a minute of audio."""
    home: Path = tmp_path_factory.mktemp("poor")
    limits = {"api_requests_per_minute": 10, "budget_key": "1 min/day"}
    async with ApiServer(home, mimo_server, **limits) as server:
        yield server


async def test_each_key_has_its_own_budget(limited: ApiServer, mimo: MimoServer) -> None:
    async with open_client(limited, key="") as client:
        alice, bob = ({"Authorization": f"Bearer {key}"} for key in (KEY, OTHER_KEY))
        files: Any = {"file": ("a.wav", make_recording([1] * 59)), "model": (None, "whisper-1")}
        answer = await client.post("/audio/transcriptions", files=files, headers=alice)
        assert answer.status_code == 200, answer.text
        speech = {"model": "tts-1", "input": "One more word."}
        other: Any = {"file": ("b.wav", make_recording([2] * 59)), "model": (None, "whisper-1")}
        more: Any = {"/audio/transcriptions": {"files": other}, "/audio/speech": {"json": speech}}
        for path, body in more.items():
            answer = await client.post(path, headers=alice, **body)
            assert answer.status_code == 429
            error = answer.json()["error"]
            assert (error["type"], error["code"]) == ("rate_limit_error", "insufficient_quota")
            assert 0 < int(answer.headers["retry-after"]) <= 24 * 3600
        # What is spent is known after a restart as well, and it is alice's alone.
        answer = await client.post("/audio/speech", headers=bob, json=speech)
        assert answer.status_code == 200
        statuses = [(await client.get("/models", headers=bob)).status_code for _ in range(11)]
        assert statuses == [200] * 9 + [429] * 2
        answer = await client.get("/models", headers=bob)
        error = answer.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert (await client.get("/models", headers=alice)).status_code == 200


@pytest.mark.finding(28)
async def test_pages_of_allowed_sites_may_use_the_api(mimo: MimoServer, tmp_path: Path) -> None:
    """Only the API, only from these sites, and only with a key."""
    ours, other = {"Origin": "https://app.example"}, {"Origin": "https://evil.example"}
    cross = {"Sec-Fetch-Site": "cross-site"}
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with (
        ApiServer(tmp_path, mimo, api_cors_origins="https://app.example") as server,
        open_client(server) as client,
        open_client(server, key="") as stranger,
    ):
        preflight = await stranger.options("/audio/speech", headers={**ours, **cross, **asked})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
        answer = await client.get("/models", headers={**ours, **cross})
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        assert (await stranger.get("/models", headers={**ours, **cross})).status_code == 401
        assert (await client.get("/models", headers={**other, **cross})).status_code == 403
        assert (await stranger.options("/models", headers={**other, **asked})).status_code == 403
        page = await client.get(f"{server.origin}/api/chats", headers={**ours, **cross})
        assert page.status_code == 403


@pytest.mark.finding(28)
async def test_stored_results_are_not_charged(mimo: MimoServer, tmp_path: Path) -> None:
    """The same again costs nobody anything, so it takes nothing of a budget either."""
    part: Any = {"type": "input_audio", "input_audio": {"format": "wav"}}
    part["input_audio"]["data"] = base64.b64encode(make_recording([4] * 25)).decode()
    question = {"role": "user", "content": [part, {"type": "text", "text": "What is it?"}]}
    ask = {"model": "gpt-audio", "messages": [question]}
    files: Any = {"file": ("a.wav", make_recording([3] * 25)), "model": (None, "whisper-1")}
    async with (
        ApiServer(tmp_path, mimo, budget_key="1 min/day") as server,
        open_client(server) as client,
    ):
        for _ in range(4):
            answer = await client.post("/audio/transcriptions", files=files)
            assert answer.status_code == 200, answer.text
            assert (await client.post("/chat/completions", json=ask)).status_code == 200
        # What is left is held for speech that may be half as long again as expected.
        speech = [{"model": "tts-1", "input": "A word to end the minute. " * n} for n in (2, 10)]
        statuses = [(await client.post("/audio/speech", json=s)).status_code for s in speech]
        assert statuses == [200, 429]


async def test_keys_and_password_are_separate(mimo: MimoServer, tmp_path: Path) -> None:
    """A key is valid for the API alone; the page's password is not valid there."""
    async with ApiServer(tmp_path, mimo, web_password="the password of the page") as server:
        for secret, api, page in ((KEY, 200, 401), ("the password of the page", 401, 200)):
            async with open_client(server, secret) as client:
                assert (await client.get("/models")).status_code == api
                assert (await client.get(f"{server.origin}/metrics")).status_code == page


async def test_off_without_keys(mimo: MimoServer, tmp_path: Path) -> None:
    async with ApiServer(tmp_path, mimo, api_keys=None) as server, open_client(server) as client:
        assert (await client.get("/models")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get(f"{server.origin}/livez")).status_code == 200


async def test_other_endpoints_are_missing(http: AsyncClient) -> None:
    """No batches, no files."""
    for path in ("/batches", "/files", "/completions", "/images/generations"):
        answer = await http.post(path, json={"model": "x", "input": "y"})
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "not_found_error"
