"""A group on the whole road, as most commands need it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.store import Store
from tests.support.group_talk import Group, group_on


@pytest.fixture
async def group(store: Store) -> AsyncIterator[Group]:
    async with group_on(store) as group:
        yield group
