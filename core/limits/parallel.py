"""Calls in parallel that are paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

Result = TypeVar("Result")


async def finish_all(calls: Iterable[Awaitable[Result]]) -> list[Result]:
    """Return what the calls return. If one fails, the others still finish: their results are kept.

    Raises what the first of them has raised.
    """
    results = list[Result]()
    for one in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(one, BaseException):
            raise one
        results.append(one)
    return results
