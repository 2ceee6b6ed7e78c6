"""/audio/translations: English, whatever was spoken. What MiMo's gateways refuse is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support.openai_api_server import KEY, ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]


#: OpenAI's package calls its own endpoint deprecated.
deprecated = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@deprecated
async def test_a_recording_is_translated(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("Good morning, everybody.", pattern="w71 w72")
    sound = ("a.wav", make_recording([71, 72, 73]))
    told = await client.audio.translations.create(file=sound, model="whisper-1")
    assert told.text == "Good morning, everybody."
    assert [call.model for call in mimo.requests] == ["mimo-v2.5-asr", "mimo-v2.6-flash"]
    verbose = await client.audio.translations.create(
        file=sound, model="whisper-1", response_format="verbose_json"
    )
    assert (verbose.language, verbose.duration) == ("english", 3.0)
    assert [s.text for s in verbose.segments or []] == ["Good morning, everybody."]
    subtitles: Any = await client.audio.translations.create(
        file=sound, model="whisper-1", response_format="srt"
    )
    assert subtitles.startswith("1\n00:00:00,000 --> 00:00:03,000\nGood morning, everybody.")
    assert len(mimo.requests) == 2


@deprecated
async def test_what_is_english_stays(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("SAME", pattern="w81")
    sound = ("a.wav", make_recording([81, 82]))
    told = await client.audio.translations.create(file=sound, model="whisper-1")
    assert told.text == "w81 w82"


async def test_without_a_chat_model_it_is_refused(mimo: MimoServer, tmp_path: Path) -> None:
    files: Any = {"file": ("a.wav", make_recording([1])), "model": (None, "whisper-1")}
    async with (
        ApiServer(tmp_path, mimo, answerer="offline") as server,
        open_client(server) as client,
    ):
        answer = await client.post("/audio/translations", files=files)
    assert answer.status_code == 400
    assert "need a chat model" in answer.json()["error"]["message"]


async def test_embeddings_are_refused(client: AsyncOpenAI) -> None:
    """As gateways to MiMo do: an invalid request, not a missing page."""
    import openai

    with pytest.raises(openai.BadRequestError, match="embeddings are not supported") as caught:
        await client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    "model",
    ["mimo-v2.5-pro", "xiaomi/mimo-v2.5-pro[1m]", "mimo-v2-flash", "mimo-v2-pro", "mimo-v2-omni"],
)
async def test_retired_models_are_served_by_their_successors(
    strict_http: AsyncClient, model: str
) -> None:
    ask = {"model": model, "messages": [{"role": "user", "content": f"Are you {model}?"}]}
    answer = await strict_http.post("/chat/completions", json=ask)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == "mimo-v2.6-flash"


async def test_the_key_may_be_sent_as_mimo_has_it(api: ApiServer) -> None:
    async with open_client(api, key="") as client:
        assert (await client.get("/models", headers={"api-key": KEY})).status_code == 200
        assert (await client.get("/models", headers={"api-key": f"{KEY}x"})).status_code == 401
