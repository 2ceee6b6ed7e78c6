"""How the registry asks for, takes and leaves models."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from core.engines.models import ModelChoice, find_mimo, is_listed, list_successors, swap_mimo
from core.errors import EngineBusy, ModelGone

THREE = ("new-asr", "middle-asr", "old-asr")


class Service:
    """What a service lists, and how often it was asked."""

    def __init__(self, *living: str) -> None:
        self.living = living
        self.asked = 0
        self.is_down = False

    async def list_models(self) -> tuple[str, ...]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_down:
            raise EngineBusy("down")
        return self.living


async def test_list_is_asked_once_even_by_many() -> None:
    service = Service("old-asr", "middle-asr")
    choice = ModelChoice("auto", THREE, service.list_models)
    assert choice.current == "new-asr"
    assert await asyncio.gather(*(choice.pick() for _ in range(9))) == ["middle-asr"] * 9
    assert service.asked == 1


async def test_first_of_the_preference_is_taken_where_no_list_can_be_had() -> None:
    service = Service()
    service.is_down = True
    assert await ModelChoice("auto", THREE, service.list_models).pick() == "new-asr"


async def test_name_set_by_hand_is_asked_of_nobody() -> None:
    service = Service(*THREE)
    choice = ModelChoice("Own-ASR", THREE, service.list_models)
    assert await choice.pick() == "Own-ASR"
    with pytest.raises(ModelGone):
        choice.leave("Own-ASR", ModelGone())
    assert (await choice.pick(), service.asked) == ("Own-ASR", 0)


async def test_many_calls_that_fail_together_move_on_once_and_warn_once() -> None:
    choice = ModelChoice("auto", THREE, Service(*THREE).list_models)
    model = await choice.pick()
    with capture_logs() as logs:
        for _ in range(5):
            choice.leave(model, ModelGone())
    assert choice.current == "middle-asr"
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [(w["model"], w["next"]) for w in warnings] == [("new-asr", "middle-asr")]


async def test_after_the_last_the_operator_is_told_and_the_list_asked_anew() -> None:
    service = Service(*THREE)
    choice = ModelChoice("auto", THREE, service.list_models)
    for _ in range(2):
        choice.leave(await choice.pick(), ModelGone())
    with pytest.raises(ModelGone):
        choice.leave(await choice.pick(), ModelGone())
    service.living = ("old-asr",)
    assert (await choice.pick(), service.asked) == ("old-asr", 2)


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
def test_names_of_mimo_are_read(
    name: str, model_id: str | None, successors: tuple[str, ...]
) -> None:
    assert (find_mimo(name), list_successors(name)) == (model_id, successors)


def test_large_contexts_are_not_listed_apart() -> None:
    assert swap_mimo("xiaomi/mimo-v2.5-tts[1m]", "mimo-v3") == "xiaomi/mimo-v3"
    assert swap_mimo("tts-1", "mimo-v3") == "mimo-v3"
    assert is_listed("a[1m]", {"a"}) and is_listed("a[1m]", {"a[1m]"}) and is_listed("a", {"a"})
    assert not is_listed("a", {"a[1m]"}) and not is_listed("b[1m]", {"a"})


async def test_retired_name_set_by_hand_is_tried_first_and_left_for_its_successor() -> None:
    choice = ModelChoice("mimo-v2.5")
    tried: list[str] = []

    async def attempt(model: str) -> str:
        tried.append(model)
        if model == "mimo-v2.5":
            raise ModelGone
        return model

    assert await choice.use(attempt) == "mimo-v2.6-flash"
    assert await choice.use(attempt) == "mimo-v2.6-flash"
    assert tried == ["mimo-v2.5", "mimo-v2.6-flash", "mimo-v2.6-flash"]
