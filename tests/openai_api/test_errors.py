"""Errors of the core and of the speech service as errors of the API."""

from __future__ import annotations

import json

import pytest

from bots.openai_api.errors import read_error
from core.engines.mimo import transcription_wire as mimo_wire
from core.errors import (
    AnswererMissing,
    AssistantError,
    BadAudio,
    EngineBadReply,
    EngineBusy,
    EngineLocked,
    EngineRefused,
    StorageFull,
    StoreError,
    TooLong,
    UserError,
)
from core.locale import Plural

TWO_HOURS = Plural("{count} hour", "{count} hours", 2)
INVALID, PROVIDER, OURS = "invalid_request_error", "provider_error", "server_error"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"code": "400", "message": "Param Incorrect", "param": "bad"}, (400, INVALID)),
        (401, {"code": "401", "type": "invalid_key"}, (502, PROVIDER)),
        (402, {"code": "402", "message": "Insufficient account balance"}, (502, PROVIDER)),
        (403, {"code": "403", "message": "Access denied"}, (502, PROVIDER)),
        (404, {"code": "404", "message": "Model not found"}, (404, "not_found_error")),
        # The code in the body wins: gateways change the status.
        (400, {"code": "421", "message": "Moderation Block"}, (421, INVALID)),
        (429, {"code": "429", "message": "quota exhausted"}, (429, "rate_limit_error")),
        (502, None, (502, PROVIDER)),
        (503, {"code": "503", "message": "overloaded"}, (503, PROVIDER)),
        (200, {"code": "503", "message": "overloaded"}, (503, PROVIDER)),
        (302, None, (503, PROVIDER)),
    ],
)
def test_errors_of_the_speech_service_are_passed_on(
    status: int, error: dict[str, str] | None, expected: tuple[int, str]
) -> None:
    body = json.dumps({"error": error}).encode() if error else b"<html>no</html>"
    raised = mimo_wire.read_error(status, body, "7")
    # As the client does: an error without a status has that of the response.
    raised.status = raised.status or status
    found = read_error(raised, "req_1")
    assert (found.status_code, found.kind) == expected
    if status == 429:
        assert (found.headers or {})["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (BadAudio(), (400, INVALID), "could not read any audio"),
        (TooLong(limit=TWO_HOURS), (413, INVALID), "the limit is 2 hours"),
        (UserError("No {what}.", what="way"), (400, INVALID), "No way."),
        (AnswererMissing("x"), (400, INVALID), "none is set up here"),
        (EngineRefused("x", reason="too loud"), (400, INVALID), "refused the request: too loud."),
        (EngineBadReply("no choices"), (502, PROVIDER), "no choices"),
        (EngineBusy("ConnectError"), (503, PROVIDER), "ConnectError"),
        (EngineLocked("the engine is paused", retry_after_s=90), (503, PROVIDER), "paused"),
        (StoreError("locked"), (503, OURS), "database is busy"),
        (StorageFull("/x/hearsay.db", 0), (503, OURS), "disk is full. Please send it again"),
        (AssistantError("secret detail"), (500, OURS), "Reference: req_1."),
    ],
)
def test_errors_of_the_core(error: AssistantError, expected: tuple[int, str], text: str) -> None:
    found = read_error(error, "req_1")
    assert (found.status_code, found.kind) == expected
    assert text in found.detail and "secret" not in found.detail
    assert set(found.body.model_dump()["error"]) == {"message", "type", "param", "code"}
    # Clients retry by themselves only after a short wait.
    headers = found.headers or {}
    is_late = bool(isinstance(error, EngineLocked) and error.retry_after_s)
    assert (headers.get("X-Should-Retry") == "false") == is_late


@pytest.mark.finding(28)
@pytest.mark.parametrize(
    ("status", "code"), [(401, "upstream_key_refused"), (402, "upstream_no_balance")]
)
def test_what_the_operator_must_mend_looks_like_no_fault_of_the_client(
    status: int, code: str
) -> None:
    found = read_error(mimo_wire.read_error(status, b'{"error": {}}', None), "req_1")
    assert (found.status_code, found.code) == (502, code)
    # No client can mend it by trying again.
    assert (found.headers or {})["X-Should-Retry"] == "false"
