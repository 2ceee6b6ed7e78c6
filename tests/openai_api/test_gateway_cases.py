"""Tables of what gateways in front of MiMo promise: input, request to MiMo, response.

Where our request differs from that of a gateway, the row says why: a gateway hands a file on as
it is, while here it is read first, cut at quiet places and sent as WAV of 16 kHz; and speech is
asked for as a stream of samples, whatever the program is given.
"""

from __future__ import annotations

import base64
import io
import json
import wave
from typing import Any

import pytest
from httpx import AsyncClient, Response

from bots.openai_api.bodies import validate
from bots.openai_api.chat.completion_request import ChatRequest
from bots.openai_api.errors import ApiError
from tests.emulators.mimo import MimoServer, RecordedRequest
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")


def decode_wav(body: bytes) -> float:
    """Return the length of a WAV whose head came before its sound."""
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
    return (len(body) - 44) / 48_000


@pytest.mark.parametrize(
    ("body", "voice", "kind"),
    [
        ({"input": "Hello world", "voice": "Chloe", "instructions": " Bright "}, "Chloe", "wav"),
        # Whatever is wanted, samples are asked for: "pcm16", streamed. A gateway refuses what the
        # service cannot make; here it is made from the samples.
        ({"input": "Hello samples", "response_format": "PCM"}, "Mia", "pcm"),
        ({"input": "Hello file", "response_format": "opus"}, "Mia", "ogg"),
        # A gateway leaves an empty voice out; here the language of the text chooses.
        ({"input": "你好，世界", "voice": " "}, "冰糖", "wav"),
        # Styles in brackets are the service's own way to direct: they stay in front of the text.
        ({"input": "(Happy)Hello styles", "speed": 1}, "Mia", "wav"),
    ],
)
async def test_speech(
    http: AsyncClient, mimo: MimoServer, body: dict[str, Any], voice: str, kind: str
) -> None:
    answer = await http.post("/audio/speech", json={"model": "mimo-v2.5-tts", **body})
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"audio/{kind}")
    asked = mimo.requests[-1]
    direction = [{"role": "user", "content": "Bright"}] if "instructions" in body else []
    assert asked.body == {
        "model": "mimo-v2.5-tts",
        "messages": [*direction, {"role": "assistant", "content": body["input"]}],
        "audio": {"format": "pcm16", "voice": voice},
        "stream": True,
    }
    if kind == "wav":
        assert abs(decode_wav(answer.content) - asked.duration_s) < 0.5
    elif kind == "ogg":
        assert abs(len(audio_samples.decode(answer.content)) / 32_000 - asked.duration_s) < 0.5


async def test_invalid_speech_is_refused(http: AsyncClient, mimo: MimoServer) -> None:
    for body, why in (
        ({}, "input is required"),
        ({"input": " \n"}, "input is required"),
        ({"input": "Fast", "speed": 4.5}, "speed must be less than or equal to 4"),
        ({"input": "No", "response_format": "amr"}, "response_format must be 'wav'"),
        ({"input": "No", "voice": "Nobody"}, "voice must be one of"),
        ({"input": "No", "voice": {"id": "v1"}}, "voice must be a valid string"),
    ):
        answer = await http.post("/audio/speech", json={"model": "mimo-v2.5-tts", **body})
        check_refusal(answer, why)
    assert not mimo.requests


AUTO = {"asr_options": {"language": "auto"}}
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
VTT = "text/vtt; charset=utf-8"
NO_TIMES = "timestamp_granularities[0] must be 'segment' or 'word'"
VERBOSE = {"response_format": "verbose_json"}


async def transcribe(http: AsyncClient, sound: bytes, **form: Any) -> Response:
    return await http.post(
        "/audio/transcriptions",
        data={"model": "mimo-v2.5-asr", **form},
        files={"file": ("clip.wav", sound, "image/png")},
    )


@pytest.mark.parametrize(
    ("number", "form", "request_", "kind"),
    [
        (300, {"language": "auto", "temperature": "0.2"}, {**AUTO, "temperature": 0.2}, JSON),
        (301, {"response_format": "text"}, AUTO, TEXT),
        (302, {"language": "zh"}, {"asr_options": {"language": "zh"}}, JSON),
        # The service knows two languages; a gateway hands any other on, and it is refused there.
        (303, {"language": "de", "prompt": " "}, AUTO, JSON),
        # A gateway refuses both: the service tells no times. Ours are those of the pieces.
        (304, {"response_format": "vtt"}, AUTO, VTT),
        (305, {**VERBOSE, "timestamp_granularities[]": "segment"}, AUTO, JSON),
    ],
)
async def test_transcription(
    http: AsyncClient,
    mimo: MimoServer,
    number: int,
    form: dict[str, Any],
    request_: dict[str, Any],
    kind: str,
) -> None:
    answer = await transcribe(http, make_recording([number] * 2), **form)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind), answer.text
    check_asked(mimo.requests[-1], request_)
    words = f"w{number} w{number}"
    vtt = f"WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n{words}\n"
    told = answer.json()["text"] if kind == JSON else answer.text
    assert told == (vtt if kind == VTT else words)


