"""POST /v1/responses with OpenAI's own client: a chat in another form."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient

from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]

MODEL = "gpt-4o-mini"
SOUND = base64.b64encode(make_recording([31, 32, 33])).decode()
RECORDING = {"type": "input_audio", "input_audio": {"data": SOUND, "format": "wav"}}


def asked(mimo: MimoServer) -> list[tuple[str, str]]:
    """Return role and text of the messages that MiMo was last sent."""
    messages = mimo.requests[-1].body["messages"]
    return [(message["role"], _text(message["content"])) for message in messages]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


async def test_a_text_is_answered(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("Paris.", pattern="capital")
    response = await client.responses.create(
        model=MODEL, instructions="Be short.", input="The capital of France?", temperature=0.2
    )
    assert (response.output_text, response.status) == ("Paris.", "completed")
    assert (response.instructions, response.temperature) == ("Be short.", 0.2)
    [message] = response.output
    assert (message.type, str(message.id)[:4], response.id[:5]) == ("message", "msg_", "resp_")
    usage = response.usage
    assert usage and usage.total_tokens == mimo.requests[-1].tokens
    assert usage.input_tokens + usage.output_tokens == usage.total_tokens
    assert "Be short." in asked(mimo)[0][1]
    assert asked(mimo)[-1] == ("user", "The capital of France?")


async def test_the_events_of_a_stream(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("One two three four five six seven.", pattern="Count")
    stream = await client.responses.create(model=MODEL, input="Count.", stream=True)
    events: list[Any] = [event async for event in stream]
    kinds = [event.type.removeprefix("response.") for event in events]
    deltas = kinds.count("output_text.delta")
    assert deltas > 1
    assert kinds == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *["output_text.delta"] * deltas,
        *("output_text.done", "content_part.done", "output_item.done", "completed"),
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type.endswith("text.delta"))
    done = events[-1].response
    assert text == done.output_text == "One two three four five six seven."
    assert done.usage.total_tokens == mimo.requests[-1].tokens
    assert events[0].response.id == done.id and not events[0].response.output
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {done.output[0].id}


async def test_the_clients_own_stream_helper(client: AsyncOpenAI, mimo: MimoServer) -> None:
    """It checks the order of the events, and builds the response of them itself."""
    mimo.add_answer("Built of pieces.", pattern="helper")
    async with client.responses.stream(model=MODEL, input="The helper?") as stream:
        async for _ in stream:
            pass
        assert (await stream.get_final_response()).output_text == "Built of pieces."


async def test_a_dialogue_with_a_recording(client: AsyncOpenAI, mimo: MimoServer) -> None:
    items: Any = [
        {"role": "developer", "content": "Speak plainly."},
        {"role": "user", "content": "Hello."},
    ]
    first = await client.responses.create(model=MODEL, input=items)
    # What was answered is sent back as it came, reasoning and all.
    items += [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        *[item.model_dump() for item in first.output],
        {"role": "user", "content": [{"type": "input_text", "text": "What is said?"}, RECORDING]},
    ]
    second = await client.responses.create(model=MODEL, input=items)
    assert "w31 w32 w33" in second.output_text
    roles = [role for role, _ in asked(mimo)]
    assert roles == ["system", "user", "assistant", "user"]
    assert asked(mimo)[2] == ("assistant", first.output_text)
    assert mimo.requests[-1].recordings


async def test_a_limit_cuts_the_answer(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("word " * 50, pattern="Go on")
    response = await client.responses.create(model=MODEL, input="Go on.", max_output_tokens=5)
    assert response.status == "incomplete" and response.output_text
    assert response.incomplete_details and response.incomplete_details.reason == "max_output_tokens"
    stream = await client.responses.create(
        model=MODEL, input="Go on.", max_output_tokens=5, stream=True
    )
    assert [event.type async for event in stream][-1] == "response.incomplete"


async def test_a_schema_is_told_and_tools_are_ignored(
    http: AsyncClient, strict_http: AsyncClient, mimo: MimoServer
) -> None:
    mimo.add_answer("Madrid", pattern="capital")
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    body = {
        "model": MODEL,
        "input": "The capital of Spain?",
        "text": {"format": {"type": "json_schema", "name": "place", "schema": schema}},
        "tools": [{"type": "function", "name": "look_up", "parameters": {}}],
        "reasoning": {"effort": "none", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
    }
    answer = await http.post("/responses", json=body)
    assert answer.status_code == 200, answer.text
    warning = answer.headers["warning"]
    assert "tools" in warning and "include" in warning and "json_schema is told" in warning
    [message] = answer.json()["output"]
    assert json.loads(message["content"][0]["text"]) == {"answer": "Madrid"}
    assert json.dumps(schema) in asked(mimo)[0][1]
    assert (await strict_http.post("/responses", json=body)).status_code == 400


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id is not supported"),
        ({"background": True}, "background must be False"),
        ({"input": []}, "input must have at least 1 item"),
        ({"input": " "}, "input is required"),
        ({"input": [{"type": "reasoning", "id": "rs_1"}]}, "input must have at least 1 item"),
        ({"input": [{"role": "user", "content": []}]}, "input[0].content must contain text"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role must be 'system'"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "images are not supported: input[0].content[0].type must be one of 'input_text'",
        ),
        (
            {"input": [{"role": "assistant", "content": [RECORDING]}]},
            "input[0].content may hold recordings for the role user only",
        ),
        ({"model": "tts-1"}, "cannot do this"),
        ({"max_output_tokens": 0}, "max_output_tokens must be greater"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type must be 'text'"),
    ],
)
async def test_what_cannot_be_done_is_refused(
    http: AsyncClient, mimo: MimoServer, change: dict[str, Any], why: str
) -> None:
    answer = await http.post("/responses", json={"model": MODEL, "input": "Hello.", **change})
    assert answer.status_code == 400, answer.text
    assert why in answer.json()["error"]["message"]
    assert not mimo.requests


async def test_errors_before_and_in_a_stream(client: AsyncOpenAI, mimo: MimoServer) -> None:
    import openai

    mimo.add_fault("429_seconds", value=0.05)
    with pytest.raises(openai.RateLimitError):
        await client.responses.create(model=MODEL, input="Before it?", stream=True)
    mimo.add_fault("sse_no_done")
    stream = await client.responses.create(model=MODEL, input="Within it?", stream=True)
    with pytest.raises(openai.APIError, match="ended too early"):
        async for _ in stream:
            pass


async def test_hostile_input_gets_one_clear_error(http: AsyncClient, mimo: MimoServer) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    items = b'{"role": "user", "content": "x"},' * 100_000
    calls = b",".join([b'{"type": "call of 7"}'] * 100_000)
    for value in (
        *(deep, b"[" + items + b"7]", b"[" + calls + b"]", b'"\\ud800"', b'[{"type": {}}]'),
        *(b"[null]", b"[[]]", b"7", b'[{"role": "user", "content": [{"type": ["input_text"]}]}]'),
    ):
        body = b'{"model": "gpt-4o-mini", "input": ' + value + b"}"
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/responses", content=body, headers=headers)
        assert answer.status_code == 400, value[:40]
        error = answer.json()["error"]
        assert error["type"] == "invalid_request_error" and len(error["message"]) < 300
    assert not mimo.requests
