"""The choice of a model and its replacement."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from core.engines.wire.models import (
    ModelChoice,
    find_mimo,
    is_listed,
    list_successors,
    read_models,
    swap_mimo,
)
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


@pytest.mark.parametrize(
    ("name", "model_id", "successors"),
    [
        ("mimo-v2.6-flash", "mimo-v2.6-flash", ()),
        ("mimo-v2-omni", "mimo-v2-omni", ("mimo-v2.5", "mimo-v2.6-flash")),
        ("xiaomi/mimo-v2-tts", "mimo-v2-tts", ("xiaomi/mimo-v2.5-tts",)),
        ("a.b/c-d/mimo-v2.5-pro[1m]", "mimo-v2.5-pro", ("a.b/c-d/mimo-v2.6-pro[1m]",)),
        *((name, None, ()) for name in ("XiaomiMiMo/MiMo-V2.5-ASR", "mimo-audio", "auto")),
    ],
)
def test_mimo_names_are_parsed(
    name: str, model_id: str | None, successors: tuple[str, ...]
) -> None:
    assert (find_mimo(name), list_successors(name)) == (model_id, successors)


def test_large_contexts_are_not_listed_apart() -> None:
    assert swap_mimo("xiaomi/mimo-v2.5-tts[1m]", "mimo-v3") == "xiaomi/mimo-v3"
    assert swap_mimo("tts-1", "mimo-v3") == "mimo-v3"
    assert is_listed("a[1m]", {"a"}) and is_listed("a[1m]", {"a[1m]"}) and is_listed("a", {"a"})
    assert not is_listed("a", {"a[1m]"}) and not is_listed("b[1m]", {"a"})


def test_models_are_read() -> None:
    assert read_models(b'{"object": "list", "data": [{"id": "a"}, {"id": 7}, "b", {}]}') == {"a"}
    assert read_models(b'{"data":null}') == frozenset()
