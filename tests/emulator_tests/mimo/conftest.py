"""The local MiMo, in a thread: these tests call it as plain programs do."""

from __future__ import annotations

import pytest

from tests.emulators.mimo import MimoServer


@pytest.fixture
def server(_mimo: MimoServer) -> MimoServer:
    _mimo.reset()
    return _mimo
