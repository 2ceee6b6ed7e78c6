"""What programs that people use send to servers with OpenAI's endpoints: all of it is answered.

Each row is a request as the program's source makes it, with the file that makes it. No row
changes a setting of this server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from httpx import AsyncClient

from core.audio.sniff import sniff
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_pcm, make_recording
from tests.support import audio_samples
from tests.support.openai_api_server import KEY, ApiServer, open_client

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(29)]


@dataclass(frozen=True)
class Sent:
    """A request of a program."""

    program: str
    path: str
    json: dict[str, Any] = field(default_factory=dict)
    form: dict[str, Any] = field(default_factory=dict)
    #: Name and type of the file that is uploaded.
    file: tuple[str, str] = ("", "")
    headers: dict[str, str] = field(default_factory=dict)
    has_key: bool = True


WEB_UI = {
    "X-OpenWebUI-User-Name": "Ada",
    "X-OpenWebUI-User-Id": "7b1c",
    "X-OpenWebUI-User-Email": "ada@example.org",
    "X-OpenWebUI-User-Role": "user",
}
TALK = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello."}]
#: SillyTavern puts instructions at any depth.
ROLE_PLAY = [
    {"role": "system", "content": "Write Ada's next reply."},
    {"role": "system", "content": "[Start a new Chat]"},
    {"role": "assistant", "content": "Good evening."},
    {"role": "user", "content": "Good evening, Ada.", "name": "Bob"},
    {"role": "system", "content": "Stay in character."},
]

REQUESTS = (
    # home-assistant/core: homeassistant/components/openai_conversation/__init__.py, stt.py, tts.py
    Sent("Home Assistant, set-up", "/models"),
    *(
        Sent(
            f"Home Assistant, {name}",
            "/audio/transcriptions",
            form={
                "model": "gpt-4o-mini-transcribe",
                "response_format": "json",
                "language": language,
                "prompt": "The following conversation is a smart home user talking to Home "
                "Assistant.",
            },
            file=(name, kind),
        )
        for name, kind, language in (
            ("a.wav", "audio/wav", "en"),
            ("a.ogg", "application/octet-stream", "fil"),
        )
    ),
    *(
        Sent(
            f"Home Assistant, speech as {response_format}",
            "/audio/speech",
            json={
                "model": "gpt-4o-mini-tts",
                "voice": voice,
                "input": "The light in the kitchen is on.",
                # str(None), where nothing is set.
                "instructions": "None",
                "speed": 1.25,
                "response_format": response_format,
            },
        )
        for response_format, voice in (
            *(("mp3", "marin"), ("opus", "cedar"), ("aac", "alloy"), ("flac", "verse")),
            *(("wav", "onyx"), ("pcm", "sage")),
        )
    ),
    # roryeckel/wyoming_openai: src/wyoming_openai/handler.py, between Home Assistant and a server
    Sent(
        "Wyoming, transcription",
        "/audio/transcriptions",
        form={
            "model": "whisper-1",
            "language": "en",
            "temperature": "0.0",
            "prompt": "Kitchen, Kowalski",
            "stream": "true",
            "response_format": "json",
        },
        file=("audio.wav", "audio/wav"),
    ),
    # open-webui/open-webui: backend/open_webui/routers/audio.py
    Sent("Open WebUI, voices", "/audio/voices", has_key=False),
    Sent("Open WebUI, models of speech", "/audio/models", has_key=False),
    Sent("Open WebUI, models", "/models", headers=WEB_UI),
    Sent(
        "Open WebUI, speech",
        "/audio/speech",
        json={"model": "tts-1", "input": "You have two new messages.", "voice": "alloy"},
        headers=WEB_UI,
    ),
    Sent(
        "Open WebUI, transcription",
        "/audio/transcriptions",
        form={"model": "whisper-1", "language": "de"},
        file=("2f1c9d1e.webm", ""),
        headers=WEB_UI,
    ),
    # open-webui/open-webui: backend/open_webui/routers/openai.py
    Sent(
        "Open WebUI, chat",
        "/chat/completions",
        json={
            "model": "gpt-4o-mini",
            "messages": TALK,
            "stream": True,
            "temperature": 0.8,
            "top_p": 0.9,
            "top_k": 40,
            "seed": 42,
            "stop": ["###"],
            "reasoning_effort": "low",
            "logit_bias": {},
            "num_ctx": 4096,
        },
        headers=WEB_UI,
    ),
    # danny-avila/LibreChat: api/server/services/Files/Audio/STTService.js, TTSService.js
    Sent(
        "LibreChat, transcription",
        "/audio/transcriptions",
        form={"model": "whisper-1", "language": "en"},
        file=("audio.webm", "audio/webm"),
    ),
    Sent(
        "LibreChat, speech",
        "/audio/speech",
        json={"input": "Here is what I found.", "model": "tts-1", "voice": "nova"},
    ),
    Sent(
        "LibreChat, speech of LocalAI",
        "/audio/speech",
        json={"input": "Here is what I found.", "model": "voice-en-us-amy-low", "backend": "piper"},
    ),
    Sent(
        "LibreChat, chat",
        "/chat/completions",
        json={
            "model": "gpt-4o",
            "messages": TALK,
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": "64f0c0ffee",
            "temperature": 1,
            "top_p": 1,
            "presence_penalty": 0,
            "frequency_penalty": 0,
        },
    ),
    # SillyTavern/SillyTavern: src/endpoints/openai.js,
    # public/scripts/extensions/tts/openai-compatible.js
    Sent(
        "SillyTavern, transcription",
        "/audio/transcriptions",
        form={"model": "whisper-1", "language": "en"},
        file=("audio.wav", "audio/wav"),
    ),
    Sent(
        "SillyTavern, speech",
        "/audio/speech",
        json={
            "input": "*smiles* Good evening, Bob.",
            "response_format": "mp3",
            "voice": "shimmer",
            "speed": 0.25,
            "model": "tts-1-hd",
        },
    ),
    # SillyTavern/SillyTavern: src/endpoints/backends/chat-completions.js
    Sent(
        "SillyTavern, chat",
        "/chat/completions",
        json={
            "messages": ROLE_PLAY,
            "model": "gpt-4o",
            "temperature": 2,
            "max_tokens": 300,
            "stream": False,
            "presence_penalty": 0.2,
            "frequency_penalty": -0.2,
            "top_p": 0,
            "top_k": 0,
            "stop": ["\nBob:"],
            "logit_bias": {},
            "seed": 12345,
            "n": 2,
        },
    ),
)
KINDS = {"opus": "ogg", "ogg": "ogg", "webm": "matroska"}


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
    await check_answer(api, sent)


SPEECH = [sent for sent in REQUESTS if sent.path == "/audio/speech"]


@pytest.mark.parametrize("sent", SPEECH, ids=[sent.program for sent in SPEECH])
async def test_engines_that_can_do_less_answer_too(
    plain: ApiServer, mimo: MimoServer, sent: Sent
) -> None:
    await check_answer(plain, sent)


async def check_answer(server: ApiServer, sent: Sent) -> None:
    async with open_client(server, KEY if sent.has_key else "") as client:
        status, kind, body = await send(client, sent)
    assert status == 200, body
    if sent.path == "/audio/speech":
        wanted = sent.json.get("response_format", "mp3")
        assert wanted == "pcm" or len(audio_samples.decode(body)) > 16_000
        if wanted in ("mp3", "wav", "flac", "opus"):
            assert sniff(body)[0] == KINDS.get(wanted, wanted)
    elif sent.path == "/audio/transcriptions":
        assert b"w21 w22 w23" in body
    elif sent.json.get("stream"):
        assert kind.startswith("text/event-stream") and body.endswith(b"data: [DONE]\n\n")
    else:
        assert kind == "application/json"


async def send(client: AsyncClient, sent: Sent) -> tuple[int, str, bytes]:
    if sent.json:
        answer = await client.post(sent.path, json=sent.json, headers=sent.headers)
    elif sent.form:
        name, kind = sent.file
        sound = make_recording([21, 22, 23])
        if not name.endswith(".wav"):
            container = "webm" if name.endswith(".webm") else "ogg-opus"
            sound = audio_samples.file(container, make_pcm([21, 22, 23], gap_s=0.64))
        files: Any = {"file": (name, sound, kind) if kind else (name, sound)}
        answer = await client.post(sent.path, data=sent.form, files=files, headers=sent.headers)
    else:
        answer = await client.get(sent.path, headers=sent.headers)
    return answer.status_code, answer.headers["content-type"], answer.content
