"""What this server does not know: ignored with a warning, or refused with API_LENIENT=false."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient, Response

from bots.openai_api.leniency import Leniency
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]

HELLO = {"role": "user", "content": "Hello?"}
FUNCTION = {"type": "function", "function": {"name": "f"}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [{**FUNCTION, "id": "1"}]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "42"}
TITLE = {"type": "object", "properties": {"title": {"type": "string"}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "title", "schema": TITLE}}
#: Requests with something unknown, and what of it is named.
UNKNOWN: list[tuple[str, dict[str, Any], str]] = [
    ("chat", {"top_k": 40}, "top_k"),
    ("chat", {"messages": [{**HELLO, "mood": "good"}]}, "mood"),
    ("chat", {"tools": [FUNCTION]}, "tools"),
    ("chat", {"tools": [FUNCTION], "tool_choice": FUNCTION}, "tool_choice, tools"),
    ("chat", {"messages": [CALLED, RESULT, HELLO]}, "messages of tools, tool_calls"),
    ("chat", {"response_format": SCHEMA}, "json_schema is told to the model"),
    ("chat", {"logit_bias": {"50256": -100}, "store": True}, "logit_bias, store"),
    ("chat", {"model": "llama-3.1-8b-instruct"}, "llama-3.1-8b-instruct"),
    ("speech", {"backend": "piper", "lang_code": "e"}, "backend, lang_code"),
    ("speech", {"model": "kokoro"}, "kokoro"),
    ("speech", {"input": "."}, "the audio is silent"),
    ("speech", {"input": "\0\a -", "stream_format": "sse"}, "the audio is silent"),
    ("transcription", {"hotwords": "Kowalski", "vad_filter": "true"}, "hotwords, vad_filter"),
    ("transcription", {"include[]": "logprobs"}, "include"),
    ("transcription", {"model": "Systran/faster-whisper-small"}, "Systran/faster-whisper-small"),
]


async def send(http: AsyncClient, kind: str, change: dict[str, Any]) -> Response:
    if kind == "chat":
        body = {"model": "gpt-4o-mini", "messages": [HELLO], **change}
        return await http.post("/chat/completions", json=body)
    if kind == "speech":
        return await http.post("/audio/speech", json={"model": "tts-1", "input": "Hi.", **change})
    files: Any = {"file": ("a.wav", make_recording([41, 42]))}
    form = {"model": "whisper-1", **change}
    return await http.post("/audio/transcriptions", data=form, files=files)


@pytest.mark.parametrize(("kind", "change", "named"), UNKNOWN)
async def test_unknown_things_are_ignored_with_a_warning(
    http: AsyncClient, strict_http: AsyncClient, kind: str, change: dict[str, Any], named: str
) -> None:
    answer = await send(http, kind, change)
    assert answer.status_code == 200, answer.text
    assert answer.headers["warning"].startswith("299 hearsay ")
    assert named in answer.headers["warning"]
    refused = await send(strict_http, kind, change)
    assert refused.status_code in (400, 404), refused.text
    assert "warning" not in refused.headers


async def test_nothing_is_warned_of_where_nothing_was_ignored(http: AsyncClient) -> None:
    for kind, change in (
        ("chat", {"n": 1, "top_p": 1, "presence_penalty": 0, "tools": [], "user": "ada"}),
        ("speech", {"speed": 1, "instructions": ""}),
        ("transcription", {"chunking_strategy": "auto", "temperature": "0"}),
    ):
        answer = await send(http, kind, change)
        assert answer.status_code == 200 and "warning" not in answer.headers


async def test_the_package_reads_the_warning(client: AsyncOpenAI, mimo: MimoServer) -> None:
    answer = await client.chat.completions.with_raw_response.create(
        model="gpt-7", messages=[{"role": "user", "content": "Who answers?"}], temperature=2
    )
    assert answer.parse().model == "mimo-v2.6-flash"
    assert "gpt-7" in answer.headers["warning"]
    # MiMo allows less.
    assert mimo.requests[-1].body["temperature"] == 1.5


async def test_what_cannot_be_ignored_is_refused(http: AsyncClient) -> None:
    """A wrong value, a model for something else, a picture to look at, what a tool has found."""
    picture = {"type": "image_url", "image_url": {"url": "http://x"}}
    for change in (
        {"temperature": "hot"},
        {"model": "tts-1"},
        {"messages": [{"role": "user", "content": [picture]}]},
        {"messages": [HELLO, CALLED, RESULT]},
    ):
        assert (await send(http, "chat", change)).status_code == 400


async def test_a_warning_is_a_safe_header(http: AsyncClient) -> None:
    """Names come from strangers: no quotes, no line breaks, nothing endless."""
    body = {f'x{number}"\r\nSet-Cookie: é': 1 for number in range(10_000)}
    answer = await send(http, "chat", {"model": "gpt-4o-mini", **body, "q" * 50_000: 1})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert len(answer.headers["warning"]) < 2000 and answer.headers["warning"].count('"') == 2


async def test_few_names_are_remembered() -> None:
    leniency = Leniency(is_on=True)
    leniency.ignore(f"name{number}" for number in range(1000))
    leniency.ignore(["zzz"])
    assert len(leniency.build_headers()["Warning"].split(",")) == 8
