"""Several receivers behind one address: updates come to any of them, more than once, to both."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
import urllib.error
import urllib.request

import pytest

from tests.chaos.conftest import IS_LONG
from tests.chaos.many_processes.cluster import Cluster
from tests.chaos.many_processes.test_frozen import check, send
from tests.chaos.notes import Notes, make_notes
from tests.chaos.report import add_table
from tests.support.telegram_webhook import HEADERS, SECRET, build_url, find_port

pytestmark = [pytest.mark.chaos, pytest.mark.real_time]

NOTES = 24 if IS_LONG else 6
#: A request for what is committed already.
MAX_S = 0.1


def set_webhook(cluster: Cluster) -> list[int]:
    """Let all intakes receive updates, behind the address of the first; return their ports."""
    ports = [find_port() for _ in cluster.intakes]
    address = build_url(ports[0]).removesuffix("/telegram/webhook")
    for one in cluster.processes:
        one.settings |= {"TELEGRAM_WEBHOOK_URL": address, "TELEGRAM_WEBHOOK_SECRET": SECRET}
    for one, port in zip(cluster.intakes, ports, strict=True):
        one.settings["WEB_PORT"] = str(port)
    return ports


def post(port: int, host: str, body: bytes) -> tuple[int, float]:
    """Deliver an update to one receiver; return the status, 0 for none, and the seconds."""
    request = urllib.request.Request(build_url(port), body, HEADERS | {"Host": host})
    began_s = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, time.monotonic() - began_s
    except urllib.error.HTTPError as error:
        return error.code, time.monotonic() - began_s
    except OSError:
        return 0, time.monotonic() - began_s


async def test_what_comes_to_both_and_again_is_answered_once(cluster: Cluster) -> None:
    random.seed(17)
    telegram = cluster.telegram
    ports = set_webhook(cluster)
    host = f"127.0.0.1:{ports[0]}"
    notes: Notes = {}
    sounds = await make_notes(range(1, NOTES + 1))
    await cluster.start()
    first = telegram.queue.next_id
    send(telegram, sounds, notes)
    bodies = [json.dumps(telegram.queue.find(first + number)).encode() for number in range(NOTES)]
    copies = [
        (port, host, body) for body in bodies for port in ports for _ in range(random.randint(1, 3))
    ]
    random.shuffle(copies)
    half = len(copies) // 2
    given = asyncio.gather(*(asyncio.to_thread(post, *one) for one in copies[:half]))
    # Telegram itself delivers to the first one, too, which is killed meanwhile.
    await asyncio.sleep(random.uniform(0.0, 0.2))
    await cluster.intakes[0].kill()
    statuses = [status for status, _ in await given]
    await cluster.start()
    again = [await asyncio.to_thread(post, *one) for one in copies[half:]]
    assert {status for status, _ in again} == {200} and set(statuses) <= {0, 200}
    assert await cluster.settle(NOTES) == {"done": NOTES}
    late_s = [(await asyncio.to_thread(post, ports[1], host, body))[1] for body in bodies]
    add_table(
        f"{NOTES} updates, each up to six times, to two receivers",
        ("requests", "seconds of a repeated one, p50", "max"),
        [(len(copies), f"{statistics.median(late_s):.3f}", f"{max(late_s):.3f}")],
    )
    assert statistics.median(late_s) < MAX_S
    check(cluster, notes, "one of two receivers of a webhook killed")
    assert not telegram.requests_to("getUpdates") and SECRET not in cluster.whole_log
