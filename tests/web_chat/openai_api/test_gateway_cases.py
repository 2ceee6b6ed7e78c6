"""What gateways promise of MiMo behind OpenAI's endpoints, as tables: input, request, answer.

Where our request differs from that of a gateway, the row says why: a gateway hands a file on as
it is, while here it is read first, cut at quiet places and sent as WAV of 16 kHz; and speech is
asked for as a stream of samples, whatever the program is given.
"""

from __future__ import annotations

import base64
import hashlib
import io
import wave
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bots.web_chat.openai_api.chat_order import read_chat
from bots.web_chat.openai_api.errors import ApiError
from tests.emulators.mimo import Call, MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import sounds

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAMED = {"format": "pcm16"}


def decode_wav(body: bytes) -> float:
    """Return the length of a WAV whose head came before its sound."""
    with wave.open(io.BytesIO(body)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
    return (len(body) - 44) / 48_000


# --- speech -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """A request for speech: what goes out, or why it is refused."""

    name: str
    body: dict[str, Any]
    messages: list[dict[str, str]] = field(default_factory=list)
    voice: str = "Mia"
    kind: str = "audio/wav"
    refusal: str = ""


SPEECH = [
    Said(
        "basic",
        {"input": "Hello world", "voice": "Chloe", "instructions": " Bright bouncy tone "},
        [
            {"role": "user", "content": "Bright bouncy tone"},
            {"role": "assistant", "content": "Hello world"},
        ],
        voice="Chloe",
    ),
    # Whatever is wanted, samples are asked for: "pcm16", streamed.
    Said(
        "pcm",
        {"input": "Hello samples", "response_format": "PCM"},
        [{"role": "assistant", "content": "Hello samples"}],
        kind="audio/pcm",
    ),
    # A gateway refuses what the service cannot make; here it is made from the samples.
    Said(
        "mp3",
        {"input": "Hello file", "response_format": "mp3"},
        [{"role": "assistant", "content": "Hello file"}],
        kind="audio/mpeg",
    ),
    # A gateway leaves an empty voice out; here the language of the text chooses.
    Said(
        "no voice",
        {"input": "你好，世界", "voice": " "},
        [{"role": "assistant", "content": "你好，世界"}],
        voice="冰糖",
    ),
    # Styles in brackets are the service's own way to direct: they stay in front of the text.
    Said(
        "styles",
        {"input": "(Happy)Hello styles"},
        [{"role": "assistant", "content": "(Happy)Hello styles"}],
    ),
    Said("no input", {}, refusal="input is required"),
    Said("blank input", {"input": " \n"}, refusal="input is required"),
    Said(
        "speed 1.5",
        {"input": "Fast", "speed": 1.5},
        refusal="speed cannot be set; use instructions to adjust the pace",
    ),
    Said(
        "speed 1",
        {"input": "As fast as ever", "speed": 1},
        [{"role": "assistant", "content": "As fast as ever"}],
    ),
    Said(
        "speed 0",
        {"input": "As slow as ever", "speed": 0},
        [{"role": "assistant", "content": "As slow as ever"}],
    ),
    Said("aac", {"input": "No", "response_format": "aac"}, refusal="response_format must be one"),
    Said("unknown voice", {"input": "No", "voice": "Nobody"}, refusal="voice must be one of"),
    Said("own voice", {"input": "No", "voice": {"id": "v1"}}, refusal="voices of one's own"),
]


@pytest.mark.parametrize("row", SPEECH, ids=lambda row: row.name)
async def test_speech(http: httpx.AsyncClient, mimo: MimoServer, row: Said) -> None:
    answer = await http.post("/audio/speech", json={"model": "mimo-v2.5-tts", **row.body})
    if row.refusal:
        check_refusal(answer, row.refusal)
        assert not mimo.calls
        return
    assert answer.status_code == 200
    assert answer.headers["content-type"] == row.kind
    asked = mimo.calls[-1]
    assert asked.request == {
        "model": "mimo-v2.5-tts",
        "messages": row.messages,
        "audio": {**STREAMED, "voice": row.voice},
        "stream": True,
    }
    if row.kind == "audio/wav":
        assert abs(decode_wav(answer.content) - asked.duration_s) < 0.5


# --- transcriptions -----------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A recording that is to be written down: what goes out, or why it is refused."""

    name: str
    form: dict[str, Any]
    #: Beside the sound.
    request: dict[str, Any] = field(default_factory=dict)
    answer: Any = "json"
    refusal: str = ""


AUTO = {"asr_options": {"language": "auto"}}
WRITTEN = [
    Written("basic", {"language": "auto", "temperature": "0.2"}, {**AUTO, "temperature": 0.2}),
    Written("as text", {"response_format": "text"}, AUTO, answer="text/plain; charset=utf-8"),
    Written("Chinese", {"language": "zh"}, {"asr_options": {"language": "zh"}}),
    # The service knows two languages; a gateway hands any other on, and it is refused there.
    Written("German", {"language": "de"}, AUTO),
    # A gateway refuses both: the service tells no times. Ours are those of the pieces.
    Written("vtt", {"response_format": "vtt"}, AUTO, answer="text/vtt; charset=utf-8"),
    Written(
        "times of segments",
        {"response_format": "verbose_json", "timestamp_granularities[]": "segment"},
        AUTO,
    ),
    Written(
        "times of words",
        {"response_format": "verbose_json", "timestamp_granularities[]": "word"},
        refusal="does not support timestamp_granularities other than segment",
    ),
    Written(
        "times of both",
        {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]},
        refusal="does not support timestamp_granularities other than segment",
    ),
    Written(
        "times nowhere",
        {"timestamp_granularities[]": "segment"},
        refusal="timestamp_granularities needs response_format verbose_json",
    ),
    Written("prompt", {"prompt": "Kowalski"}, refusal="does not support prompt"),
    Written("blank prompt", {"prompt": " "}, AUTO),
    Written("temperature", {"temperature": "not-a-number"}, refusal="must be a number"),
    Written("hot", {"temperature": "7"}, refusal="temperature must be between 0 and 1"),
    Written("nan", {"temperature": "nan"}, refusal="temperature must be between 0 and 1"),
    Written("format", {"response_format": "docx"}, refusal="response_format must be one of"),
    Written("speakers", {"response_format": "diarized_json"}, refusal="response_format must be"),
    Written("include", {"include[]": "logprobs"}, refusal="does not support include"),
    Written("stream of srt", {"stream": "true", "response_format": "srt"}, refusal="stream is for"),
    Written("odd stream", {"stream": "maybe"}, refusal="stream must be true or false"),
    Written("chunks", {"chunking_strategy": "server_vad"}, refusal="can only be auto"),
    Written("language", {"language": "in tongues"}, refusal="language must be a code"),
    Written("unknown", {"hotwords": "Kowalski"}, refusal="Unknown parameter: 'hotwords'"),
    Written("no model", {"model": ""}, refusal="you must provide a model parameter"),
]


