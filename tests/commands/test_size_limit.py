"""The largest file is named where people begin, not only when one is refused."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Talk

pytestmark = pytest.mark.finding(8)


@pytest.mark.parametrize("command", ["start", "help"])
async def test_the_limit_of_the_platform_is_named(talk: Talk, command: str) -> None:
    talk.loopback.platform.max_file_bytes = 20 << 20
    reply = await talk.send(command=command)
    assert "Files up to 20 MB." in reply.text.split("\n")[0]


async def test_it_is_named_in_the_persons_language(talk: Talk) -> None:
    reply = await talk.send(command="start", language="zh")
    assert "文件最大 128 MB。" in reply.text
