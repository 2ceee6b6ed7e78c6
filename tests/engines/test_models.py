"""The choice of a model and its replacement."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from core.engines.wire.models import ModelChoice, read_models
from core.errors import EngineBusy, ModelGone

THREE = ("new-asr", "middle-asr", "old-asr")


async def list_living() -> tuple[str, ...]:
    await asyncio.sleep(0)
    return THREE[1:]


async def test_concurrent_calls_share_one_list_request() -> None:
    choice = ModelChoice("auto", THREE, list_living)
    assert await asyncio.gather(*(choice.pick() for _ in range(9))) == ["middle-asr"] * 9


async def test_first_preference_is_used_without_a_list() -> None:
    async def fail() -> tuple[str, ...]:
        raise EngineBusy("down")

    assert await ModelChoice("auto", THREE, fail).pick() == "new-asr"


async def test_concurrent_failures_move_on_once_with_one_warning() -> None:
    choice = ModelChoice("mimo-v2-omni")
    model = await choice.pick()
    with capture_logs() as logs:
        for _ in range(5):
            choice.retire(model, ModelGone())
    assert choice.current == "mimo-v2.5"
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [(w["model"], w["next"]) for w in warnings] == [("mimo-v2-omni", "mimo-v2.5")]


def test_models_are_read() -> None:
    assert read_models(b'{"object": "list", "data": [{"id": "a"}, {"id": 7}, "b", {}]}') == {"a"}
    assert read_models(b'{"data":null}') == frozenset()