def check_asked(call: RecordedRequest, request: dict[str, Any]) -> None:
    """See that one WAV went out as a data URL, without a format beside it."""
    data = f"data:audio/wav;base64,{call.sha256}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    messages = [{"role": "user", "content": [part]}]
    assert call.body == {"model": "mimo-v2.5-asr", "messages": messages, **request}


async def test_invalid_transcription_is_refused(strict_http: AsyncClient, mimo: MimoServer) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({**VERBOSE, "timestamp_granularities[]": ["letter", "segment"]}, NO_TIMES),
        ({"timestamp_granularities[]": "segment"}, "needs response_format verbose_json"),
        ({"temperature": "not-a-number"}, "temperature must be a valid number"),
        ({"temperature": "7"}, "temperature must be less than or equal to 1"),
        ({"temperature": "nan"}, "temperature must be a finite number"),
        ({"response_format": "docx"}, "response_format must be 'json', 'text'"),
        ({"response_format": "diarized_json"}, "response_format must be"),
        ({"include[]": "logprobs"}, "include is not supported"),
        ({"stream": "maybe"}, "stream must be a valid boolean"),
        ({"chunking_strategy": "server_vad"}, "chunking_strategy must be 'auto'"),
        ({"language": "in tongues"}, "language must be a language"),
        ({"hotwords": "Kowalski"}, "Unknown parameter: 'hotwords'"),
        ({"model": ""}, "model is required"),
    ]
    for form, why in refused:
        check_refusal(await transcribe(strict_http, make_recording([310, 311]), **form), why)
    assert not mimo.requests


async def test_file_names_and_types_are_ignored(http: AsyncClient, mimo: MimoServer) -> None:
    """A gateway picks a type by what the file is called; here its bytes tell, and WAV goes out."""
    answer = await transcribe(http, audio_samples.file("mp3", audio_samples.speech(2.3)))
    assert answer.status_code == 200, answer.text
    check_asked(mimo.requests[-1], AUTO)


async def test_no_file(http: AsyncClient) -> None:
    form: Any = {"model": (None, "mimo-v2.5-asr")}
    for file, why in (
        ({}, "file is required"),
        ({"file": ("a.wav", b"", "audio/wav")}, "file is required"),
        ({"file": (None, "no file")}, "Unknown parameter|file"),
    ):
        answer = await http.post("/audio/transcriptions", files={**form, **file})
        check_refusal(answer, why)


ASK = {"role": "user", "content": "What is in it?"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tools": [{"type": "function"}]}, "tools is not supported"),
    ({"n": 9}, "n must be less than or equal to 8"),
    ({"n": True}, "n must be a valid integer"),
    ({"stop": list("abcde")}, "stop must have at most 4 items"),
    ({"logit_bias": {"50256": -100}}, "logit_bias is not supported"),
    ({"audio": {"format": "wav", "voice": "Mia"}}, "messages must end with the text to be spoken"),
    ({"response_format": {"type": "json_schema"}}, "response_format.type must be 'text'"),
    ({"temperature": "hot"}, "temperature must be a valid number"),
    ({"temperature": 2.1}, "temperature must be less than or equal to 2"),
    ({"max_tokens": 0}, "max_tokens must be greater than or equal to 1"),
    ({"max_tokens": 1.5}, "max_tokens must be a valid integer"),
    ({"thinking": "yes"}, "thinking must be an object"),
    ({"stream": "yes"}, "stream must be a valid boolean"),
    ({"stream_options": {"include_usage": True}}, "stream_options is for streams only"),
    ({"top_k": 1}, "Unknown parameter: 'top_k'"),
    ({"messages": []}, "messages must have at least 1 item"),
    ({"modalities": ["text", "audio"]}, "modalities may hold 'audio' only with audio"),
    (
        {"messages": [{"role": "tool", "content": "42"}]},
        "tools are not supported: messages[0].role must be one of 'system', 'developer', 'user'",
    ),
    ({"messages": [{"role": "user", "content": ""}]}, "content is required"),
    (
        {"messages": [{"role": "user", "content": [], "name": "Ada"}]},
        "content must have at least 1 item",
    ),
    ({"messages": [{"role": "system", "content": ""}]}, "messages must contain text"),
    ({"messages": [{**ASK, "mood": "good"}]}, "Unknown parameter: 'messages[0].mood'"),
    (
        {"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]},
        "messages[0].tool_calls is not supported",
    ),
]
KINDS = "messages[0].content[0].type must be one of 'text', 'input_audio'"
PARTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "image_url", "image_url": {"url": "http://x"}}, f"images are not supported: {KINDS}"),
    ({"type": "file", "file": {}}, f"files are not supported: {KINDS}"),
    ({"type": "video_url"}, f"videos are not supported: {KINDS}"),
    ({"type": "smell"}, KINDS),
    ({"type": "text", "text": 1}, "messages[0].content[0].text must be a valid string"),
    ({"type": "input_audio"}, "messages[0].content[0].input_audio is required"),
    ({"type": "input_audio", "input_audio": {"data": "UklGRg=="}}, "audio.format is required"),
    *(({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}, why)
      for data, why in (("ftp://x/y.wav", "not valid base64"),
                        ("not base64", "not valid base64"), ("", "input_audio.data is required"))),
]  # fmt: skip
REFUSED += [({"messages": [{"role": "user", "content": [part]}]}, why) for part, why in PARTS]


