"""One server with the endpoints, and the local MiMo behind it, for all tests of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from openai import AsyncOpenAI

from tests.emulators.mimo import MimoServer
from tests.support.openai_api_server import KEY, ApiServer


@pytest.fixture(scope="session")
def mimo_server() -> Iterator[MimoServer]:
    server = MimoServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def api(mimo_server: MimoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    home: Path = tmp_path_factory.mktemp("api")
    with ApiServer(home, mimo_server) as server:
        yield server


@pytest.fixture
def mimo(mimo_server: MimoServer) -> MimoServer:
    """The local MiMo, as new."""
    mimo_server.reset()
    return mimo_server


@pytest.fixture
async def client(api: ApiServer, mimo: MimoServer) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's own client; it tries nothing twice, so that each error is seen."""
    async with AsyncOpenAI(base_url=api.base_url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
async def http(api: ApiServer, mimo: MimoServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    # Without certificates, which take longer to be loaded than most of these tests.
    async with httpx.AsyncClient(
        base_url=api.base_url, headers=headers, timeout=60, verify=False
    ) as client:
        yield client
