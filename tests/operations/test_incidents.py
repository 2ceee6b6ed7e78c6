"""Operators are told at once, and once, what only they can fix, and when it is well again."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.doctor.engine_checks import check_engine, check_mimo
from bots.doctor.results import CheckRun, Status
from bots.intakes import list_intakes
from bots.program import make_job_runner, open_program
from bots.running import run_until_stopped
from core.clock import Clock
from core.engines.wire.models import ModelChoice
from core.errors import EngineError, ModelGone, PlatformLocked
from core.interfaces import Platform
from core.models import Chat
from core.operations.alerts import Alerts
from core.operations.health import LOW_BYTES, WELL_BYTES
from core.operations.incidents import PROBE_S, Incidents
from core.operations.model_probe import probe_role
from core.store import Store
from tests.emulators.mimo import MimoServer
from tests.engines.conftest import make_settings
from tests.operations.test_model_probe import ProbeSetup
from tests.support.clean_start import make_database
from tests.support.loopback import LoopbackPlatform
from tests.support.virtual_time import current_clock

pytestmark = pytest.mark.finding(12)

Usage = namedtuple("Usage", "total used free")


class Watched(ProbeSetup):
    """The engines of the local MiMo, and what watches them."""

    def __init__(self, store: Store, home: Path, mimo: MimoServer) -> None:
        super().__init__(
            store, mimo_base_url=mimo.base_url, mimo_api_key=mimo.key, mimo_chat_model="auto"
        )
        self.home = home
        self.platforms: dict[str, Platform] = {"test": LoopbackPlatform()}
        self.restart()

    def restart(self) -> None:
        self.incidents = Incidents(
            self.roles, self.store.probes, self.tell, self.home, current_clock()
        )

    @property
    def texts(self) -> list[str]:
        """What operators have got: each key is sent once."""
        told: dict[str, str] = {}
        for key, text in self.reported:
            told.setdefault(key, text)
        return [*told.values()]

    async def check(self, times: int = 3) -> None:
        for _ in range(times):
            await current_clock().sleep(1)
            await self.incidents.check(self.platforms)


@pytest.fixture
async def watched(store: Store, tmp_path: Path, mimo: MimoServer) -> AsyncIterator[Watched]:
    watched = Watched(store, tmp_path, mimo)
    yield watched
    await watched.engines.close()


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("401", "rejects the key"),
        ("402", "balance is used up"),
        ("403", "refuses access"),
        ("404_model", "has no model for answers"),
    ],
)
async def test_a_refusal_is_told_once_and_that_it_is_well_again(
    watched: Watched, mimo: MimoServer, clock: Clock, kind: str, told: str
) -> None:
    mimo.add_fault(kind, times=None)
    for _ in range(2):
        with pytest.raises(EngineError):
            await probe_role(watched.roles[1])
    await watched.check()
    assert len(watched.texts) == 1 and told in watched.texts[0]
    assert (await watched.status.health.check())["mimo"]
    watched.restart()
    await watched.check()
    assert len(watched.texts) == 1, "a restart is no new incident"
    mimo.clear_faults()
    await clock.sleep(PROBE_S + 60)
    await watched.check()
    assert watched.texts[1:] == ["mimo works again."]
    assert not (await watched.status.health.check())["mimo"]
    await watched.check()
    assert len(watched.texts) == 2


async def test_the_first_answer_of_an_account_that_was_refused_has_the_rest_of_it_looked_at(
    watched: Watched, mimo: MimoServer, clock: Clock
) -> None:
    """Not ready for five minutes after somebody was answered, else."""
    mimo.add_fault("402", times=None)
    with pytest.raises(EngineError):
        await probe_role(watched.roles[0])
    await watched.check()
    assert len(mimo.requests) > len(watched.roles), "all were looked at once"
    mimo.clear_faults()
    await clock.sleep(60)
    await watched.check()
    assert len(watched.texts) == 1 and (await watched.status.health.check())["mimo"]
    await probe_role(watched.roles[0])
    await watched.check()
    assert watched.texts[1:] == ["mimo works again."]
    assert not (await watched.status.health.check())["mimo"]


async def test_an_ended_model_that_was_replaced_is_told_at_once(
    watched: Watched, mimo: MimoServer, clock: Clock
) -> None:
    mimo.rules.models = (*mimo.rules.models, "mimo-v2.5")
    await probe_role(watched.roles[1])
    await watched.check()
    answerer = watched.roles[1].engine
    before = answerer.model
    mimo.rules.models = tuple(name for name in mimo.rules.models if name != before)
    await probe_role(watched.roles[1])
    await watched.check()
    [text] = watched.texts
    assert text == f"mimo: the model for answers is now {answerer.model} instead of {before}."


async def test_a_disk_that_fills_is_told_once_per_time(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [LOW_BYTES - 1, LOW_BYTES // 2, WELL_BYTES - 1, WELL_BYTES + 1, WELL_BYTES + 1, 1]
    for number in free:
        usage = Usage(1, 1, number)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        await watched.check(1)
    kinds = [text.partition(":")[0] for text in watched.texts]
    assert kinds == ["The disk is filling", "The disk has space again", "The disk is filling"]


async def test_a_refused_platform_is_told_on_another_before_the_program_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(hearsay_home=tmp_path)
    make_database(tmp_path)
    other, refused = LoopbackPlatform(), LoopbackPlatform()
    refused.name, refused.is_ready = "refused", False

    async def run() -> None:
        raise PlatformLocked("the token")

    monkeypatch.setattr(refused, "run", run)
    async with open_program(settings, current_clock()) as program:
        platforms: dict[str, Platform] = {"test": other, "refused": refused}
        program.inbox.platforms = platforms
        alerts = Alerts(program.store.intake, platforms, ["test:7"], program.clock)
        for _ in range(2):  # a supervisor starts it again
            incidents = Incidents(
                program.roles, program.store.probes, alerts.send, tmp_path, program.clock
            )
            runner = make_job_runner(settings, program, platforms)
            with pytest.raises(PlatformLocked):
                intakes = list_intakes(settings, platforms, program.clock)
                await run_until_stopped(runner, incidents, intakes, incidents.run(platforms))
        [(_, reply)] = other.sent
        assert "refused rejects the bot's token" in reply.text
        refused.is_ready = True
        await incidents.check(platforms)
        jobs = await program.store.jobs.history(Chat("test", "1", "7"))
        assert jobs[0].message.text == "refused accepts the bot again."


async def test_a_platform_that_rejects_the_bot_is_told_while_the_program_runs(
    watched: Watched,
) -> None:
    platform = LoopbackPlatform()
    watched.platforms["refused"] = platform
    await watched.check()
    platform.is_ready, platform.is_locked = False, True
    await watched.check()
    platform.is_ready, platform.is_locked = True, False
    await watched.check()
    told = "refused rejects the bot's token. The program stops soon, until it is replaced."
    assert watched.texts == [told, "refused accepts the bot again."]


async def test_during_402_doctor_says_so_and_names_the_models_that_are_used(
    mimo: MimoServer, tmp_path: Path
) -> None:
    living = [name for name in mimo.rules.models if name != "mimo-v2.6-flash"]
    mimo.rules.models = (*living, "mimo-v2.5")
    settings = make_settings(
        hearsay_home=tmp_path,
        mimo_base_url=mimo.base_url,
        mimo_api_key=mimo.key,
        mimo_chat_model="auto",
    )
    run = CheckRun(settings)
    assert "mimo answers (mimo-v2.5)" in (await check_engine(run)).text
    assert (await check_mimo(run)).status is Status.OK
    mimo.add_fault("402", times=None)
    result = await check_mimo(run)
    assert result.status is Status.FAIL and "402" in result.text and "Top up" in result.cure


async def test_a_retired_model_is_followed_by_the_next_living_one() -> None:
    async def list_models() -> tuple[str, ...]:
        return ("a", "c")

    async def attempt(model: str) -> str:
        if model == "a":
            raise ModelGone("404")
        return model

    choice = ModelChoice("auto", ("a", "b", "c"), list_models)
    assert await choice.use(attempt) == "c", "b is not on the service's list"
