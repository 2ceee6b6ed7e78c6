"""The addresses to steer the emulator by.

/_control/faults   POST a list of {kind, times, share, value} to add, DELETE to clear
/_control/rules    POST fields of Rules to change
/_control/texts    POST {sha256: text}
/_control/answers  POST a list of {answer, pattern, sha256, reasoning, times}, DELETE to clear
/_control/calls    GET the ledger
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.emulators.mimo.faults import Fault
from tests.emulators.mimo.understanding import Script
from tests.emulators.mimo.world import World

T = TypeVar("T")


def make_control(world: World) -> list[Route]:
    return [
        _make_list("/_control/faults", Fault, lambda: world.plan.faults),
        _make_list("/_control/answers", Script, lambda: world.scripts),
        *_make_rest(world),
    ]


def _make_list(path: str, kind: Callable[..., T], find: Callable[[], list[T]]) -> Route:
    """Return the address of a list that can be added to and cleared."""

    async def change(request: Request) -> JSONResponse:
        entries = find()
        if request.method == "DELETE":
            entries.clear()
        else:
            entries.extend(kind(**fields) for fields in await request.json())
        return JSONResponse(len(entries))

    return Route(path, change, methods=["POST", "DELETE"])


def _make_rest(world: World) -> list[Route]:
    async def set_rules(request: Request) -> JSONResponse:
        for name, value in (await request.json()).items():
            if not hasattr(world.rules, name):
                raise HTTPException(422, f"no rule {name}")
            setattr(world.rules, name, tuple(value) if name == "models" else value)
        return JSONResponse(asdict(world.rules))

    async def set_texts(request: Request) -> JSONResponse:
        world.texts.update(await request.json())
        return JSONResponse(len(world.texts))

    async def get_calls(_: Request) -> JSONResponse:
        calls = [asdict(call) for call in list(world.calls)]
        return JSONResponse({"calls": calls, "most_under_way": world.most_under_way})

    return [
        Route("/_control/rules", set_rules, methods=["POST"]),
        Route("/_control/texts", set_texts, methods=["POST"]),
        Route("/_control/calls", get_calls, methods=["GET"]),
    ]
