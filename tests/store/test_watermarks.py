"""How far chats were read is kept over a restart, per platform and bot."""

from __future__ import annotations

from core.store import Store


async def test_the_newest_mark_of_each_chat_is_kept(store: Store) -> None:
    assert await store.watermarks.all("discord", "1") == {}
    await store.watermarks.move("discord", "1", {"10": "100", "20": "200"})
    await store.watermarks.move("discord", "1", {"10": "101"})
    await store.watermarks.move("discord", "2", {"10": "900"})
    assert await store.watermarks.all("discord", "1") == {"10": "101", "20": "200"}
    assert await store.watermarks.all("telegram", "1") == {}
