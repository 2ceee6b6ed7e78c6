"""The test's methods over HTTP, for a server that runs as a process of its own.

POST /control/<method> with the arguments as a JSON object; `data` is base64. The answer is
{"result": …} or, with status 400, {"error": …}.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

from tests.emulators.telegram.oracle import Oracle

#: What would block or end the server's own loop, or has no form in JSON.
_NOT_REMOTE = frozenset(("start", "stop", "wait_for", "world", "api", "queue", "faults"))


def run_control(server: Oracle, name: str, body: bytes) -> tuple[int, Any]:
    """Run one of the server's public methods; return HTTP status and answer."""
    if name.startswith("_") or name in _NOT_REMOTE or not hasattr(server, name):
        return 404, {"error": "no such method"}
    method = getattr(server, name)
    try:
        arguments = json.loads(body or b"{}")
        if isinstance(arguments.get("data"), str):
            arguments["data"] = base64.b64decode(arguments["data"])
        result = method(**arguments) if callable(method) else method
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return 400, {"error": f"{type(error).__name__}: {error}"}
    return 200, {"result": _to_json(result)}


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _to_json(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, str | int | float | bool | None) else str(value)
