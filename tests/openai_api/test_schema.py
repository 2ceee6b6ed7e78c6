"""The OpenAPI document: complete, and true for any request."""

from __future__ import annotations

import asyncio
import copy
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
from fastapi import FastAPI

from bots.openai_api import openapi
from bots.openai_api.context import Served
from tests.support.openai_api_server import KEY, ApiServer, open_client

#: The servers are on the loop of all tests here.
pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATIONS = [
    ("POST", "/audio/transcriptions"),
    ("POST", "/audio/translations"),
    ("POST", "/audio/speech"),
    ("POST", "/chat/completions"),
    ("POST", "/responses"),
    ("POST", "/embeddings"),
    ("GET", "/audio/voices"),
    ("GET", "/audio/models"),
    ("GET", "/models"),
    ("GET", "/models/{model}"),
]
#: What some of the requests must come to: random bytes are no sound.
GOOD = {path: {200} for _, path in OPERATIONS}
GOOD |= {f"/audio/{name}": {400} for name in ("transcriptions", "translations")}
GOOD["/models/{model}"] = {200, 404}
#: JSON Schema cannot say that texts are not blank, so few random ones are answered.
QUESTIONS: dict[str, dict[str, Any]] = {
    "/chat/completions": {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "What is it?"}],
    },
    "/responses": {"model": "gpt-4o-mini", "input": "What is it?"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(api: ApiServer) -> dict[str, Any]:
    """The document, which needs a key as everything else."""
    async with open_client(api) as client:
        answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_document_is_complete(page: dict[str, Any]) -> None:
    found = [(method.upper(), path) for path, one in page["paths"].items() for method in one]
    assert found == OPERATIONS
    assert page["security"] == [{"key": []}]
    assert page["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert page["servers"] == [{"url": "/v1"}]
    for name in ("mimo-v2.5-asr", "whisper-1", "gpt-4o-mini-tts"):
        assert name in page["info"]["description"]
    form = page["paths"]["/audio/transcriptions"]["post"]["requestBody"]["content"]
    name = form["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
    fields = page["components"]["schemas"][name]["properties"]
    assert fields["response_format"]["enum"] == ["json", "text", "verbose_json", "srt", "vtt"]
    for one in page["paths"].values():
        for operation in one.values():
            assert {"200", "401", "429"} <= set(operation["responses"])


async def test_only_the_models_in_the_document_change() -> None:
    """The rest takes long to build, and strangers may ask for it again and again."""
    app, served = FastAPI(), [Served("first", "answerer", "x")]
    app.get("/models", **openapi.MODELS)(lambda: None)
    context: Any = SimpleNamespace(list_served=lambda: served)
    before = openapi.build_document(app, context)
    served[0] = Served("second", "answerer", "x")
    after = openapi.build_document(app, context)
    assert "`first`" in before["info"]["description"] and after["paths"] is before["paths"]
    assert "`second`" in after["info"]["description"] and after["info"]["title"] == app.title


# The lists of models take nothing that could be wrong but a name.
@pytest.mark.parametrize(("method", "path"), [*OPERATIONS[:5], OPERATIONS[-1]])
async def test_random_requests_get_documented_responses(
    api: ApiServer, page: dict[str, Any], method: str, path: str
) -> None:
    """Valid and invalid requests get only documented responses."""
    import schemathesis  # not in each process

    schema = schemathesis.openapi.from_dict(_name_models(page))
    operation = schema[path][method]
    headers = {"Authorization": f"Bearer {KEY}"}
    statuses = set()

    @hypothesis.settings(
        max_examples=6,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy() | _negative(operation))
    def send_random(case: Any) -> None:
        # No route matches a line break.
        hypothesis.assume("%0A" not in case.formatted_path)
        send(case)

    def send(case: Any) -> None:
        response = case.call(base_url=api.base_url, headers=headers)
        statuses.add(response.status_code)
        case.validate_response(response, checks=load_checks())

    # A thread: the server runs here.
    await asyncio.to_thread(send_random)
    if path in QUESTIONS:
        question = operation.Case(body=QUESTIONS[path], media_type="application/json")
        await asyncio.to_thread(send, question)
    assert statuses & GOOD[path], statuses


def load_checks() -> Any:
    from schemathesis.checks import load_all_checks, not_a_server_error
    from schemathesis.specs.openapi import checks

    load_all_checks()
    return [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]


def _name_models(page: dict[str, Any]) -> dict[str, Any]:
    """Return the page with models that are served: others would be all that is found out."""
    page = copy.deepcopy(page)
    for body, name in (
        ("TranscriptionForm", "whisper-1"),
        ("SpeechRequest", "tts-1"),
        ("ChatRequest", "gpt-4o-mini"),
        ("ResponsesRequest", "gpt-4o-mini"),
    ):
        page["components"]["schemas"][body]["properties"]["model"] = {"enum": [name]}
    return page


def _negative(operation: Any) -> Any:
    """What does not fit the page, where it wants anything."""
    if not operation.body:
        return operation.as_strategy()
    import schemathesis

    return operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
