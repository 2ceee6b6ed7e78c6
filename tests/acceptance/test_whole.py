"""What holds over the whole run: memory, files, secrets, words. The last file of the folder."""

from __future__ import annotations

import time

import pytest

from tests.acceptance.rows import row
from tests.acceptance.stage import CONTENT, SECRETS, Stage, WatchedBot
from tests.acceptance.watch import LIMIT_BYTES, MemoryWatch

pytestmark = pytest.mark.asyncio(loop_scope="session")


@row("whole-1-alive", "after all rows: a note and /help are answered, /help within 2 s")
async def test_still_alive(stage: Stage, row: str) -> None:
    ann = stage.person()
    _, number = await stage.send_note(ann)
    await stage.check_answer(ann, number)
    begun_s = time.monotonic()
    assert await stage.is_alive()
    assert time.monotonic() - begun_s < 2


@row("whole-2-memory", "memory of each process tree: below 512 MB in every sample")
async def test_memory(stage: Stage, row: str, watch: MemoryWatch) -> None:
    assert watch.samples > 10
    assert 20 * 2**20 < watch.peak_bytes < LIMIT_BYTES
    print(f"peak {watch.peak_bytes / 2**20:.0f} MB in {watch.samples} samples")


@row("whole-3-files", "temporary files: 0; nothing beside the database, its key and its lock")
async def test_files(stage: Stage, row: str, bots: list[WatchedBot]) -> None:
    known = ("hearsay.db", "hearsay.lock", "secret.key", "backup")
    for bot in bots:
        assert not list(bot.temp.iterdir())
        left = [path.name for path in bot.home.iterdir() if not path.name.startswith(known)]
        assert not left


@row("whole-4-secrets", "token and keys: in no log at DEBUG, in no message to anybody")
async def test_secrets(stage: Stage, row: str, bots: list[WatchedBot]) -> None:
    assert any('"level": "debug"' in bot.whole_log for bot in bots)
    for bot in bots:
        log = bot.whole_log
        assert "telegram_started" in log
        for secret in SECRETS:
            assert secret not in log
            assert not any(secret in str(call.params) for call in bot.telegram.calls)


@row("whole-5-words", "what people say, write and are called: in no log at DEBUG")
async def test_words(stage: Stage, row: str, bots: list[WatchedBot]) -> None:
    heard = {call.text for call in stage.mimo.calls if len(call.text) > 6}
    assert any(CONTENT in text for text in heard)
    for bot in bots:
        log = bot.whole_log
        assert CONTENT not in log
        assert not [text for text in heard if text in log]
