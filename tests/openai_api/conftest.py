"""One server with the endpoints and the local MiMo for all tests of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Literal

import pytest
import pytest_asyncio
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.support.openai_api_server import KEY, ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

LOOP: Literal["session"] = "session"


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def mimo_server() -> AsyncIterator[MimoServer]:
    async with MimoServer() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def api(
    mimo_server: MimoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiServer]:
    async with ApiServer(tmp_path_factory.mktemp("api"), mimo_server) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope=LOOP)
async def strict_api(
    mimo_server: MimoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiServer]:
    """A server that refuses what it does not know."""
    home = tmp_path_factory.mktemp("strict")
    async with ApiServer(home, mimo_server, api_lenient=False) as server:
        yield server


@pytest.fixture
def mimo(mimo_server: MimoServer) -> MimoServer:
    """The local MiMo, reset."""
    mimo_server.reset()
    return mimo_server


@pytest_asyncio.fixture(loop_scope=LOOP)
async def http(api: ApiServer, mimo: MimoServer) -> AsyncIterator[AsyncClient]:
    async with open_client(api) as client:
        yield client


@pytest_asyncio.fixture(loop_scope=LOOP)
async def strict_http(strict_api: ApiServer, mimo: MimoServer) -> AsyncIterator[AsyncClient]:
    async with open_client(strict_api) as client:
        yield client


@pytest_asyncio.fixture(loop_scope=LOOP)
async def client(api: ApiServer, mimo: MimoServer) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's own client; it tries nothing twice, so that each error is seen."""
    # It takes a second to load: only where it is asked for.
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    bare = DefaultAsyncHttpxClient(verify=False)
    async with AsyncOpenAI(
        base_url=api.base_url, api_key=KEY, max_retries=0, http_client=bare
    ) as client:
        yield client
