"""/ask with no key at all: passages of what the machine itself heard, labelled as such."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.engines.offline import Offline
from core.models import Attachment
from core.store import Store
from tests.commands.test_ask import NOTE, Talk
from tests.conftest import NewMessage
from tests.engines.conftest import make_settings
from tests.support import sounds
from tests.support.loopback import road_on

EXTRACT = "An extract, picked by a rule: no engine that understands is set up."


@pytest.fixture
async def talk(store: Store, new_message: NewMessage) -> AsyncIterator[Talk]:
    engine: Any = Offline(make_settings())
    async with road_on(store, engine, engine, engine) as road:
        yield Talk(road, new_message)
    await engine.close()


async def test_recordings(talk: Talk) -> None:
    """Asked for a word of one, it points at that; a word that nobody said is not found."""
    reply = await talk.send(command="ask", text="How far is the moon?")
    assert reply.text == "This needs an engine that understands, and none is set up."

    talk.road.platform.sound = sounds.recording("sb_example1.wav")
    reply = await talk.send(command="ask", text="Were the planks rough?", reply_to=NOTE)
    found = re.fullmatch(r"- (.*planks.*) \[0:\d\d\]", reply.text.split("\n\n")[0])
    assert found is not None, reply.text
    assert reply.text.endswith(f"\n\n{EXTRACT}") and EXTRACT not in reply.aloud

    talk.road.platform.sound = sounds.recording("sr_chinese.flac")
    heard = await talk.send(attachment=Attachment("file-1"))
    word = max(re.findall(r"\w{4,}", heard.quote), key=len)
    reply = await talk.follow(f"{word}?")
    assert word in reply.text and reply.text.endswith(EXTRACT)
    reply = await talk.follow("zxqv?")
    assert reply.text.startswith("None of these words are in it"), reply.text
