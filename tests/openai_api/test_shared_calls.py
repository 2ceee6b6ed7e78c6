"""The same paid result asked for by many at once: one call, and all have its result."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support.openai_api_server import KEY, OTHER_KEY, ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(4)]


async def test_five_recordings_asked_for_fifty_times_are_five_calls(
    client: AsyncOpenAI, mimo: MimoServer
) -> None:
    files = [("note.wav", make_recording((700 + number, 71, 72))) for number in range(5)]
    told = await asyncio.gather(
        *(
            client.audio.transcriptions.create(file=files[number % 5], model="whisper-1")
            for number in range(50)
        )
    )
    assert [one.text for one in told[:5]] == [f"w{700 + number} w71 w72" for number in range(5)]
    assert all(one.text == told[number % 5].text for number, one in enumerate(told))
    assert len(mimo.requests) == 5


async def test_a_question_and_a_text_to_speak_asked_for_ten_times_are_one_call_each(
    client: AsyncOpenAI, mimo: MimoServer
) -> None:
    await asyncio.gather(
        *(
            client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "What is asked ten times?"}]
            )
            for _ in range(10)
        )
    )
    assert len(mimo.requests) == 1
    spoken = await asyncio.gather(
        *(
            client.audio.speech.create(
                model="tts-1", voice="alloy", input="Spoken ten times.", response_format="wav"
            )
            for _ in range(10)
        )
    )
    assert len({one.content for one in spoken}) == 1 and len(mimo.requests) == 2


async def order_everything(http: AsyncClient) -> None:
    """Send a recording, a question and a text to speak."""
    question = {"role": "user", "content": "What do two keys ask?"}
    for answer in (
        await http.post(
            "/audio/transcriptions",
            files={"file": ("note.wav", make_recording((800, 81, 82)))},
            data={"model": "whisper-1"},
        ),
        await http.post("/chat/completions", json={"model": "gpt-4o", "messages": [question]}),
        await http.post("/audio/speech", json={"model": "tts-1", "input": "Spoken to two keys."}),
    ):
        assert answer.status_code == 200, answer.text


async def test_a_key_is_given_no_result_of_another(api: ApiServer, mimo: MimoServer) -> None:
    """It could tell from the time what the other has sent. Its own it is given again."""
    async with open_client(api, KEY) as mine, open_client(api, OTHER_KEY) as other:
        for http, calls in ((mine, 3), (other, 6), (mine, 6), (other, 6)):
            await order_everything(http)
            assert len(mimo.requests) == calls