@pytest.mark.parametrize(("number", "row"), [*enumerate(WRITTEN)], ids=lambda one: str(one)[:30])
async def test_transcription(
    http: httpx.AsyncClient, mimo: MimoServer, number: int, row: Written
) -> None:
    sound = make_recording([300 + number] * 2)
    form = {"model": "mimo-v2.5-asr", **row.form}
    file = ("clip.wav", sound, "audio/wav")
    answer = await http.post("/audio/transcriptions", data=form, files={"file": file})
    if row.refusal:
        check_refusal(answer, row.refusal)
        assert not mimo.calls
        return
    assert answer.status_code == 200, answer.text
    check_asked(mimo.calls[-1], row.request)
    words = f"w{300 + number} w{300 + number}"
    if row.answer != "json":
        assert answer.headers["content-type"] == row.answer
        assert words in answer.text
    if row.name == "as text":
        assert answer.text == words
    if row.answer == "json":
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["text"] == words


def check_asked(call: Call, request: dict[str, Any]) -> None:
    """See that one WAV went out as a data URL, without a format beside it."""
    data = f"data:audio/wav;base64,{call.sha256}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    messages = [{"role": "user", "content": [part]}]
    assert call.request == {"model": "mimo-v2.5-asr", "messages": messages, **request}


@pytest.mark.parametrize(
    ("name", "kind", "mime"),
    [("clip", "m4a", "application/octet-stream"), ("clip.wav", "mp3", "image/png")],
)
async def test_names_and_types_are_not_believed(
    http: httpx.AsyncClient, mimo: MimoServer, name: str, kind: str, mime: str
) -> None:
    """A gateway picks a type by what the file is called; here its bytes tell, and WAV goes out."""
    label = hashlib.sha256(f"{name}{kind}{mime}".encode()).digest()[0]
    sound = sounds.file(kind, sounds.speech(2 + label / 400))
    files: Any = {"file": (name, sound, mime)}
    answer = await http.post("/audio/transcriptions", data={"model": "whisper-1"}, files=files)
    assert answer.status_code == 200, answer.text
    check_asked(mimo.calls[-1], AUTO)


async def test_no_file(http: httpx.AsyncClient, mimo: MimoServer) -> None:
    form: Any = {"model": (None, "mimo-v2.5-asr")}
    check_refusal(await http.post("/audio/transcriptions", files=form), "file is required")
    empty = {**form, "file": ("a.wav", b"", "audio/wav")}
    check_refusal(await http.post("/audio/transcriptions", files=empty), "file is required")
    words = {**form, "file": (None, "no file")}
    check_refusal(await http.post("/audio/transcriptions", files=words), "Unknown parameter|file")


# --- chat ---------------------------------------------------------------------------------