async def test_unsupported_chat_parameters_are_refused() -> None:
    for change, why in REFUSED:
        with pytest.raises(ApiError) as caught:
            body = {"model": "mimo-v2.6-flash", "messages": [ASK], **change}
            validate(ChatRequest, json.dumps(body).encode())
        told = caught.value
        assert (told.status_code, told.kind) == (400, "invalid_request_error"), change
        assert why in told.detail and "validation" not in told.detail, change


async def test_refusals_of_chat_are_sent(strict_http: AsyncClient, mimo: MimoServer) -> None:
    for change, why in (
        *REFUSED[::9],
        ({"model": "mimo-v2.5-asr"}, "it is for /v1/audio/transcriptions"),
    ):
        body = {"model": "mimo-v2.6-flash", "messages": [ASK], **change}
        check_refusal(await strict_http.post("/chat/completions", json=body), why)
    assert not mimo.requests


async def test_chat(http: AsyncClient, mimo: MimoServer) -> None:
    """Labels change nothing; a retired name means the model that took its place."""
    body = {"model": "mimo-v2.5", "messages": [{"role": "user", "content": "hi"}], "user": "ada"}
    answer = await http.post("/chat/completions", json={**body, "n": 1, "tools": []})
    assert answer.status_code == 200
    told = answer.json()
    [choice] = told["choices"]
    assert (choice["message"]["role"], choice["finish_reason"]) == ("assistant", "stop")
    assert told["usage"]["total_tokens"] > 0
    asked = mimo.requests[-1]
    assert (asked.path, asked.model) == ("/v1/chat/completions", "mimo-v2.6-flash")
    assert asked.body["messages"] == [{"role": "user", "content": "hi"}]


async def test_chat_continues_a_dialogue(http: AsyncClient, mimo: MimoServer) -> None:
    messages = [{"role": role, "content": role} for role in ("user", "assistant", "user")]
    orders = {"max_completion_tokens": 50, "temperature": 0.3, "thinking": {"type": "enabled"}}
    first = {"role": "developer", "content": "You know gardens."}
    body = {"model": "xiaomi/mimo-v2.6-flash[1m]", "messages": [first, *messages], **orders}
    answer = (await http.post("/chat/completions", json=body)).json()["choices"][0]["message"]
    assert answer["content"] and answer["reasoning_content"]
    asked = mimo.requests[-1].body
    told = [(message["role"], message["content"]) for message in asked["messages"]]
    assert told == [("system", "You know gardens."), *((one["content"],) * 2 for one in messages)]
    assert {name: asked[name] for name in orders} == orders


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_instructions_may_be_empty(http: AsyncClient, mimo: MimoServer, role: str) -> None:
    """Programs send them where nothing is set."""
    question = {"role": "user", "content": f"Is there a {role}?"}
    for content in ("", None, [{"type": "text", "text": " "}]):
        messages = [{"role": role, "content": content}, question]
        body = {"model": "mimo-v2.6-flash", "messages": messages}
        answer = await http.post("/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        assert mimo.requests[-1].body["messages"] == [question]


async def test_a_data_url_is_a_recording_too(http: AsyncClient, mimo: MimoServer) -> None:
    data = f"data:audio/mpeg;base64,{base64.b64encode(audio_samples.file('mp3')).decode()}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    body = {"model": "gpt-audio", "messages": [{"role": "user", "content": [part]}]}
    assert (await http.post("/chat/completions", json=body)).status_code == 200
    assert [sound["kind"] for sound in mimo.requests[-1].recordings] == ["mp3"]


def check_refusal(answer: Response, why: str) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"type", "message", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert any(part in error["message"] for part in why.split("|")), error
