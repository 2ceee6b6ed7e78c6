"""What the metrics tell, and to whom."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest

from bots.web_chat import WebChat
from core.config import Settings
from core.models import JobState
from tests.conftest import NewMessage
from tests.support.loopback import Loopback
from tests.support.web_client import open_client
from tests.support.web_inbox import FakeInbox, open_web

#: All labels that there are: none is an id, a name or a text.
LABELS = {"platform", "result", "command", "state", "engine", "model", "kind", "part"}
_MODEL = re.compile(r"[A-Za-z0-9./_-]{0,60}")
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,30}")


async def test_labels_are_few_words_and_no_ids(loopback: Loopback, new_message: NewMessage) -> None:
    canary = "901234567890123"
    async with loopback.running():
        for command in ("", "help", f"x{canary}"):
            message = new_message(canary, sender_id=canary, sender_name=canary, command=command)
            await loopback.inbox.accept(message)
        done = await loopback.settle()
    assert sum(done.values()) >= 3 and done.get(JobState.DONE)
    assert canary not in generate_latest().decode()
    ours = [family for family in REGISTRY.collect() if family.name.startswith("hearsay_")]
    samples = [sample for family in ours for sample in family.samples]
    assert any(sample.labels.get("command") == "help" for sample in samples)
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        assert labels.keys() <= LABELS, sample.name
        model = labels.pop("model", "")
        assert all(_WORD.fullmatch(value) for value in labels.values()), sample
        assert _MODEL.fullmatch(model), sample


async def test_other_machines_reach_neither_metrics_nor_health(tmp_path: Path) -> None:
    """By default the server listens on 127.0.0.1 alone, and another name for it is refused."""
    settings = Settings(_env_file=None, hearsay_home=tmp_path, web_port=0)  # type: ignore[call-arg]
    async with open_web(settings, FakeInbox()) as web:
        assert web.url.startswith("http://127.0.0.1:")
        for other in _list_other_addresses():
            with pytest.raises(OSError):
                await asyncio.open_connection(other, int(web.url.rpartition(":")[2]))
        await _check_names(web)


async def _check_names(web: WebChat) -> None:
    async with open_client(web) as client:
        for path in ("/metrics", "/livez", "/readyz"):
            assert (await client.get(path)).status_code == 200
            answer = await client.get(path, headers={"Host": "rebound.example"})
            assert answer.status_code == 403


def _list_other_addresses() -> set[str]:
    """Return this machine's other addresses: to reach them is as from another machine."""
    found = {"127.0.0.2"}
    with suppress(OSError):
        found |= {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)}
    return found - {"127.0.0.1"}
