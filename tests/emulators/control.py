"""Control API: the server's public methods over HTTP, for a server in its own process.

POST /control/<method> with the arguments as a JSON object; `data` is base64. The response is
{"result": …} or, with status 400, {"error": …}.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

from tests.emulators.common import Emulator


def run_control(server: Emulator, name: str, body: bytes) -> tuple[int, Any]:
    """Run one of the server's public methods; return HTTP status and response body."""
    try:
        arguments = json.loads(body or b"{}")
        if "data" in arguments:
            arguments["data"] = base64.b64decode(arguments["data"])
        result = getattr(server, name)(**arguments)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return 400, {"error": f"{type(error).__name__}: {error}"}
    return 200, {"result": json.loads(json.dumps(result, default=_to_json))}


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    return str(value)