ASK = {"role": "user", "content": "What is in it?"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"tools": [{"type": "function"}]}, "tools is not supported"),
    ({"n": 2}, "n is not supported"),
    ({"n": True}, "n is not supported"),
    ({"stop": "."}, "stop is not supported"),
    ({"seed": 1}, "seed is not supported"),
    ({"logprobs": True}, "logprobs is not supported"),
    ({"audio": {"format": "wav", "voice": "Mia"}}, "/v1/audio/speech speaks"),
    ({"modalities": ["text", "audio"]}, "/v1/audio/speech speaks"),
    ({"response_format": {"type": "json_object"}}, "response_format is not supported"),
    ({"temperature": "hot"}, "temperature must be a number"),
    ({"temperature": 2}, "temperature must be between 0 and 1.5"),
    ({"max_tokens": 0}, "max_tokens must be between"),
    ({"max_tokens": 1.5}, "max_tokens must be a whole number"),
    ({"thinking": "yes"}, "thinking must be of type"),
    ({"stream": "yes"}, "stream must be true or false"),
    ({"stream_options": {"include_usage": True}}, "stream_options is an object, and for streams"),
    ({"top_k": 1}, "Unknown parameter: 'top_k'"),
    ({"messages": []}, "messages must be a list"),
    ({"messages": [{"role": "system", "content": "Be."}]}, "the last message must be of role user"),
    ({"messages": [ASK, {"role": "assistant", "content": "It"}]}, "the last message must be"),
    ({"messages": [ASK, {"role": "system", "content": "Be."}, ASK]}, "instructions come before"),
    ({"messages": [{"role": "tool", "content": "42"}]}, "tools are not supported"),
    ({"messages": [{"role": "user", "content": ""}]}, "there is nothing in it"),
    ({"messages": [{"role": "user", "content": [], "name": "Ada"}]}, "content must be a text"),
    ({"messages": [{**ASK, "mood": "good"}]}, "mood is not supported"),
    ({"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]}, "tool_calls is not"),
]
PARTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "image_url", "image_url": {"url": "http://x/y.png"}}, "images are not supported"),
    ({"type": "file", "file": {}}, "files are not supported"),
    ({"type": "video_url"}, "videos are not supported"),
    ({"type": "text", "text": 1}, "a part is a text"),
    ({"type": "input_audio"}, "input_audio.data must be a string"),
    ({"type": "input_audio", "input_audio": {"data": "UklGRg=="}}, "input_audio.format must be"),
    (
        {"type": "input_audio", "input_audio": {"data": "https://x/y.wav", "format": "wav"}},
        "addresses are not fetched",
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "not base64", "format": "wav"}},
        "not valid base64",
    ),
    ({"type": "input_audio", "input_audio": {"data": "", "format": "mp3"}}, "recording is empty"),
]
REFUSED += [({"messages": [{"role": "user", "content": [part]}]}, why) for part, why in PARTS]


async def test_what_chat_cannot_do_is_refused() -> None:
    for change, why in REFUSED:
        with pytest.raises(ApiError) as caught:
            read_chat({"model": "mimo-v2.6-flash", "messages": [ASK], **change})
        told = caught.value
        assert (told.status_code, told.kind) == (400, "invalid_request_error"), change
        assert why in told.detail, change


async def test_refusals_of_chat_are_sent(http: httpx.AsyncClient, mimo: MimoServer) -> None:
    for change, why in (
        *REFUSED[::9],
        ({"model": "mimo-v2.5-asr"}, "it is for /v1/audio/transcriptions"),
    ):
        body = {"model": "mimo-v2.6-flash", "messages": [ASK], **change}
        check_refusal(await http.post("/chat/completions", json=body), why)
    assert not mimo.calls


async def test_chat(http: httpx.AsyncClient, mimo: MimoServer) -> None:
    """Labels change nothing; a retired name means the model that took its place."""
    body = {"model": "mimo-v2.5", "messages": [{"role": "user", "content": "hi"}], "user": "ada"}
    answer = await http.post("/chat/completions", json={**body, "n": 1, "tools": []})
    assert answer.status_code == 200
    told = answer.json()
    assert told["choices"][0]["message"]["role"] == "assistant"
    assert told["usage"]["total_tokens"] > 0
    asked = mimo.calls[-1]
    assert (asked.path, asked.model) == ("/v1/chat/completions", "mimo-v2.6-flash")
    assert asked.request["messages"] == [{"role": "user", "content": "hi"}]


async def test_a_data_url_is_a_recording_too(http: httpx.AsyncClient, mimo: MimoServer) -> None:
    data = f"data:audio/mpeg;base64,{base64.b64encode(sounds.file('mp3')).decode()}"
    part = {"type": "input_audio", "input_audio": {"data": data}}
    words = {"type": "text", "text": "What does a data URL say?"}
    body = {"model": "gpt-audio", "messages": [{"role": "user", "content": [part, words]}]}
    answer = await http.post("/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert [sound["kind"] for sound in mimo.calls[-1].sounds] == ["mp3"]


async def test_what_is_not_there(http: httpx.AsyncClient) -> None:
    """No embeddings, no translations, no batches."""
    for path in ("/embeddings", "/audio/translations", "/batches", "/files", "/responses"):
        answer = await http.post(path, json={"model": "x", "input": "y"})
        assert answer.status_code == 404
        assert answer.json()["error"]["type"] == "not_found_error"


def check_refusal(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"type", "message", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert any(part in error["message"] for part in why.split("|")), error
