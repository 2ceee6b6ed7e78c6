"""How the registry asks for, takes and leaves models."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from core.engines.models import ModelChoice
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
    choice = ModelChoice("auto", THREE, service.list_models)
    assert await choice.pick() == "new-asr"


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
    assert len(warnings) == 1
    assert (warnings[0]["model"], warnings[0]["next"]) == ("new-asr", "middle-asr")


async def test_after_the_last_the_operator_is_told_and_the_list_asked_anew() -> None:
    service = Service(*THREE)
    choice = ModelChoice("auto", THREE, service.list_models)
    for _ in range(2):
        choice.leave(await choice.pick(), ModelGone())
    with pytest.raises(ModelGone):
        choice.leave(await choice.pick(), ModelGone())
    service.living = ("old-asr",)
    assert (await choice.pick(), service.asked) == ("old-asr", 2)
