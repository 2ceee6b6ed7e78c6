"""Parameters of sampling: they reach the engines that take them, and others never see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from httpx import AsyncClient

from core.engines.openai import chat_wire
from core.models import Question, Sampling, Turn
from tests.emulators.mimo import MimoServer
from tests.support.openai_api_server import ApiServer, open_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI

#: The servers are on the loop of all tests here.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.finding(28)]


async def ask(client: AsyncOpenAI, question: str, **more: Any) -> Any:
    message: Any = {"role": "user", "content": question}
    return await client.chat.completions.create(model="gpt-4o-mini", messages=[message], **more)


async def test_sampling_reaches_the_engine(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("One two three four.", pattern="Count down")
    answer = await ask(
        client, "Count down.", top_p=0.001, stop=" three", presence_penalty=0.5, frequency_penalty=0
    )
    assert answer.choices[0].message.content == "One two"
    body = mimo.requests[-1].body
    # MiMo allows no less than 0.01; a penalty of 0 changes nothing.
    assert (body["top_p"], body["stop"], body["presence_penalty"]) == (0.01, [" three"], 0.5)
    assert "frequency_penalty" not in body and "seed" not in body


async def test_an_answer_may_end_with_its_line(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("The first.\nThe second.", pattern="Which line")
    answer = await ask(client, "Which line is it?", stop="\n")
    assert answer.choices[0].message.content == "The first."


async def test_answer_as_a_json_object(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("Paris", pattern="capital")
    answer = await ask(
        client, "The capital of France, as JSON?", response_format={"type": "json_object"}
    )
    assert json.loads(answer.choices[0].message.content) == {"answer": "Paris"}


async def test_a_json_schema_is_told_to_the_model(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("Paris", pattern="capital")
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}
    answer = await ask(client, "The capital of Italy?", response_format=wanted)
    assert json.loads(answer.choices[0].message.content) == {"answer": "Paris"}
    body = mimo.requests[-1].body
    assert json.dumps(schema) in str(body["messages"][0]["content"])
    assert body["response_format"] == {"type": "json_object"}


async def test_several_answers(client: AsyncOpenAI, mimo: MimoServer) -> None:
    """Each is a call of its own, and each is stored."""
    mimo.add_answer("Heads.", pattern="Toss")
    for _ in "12":
        answer = await ask(client, "Toss a coin.", n=3)
        assert [(c.index, c.message.content) for c in answer.choices] == [
            (index, "Heads.") for index in range(3)
        ]
    assert len(mimo.requests) == 3
    assert answer.usage.total_tokens == sum(call.tokens for call in mimo.requests)


async def test_several_answers_are_streamed(client: AsyncOpenAI, mimo: MimoServer) -> None:
    mimo.add_answer("Tails it is.", pattern="Flip")
    texts = ["", ""]
    ends = []
    stream = await ask(client, "Flip.", n=2, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            ends += [choice.index] if choice.finish_reason else []
    assert (texts, ends) == (["Tails it is."] * 2, [0, 1])
    assert chunk.usage.total_tokens == sum(call.tokens for call in mimo.requests)


async def test_seed_is_ignored_where_the_engine_has_none(http: AsyncClient) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Sow."}], "seed": 7}
    answer = await http.post("/chat/completions", json=body)
    assert (answer.status_code, answer.headers["warning"]) == (200, '299 hearsay "ignored: seed"')


async def test_an_engine_without_a_model_takes_none(mimo: MimoServer, tmp_path: Path) -> None:
    body: dict[str, Any] = {"model": "extracts", "top_p": 0.5, "n": 2, "stop": ["x"]}
    body["messages"] = [{"role": "user", "content": "Where is the word?"}]
    for is_lenient in (True, False):
        settings: Any = {"answerer": "offline", "api_lenient": is_lenient}
        home = tmp_path / str(is_lenient)
        home.mkdir()
        async with ApiServer(home, mimo, **settings) as server, open_client(server) as client:
            answer = await client.post("/chat/completions", json=body)
        if is_lenient:
            assert "n, stop, top_p" in answer.headers["warning"]
        else:
            assert answer.json()["error"]["param"] == "stop"


async def test_other_servers_get_what_openai_has() -> None:
    sampling = Sampling(top_p=0.5, seed=7, stop=("END\udc00",), is_json=True)
    question = Question((Turn("user", "Hello"),), sampling=sampling)
    body = chat_wire.build_question(question, model="gpt-4o-mini", is_streamed=False)
    sent = json.loads(b"".join(body))
    assert (sent["top_p"], sent["seed"], sent["stop"]) == (0.5, 7, ["END\ufffd"])
    assert sent["response_format"] == {"type": "json_object"}
