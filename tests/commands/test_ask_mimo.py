"""/ask on the whole road with MiMo at its end: what the service is sent, and what people read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.engines.mimo import Mimo
from core.models import Attachment, Quoted
from core.store import Store
from tests.commands.test_ask import Talk
from tests.conftest import NewMessage
from tests.emulators.mimo import Call, MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.engines.conftest import make_settings
from tests.support import sounds
from tests.support.loopback import road_on

NOTE = Quoted("voice-1", "", Attachment("file-1", duration_s=600.0))


def make_note(seconds: int) -> bytes:
    """A word every second, as a voice note of Telegram: OGG/Opus."""
    return sounds.file("ogg-opus", make_recording(range(seconds))[44:])


@pytest.fixture
async def server() -> AsyncIterator[MimoServer]:
    async with MimoServer() as server:
        yield server


@pytest.fixture
async def talk(store: Store, new_message: NewMessage, server: MimoServer) -> AsyncIterator[Talk]:
    engine: Any = Mimo(make_settings(mimo_base_url=server.base_url, mimo_api_key=server.key))
    async with road_on(store, engine, answerer=engine) as road:
        road.platform.sound = make_note(3)
        yield Talk(road, new_message)
    await engine.close()


def asked(server: MimoServer) -> list[Call]:
    """The calls to models that understand."""
    return [call for call in server.calls if call.model and "asr" not in call.model]


def sent(server: MimoServer) -> list[int]:
    """How many sounds came with each of them."""
    return [len(call.sounds) for call in asked(server)]


async def test_thoughts_are_asked_for_where_that_was_chosen(talk: Talk, server: MimoServer) -> None:
    await talk.send(command="think", text="on")
    server.add_answer("Calm.", reasoning="It counts evenly.")
    reply = await talk.send(command="ask", text="What mood?", reply_to=NOTE)
    assert reply.text == "Calm."
    assert asked(server)[0].request["thinking"] == {"type": "enabled"}
    assert all("evenly" not in text for _, text, _ in talk.road.platform.shown)


async def test_an_answer_among_the_thoughts_is_asked_for_again(
    talk: Talk, server: MimoServer
) -> None:
    server.add_answer("Calm.", reasoning="")
    server.add_fault("chat_swapped")
    assert (await talk.send(command="ask", text="What mood?", reply_to=NOTE)).text == "Calm."
    assert sent(server) == [1, 1]
    server.clear_answers()
    server.add_answer("Hm.", reasoning="")
    server.add_fault("chat_swapped", times=2)
    reply = await talk.send(command="ask", text="Which mood?", reply_to=NOTE)
    assert reply.text == "Hm.\n\nThe engine gave its thoughts only, no answer."


async def test_what_was_not_heard_is_asked_again(talk: Talk, server: MimoServer) -> None:
    server.add_answer("Calm.")
    server.add_fault("chat_deaf")
    reply = await talk.send(command="ask", text="What mood?", reply_to=NOTE)
    assert (reply.text, sent(server)) == ("Calm.", [1, 1])
    assert asked(server)[0].sounds[0]["kind"] == "ogg"


async def test_an_answer_that_was_cut_is_continued(talk: Talk, server: MimoServer) -> None:
    server.add_answer("the rest of it.", pattern="Continue exactly")
    server.add_answer(f"{'word' * 25} " * 90)
    reply = await talk.send(command="ask", text="What is said?", reply_to=NOTE)
    assert reply.text.startswith("wordword") and reply.text.endswith("the rest of it.")
    first, second = asked(server)
    assert second.request["messages"][2]["role"] == "assistant"
    assert first.request["max_completion_tokens"] == 2048


async def test_an_address_that_a_person_gave_is_fetched_by_the_service(
    talk: Talk, server: MimoServer
) -> None:
    url = "https://a.example/talk.wav"
    server.set_url(url, sounds.recording("austen-0870.wav"))
    refused = await talk.send(command="ask", text=f"Who speaks on {url} ?")
    assert refused.text == "I open no addresses. Send me the recording itself."
    # As ALLOW_URLS does.
    talk.road.understanding._allows_urls = True
    server.add_answer("A reader.")
    assert (await talk.send(command="ask", text=f"Who speaks on {url} ?")).text == "A reader."
    [call] = asked(server)
    assert [sound["url"] for sound in call.sounds] == [url]
