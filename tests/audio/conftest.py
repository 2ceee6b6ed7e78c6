"""One pool for each module of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from core.audio import Media


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def media() -> AsyncIterator[Media]:
    media = Media(workers=2)
    yield media
    await media.close()
