"""Addresses that no engine is told to fetch."""

from __future__ import annotations

import asyncio

import pytest

from core.commands.ask import NOT_PUBLIC
from core.interfaces import AnswererLimits
from core.text.public_url import is_public_url
from tests.support.group_talk import Group
from tests.support.loopback import Loopback

TABLE = """
127.0.0.1 127.1 127.0.1 0 0.0.0.0 2130706433 017700000001 0x7f.1 0x7f000001 0177.0.0.1 127.0.0.1.
[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [64:ff9b:1::a00:1] [2002:7f00:1::]
[fe80::1] [fc00::1] [fd00:ec2::254] [ff02::1] 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254
100.100.100.200 100.64.0.1 224.0.0.1 255.255.255.255 192.0.2.1 198.18.0.1 localhost LOCALHOST
localhost. printer.local metadata.google.internal router.lan nas 127.0.0.1.nip.io app.localtest.me
[fec0::1] [feff::1] [3fff::1] [3fff:fff::1] [5f00::1] [100:0:0:1::1] 192.0.0.8 192.88.99.1
kubernetes.default.svc consul.service.consul server.localnet db.docker pc.mshome.net a.workgroup
user:pass@127.0.0.1 example.com@127.0.0.1 127.0.0.1%2f.example.com \uff11\uff12\uff17.0.0.1
\u246b7.0.0.1 example.com:22 example.com:8765 127.0.0.1\\@example.com
"""
HOSTS = TABLE.split()
SCHEMES = ["file:///etc/passwd", "gopher://example.com/a", "ftp://example.com/a.mp3", "//a.com/b"]
ADDRESSES = [f"http://{host}/a.mp3" for host in HOSTS] + SCHEMES
PUBLIC = [
    *("https://example.com/a.mp3", "http://8.8.8.8:80/a.mp3", "https://[2606:4700::1111]/a.ogg"),
    *("https://docker.com/a.mp3", "https://consul.io/a.mp3", "http://[3000::1]/a.ogg"),
]


def test_there_are_more_than_forty() -> None:
    assert len(set(ADDRESSES)) > 40


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_inside_is_not_public(url: str) -> None:
    assert not is_public_url(url)


@pytest.mark.parametrize("url", PUBLIC)
def test_one_outside_is(url: str) -> None:
    assert is_public_url(url)


async def test_whoever_asks_about_one_is_told_and_nothing_connects(loopback: Loopback) -> None:
    reached: list[object] = []
    trap = await asyncio.start_server(lambda reader, writer: reached.append(writer), "127.0.0.1", 0)
    port = trap.sockets[0].getsockname()[1]
    loopback.answerer.limits = AnswererLimits(can_fetch_urls=True, formats=("audio/mpeg",))
    loopback.answering.allows_urls = True
    addresses = [f"http://localtest.me:{port}/a.mp3", f"http://a.localhost:{port}/a.mp3"]
    async with loopback.running(), trap:
        group = Group(loopback, is_private=True)
        for url in ADDRESSES:
            await group.ask(f"ask What is said in {url} ?")
        for url in addresses:
            assert (await group.ask(f"ask What is said in {url} ?")).text == NOT_PUBLIC
    assert reached == []
    assert not [turn for one in loopback.answerer.questions for turn in one.turns if turn.audios]
