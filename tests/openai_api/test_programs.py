"""What programs that people use send to servers with OpenAI's endpoints: all of it is answered.

No row changes a setting of this server.
"""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from httpx import AsyncClient
from pydub import AudioSegment

from bots.openai_api.audio.transcription_request import read_language
from bots.openai_api.chat.completion_request import CONTINUE
from core.audio.segment import audioop
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.openai_api.programs import (
    Part,
    Sent,
    check,
    fields,
    home_assistant,
    librechat,
    open_webui,
    send,
    silly_tavern,
)
from tests.support.openai_api_server import KEY, ApiServer, open_client

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(29)]

REQUESTS = [
    *home_assistant.REQUESTS,
    *open_webui.REQUESTS,
    *librechat.REQUESTS,
    *silly_tavern.REQUESTS,
]
SPEECH = [sent for sent in REQUESTS if sent.path == "/audio/speech"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plain(
    mimo_server: MimoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ApiServer]:
    """A server without MiMo's chat and voices, whose engines can do the least."""
    home = tmp_path_factory.mktemp("plain")
    roles = {"answerer": "offline", "synthesizer": "offline"}
    async with ApiServer(home, mimo_server, **roles) as server:
        yield server


@pytest.mark.parametrize("sent", REQUESTS, ids=[sent.program for sent in REQUESTS])
async def test_requests_of_programs_are_answered(
    api: ApiServer, mimo: MimoServer, sent: Sent
) -> None:
    async with open_client(api, KEY if sent.has_key else "") as client:
        check(sent, await send(client, sent))


@pytest.mark.parametrize("sent", SPEECH, ids=[sent.program for sent in SPEECH])
async def test_engines_that_can_do_less_answer_too(
    plain: ApiServer, mimo: MimoServer, sent: Sent
) -> None:
    async with open_client(plain, KEY) as client:
        check(sent, await send(client, sent))


async def test_all_languages_of_home_assistant_are_taken() -> None:
    """Without requests: each would be a call of its own, and an account has so many a minute."""
    for language in home_assistant.LANGUAGES.split():
        assert read_language(language) == language


@pytest.mark.parametrize(
    ("bits", "rate_hz", "channels"),
    [(8, 11_000, 1), (16, 18_900, 2), (24, 48_000, 2), (32, 44_100, 1)],
)
async def test_all_kinds_of_wav_of_home_assistant_are_read(
    http: AsyncClient, mimo: MimoServer, bits: int, rate_hz: int, channels: int
) -> None:
    sound = AudioSegment.from_wav(io.BytesIO(make_recording([21, 22, 23])))
    pcm = sound.set_frame_rate(rate_hz).set_channels(channels).raw_data
    data = audioop.lin2lin(pcm, 2, bits // 8)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(bits // 8)
        file.setframerate(rate_hz)
        # WAV of 8 bits is the only one without a sign.
        file.writeframes(audioop.bias(data, 1, 128) if bits == 8 else data)
    form = (*fields(model="whisper-1"), Part("file", buffer.getvalue(), "a.wav"))
    sent = Sent("Home Assistant", "/audio/transcriptions", form=form)
    check(sent, await send(http, sent))


@pytest.mark.parametrize("path", ["/readyz", "/../../health", "/test"])
async def test_wyoming_takes_this_server_for_no_other(api: ApiServer, path: str) -> None:
    """It asks without a key for what LocalAI, Speaches and Kokoro have, which have other voices."""
    async with open_client(api, "") as client:
        assert (await client.get(path)).status_code in (401, 404)


@pytest.mark.parametrize(
    ("name", "instructions", "question"),
    [
        ("impersonation", "[Start a new Chat]", "[Write the next reply as Bob.]"),
        ("continuing", "Stay in character.", CONTINUE),
        ("a quiet prompt", None, "Name the mood of the chat in one word."),
    ],
)
async def test_a_dialogue_without_a_question_gets_one(
    http: AsyncClient, mimo: MimoServer, name: str, instructions: str | None, question: str
) -> None:
    """MiMo answers nothing but a message of role user."""
    messages = silly_tavern.NUDGES[name]
    answer = await http.post("/chat/completions", json={"model": "gpt-4o", "messages": messages})
    assert answer.status_code == 200, answer.text
    asked = mimo.requests[-1].body["messages"]
    assert asked[-1]["role"] == "user" and question in str(asked[-1]["content"])
    systems = [str(message["content"]) for message in asked if message["role"] == "system"]
    assert instructions is None or instructions in systems[0]
    assert question not in "".join(systems)
    said = [m["content"] for m in messages if m["role"] == "assistant"]
    assert [m["content"] for m in asked if m["role"] == "assistant"] == said
