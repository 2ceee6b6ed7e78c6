"""The wall around the decoder: what the child may not do, and random damage."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time

import pytest

from core.audio import Media
from core.errors import BadAudio, TooLong
from core.interfaces import TranscriberLimits
from tests.support.sounds import KINDS, file, speech

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LOCKED = """
import socket, sys
sys.argv = ["", str(512 * 2**20)]
from core.audio import worker
{setup}
def attempt(*_):
    {attempt}
    print("free")
worker.serve = attempt
worker.main()
"""


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("open('/etc/passwd')", "Too many open files"),
        ("open('/tmp/canary-of-a-test', 'w')", "Too many open files"),
        ("socket.socket()", "Too many open files"),
        ("socket.create_connection(('127.0.0.1', 9))", "Too many open files"),
        ("bytearray(10 * 2**30)", "MemoryError"),
        ("subprocess.run(['/bin/true'], stdin=-1)", "Too many open files"),
    ],
)
async def test_child_is_locked_up(attempt: str, error: str) -> None:
    code = _LOCKED.format(attempt=attempt, setup="import subprocess")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert done.returncode == 1
    assert "free" not in done.stdout
    assert error in done.stderr


async def test_child_that_computes_for_ever_is_ended() -> None:
    code = _LOCKED.format(
        setup="worker_cpu = worker._limit_cpu", attempt="worker_cpu(0.1)\n    while True: pass"
    )
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, cwd="/")
    assert done.returncode == -24
    assert time.perf_counter() - begun < 10


def damage(data: bytes, draw: random.Random) -> bytes:
    hurt = bytearray(data)
    for _ in range(draw.choice([1, 3, 20, 200])):
        at = draw.randrange(len(hurt))
        match draw.randrange(5):
            case 0:
                hurt[at] = draw.randrange(256)
            case 1:
                hurt[at] ^= 1 << draw.randrange(8)
            case 2:
                del hurt[at : at + draw.randrange(1, 64)]
            case 3:
                hurt[at:at] = hurt[: draw.randrange(1, 64)]
            case 4:
                hurt[at : at + 4] = draw.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
        hurt = hurt or bytearray(b"\0")
    return bytes(hurt)


async def test_random_damage(media: Media) -> None:
    """Each file ends in a sentence or in sound, soon; the children live on."""
    draw = random.Random(20)
    seeds = [file(kind, speech(1)) for kind in KINDS]
    files = [damage(draw.choice(seeds), draw) for _ in range(600)]
    slots, results = asyncio.Semaphore(4), {"sound": 0, "refused": 0}

    async def one(data: bytes) -> None:
        async with slots:
            begun = time.perf_counter()
            try:
                async for piece in media.pieces(data, TranscriberLimits()):
                    assert piece.audio.duration_s < 600
                results["sound"] += 1
            except (BadAudio, TooLong):
                results["refused"] += 1
            assert time.perf_counter() - begun < 15

    await asyncio.gather(*(one(data) for data in files))
    assert results["sound"] > 100 and results["refused"] > 20
