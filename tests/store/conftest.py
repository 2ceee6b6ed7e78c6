"""Jobs as tests of the store need them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core.models import Job
from core.picking import pick_command
from core.store import Store
from tests.conftest import NewMessage

Add = Callable[..., Awaitable[Job]]


@pytest.fixture
def add(store: Store, new_message: NewMessage) -> Add:
    """Take in the next message and return its job; `data` is its sound."""

    async def take_in(chat_id: str = "100", data: bytes | None = None, **changes: Any) -> Job:
        job = await store.intake.add(new_message(chat_id, **changes), pick_command, data)
        assert job
        return job

    return take_in
