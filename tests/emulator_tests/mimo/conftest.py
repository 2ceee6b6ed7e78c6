"""The local MiMo server in a thread, and a plain HTTP client of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.emulators.mimo import MimoServer


@pytest.fixture
def server(_mimo: MimoServer) -> MimoServer:
    _mimo.reset()
    return _mimo


@pytest.fixture
def client(server: MimoServer) -> Iterator[httpx.Client]:
    key = {"api-key": server.key}
    with httpx.Client(base_url=server.base_url, headers=key, verify=False, timeout=20) as client:
        yield client
