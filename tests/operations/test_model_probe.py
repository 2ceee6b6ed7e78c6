"""The daily probe of models, against a local MiMo whose models go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.program import Program, make_job_runner
from core.answering.pipeline import AnsweringPipeline
from core.clock import Clock
from core.engines import Engines
from core.engines.mimo.transcriber import MimoTranscriber
from core.inbox import Inbox
from core.limits.budgets import Budgets
from core.models import ProbeResult, Question, Turn, Utterance
from core.operations.model_probe import ModelProbe
from core.operations.roles import list_roles
from core.operations.status import OperatorStatus
from core.store import Store
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline
from tests.emulators.mimo import MimoServer
from tests.emulators.openai import OpenAIServer
from tests.engines.conftest import collect_audio, make_audio, make_settings
from tests.support.clean_start import open_store
from tests.support.thread_media import ThreadMedia
from tests.support.virtual_time import current_clock

T0 = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GOOD = ("mimo-v3-asr", "mimo-v2.6-flash", "mimo-v2.5-tts")
NEXT = ("mimo-v2.5-asr", "mimo-v2.5", "mimo-v2-tts")
ROLES = ("hears", "understands", "speaks")
TASKS = ("transcription", "answers", "speech")


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MimoServer]:
    monkeypatch.setattr(MimoTranscriber, "models", (GOOD[0], NEXT[0]))
    async with MimoServer() as server:
        server.rules.models = (*GOOD, *NEXT)
        yield server


class ProbeSetup:
    """What is probed, and who probes it."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.store = store
        media, clock = ThreadMedia(), current_clock()
        self.engines = Engines(make_settings(**settings))
        self.budgets = Budgets(store.budgets)
        shared = store.results, self.budgets, clock
        transcription = TranscriptionPipeline(media, self.engines.transcriber(), *shared)
        synthesis = SynthesisPipeline(self.engines.synthesizer(), *shared)
        answering = AnsweringPipeline(media, self.engines.answerer(), *shared)
        self.pipelines = transcription, synthesis, answering
        self.roles = list_roles(*self.pipelines)
        self.status = OperatorStatus(store, self.roles, self.budgets)
        #: What the operator is reported, with what makes it one piece of news.
        self.reported: list[tuple[str, str]] = []
        self.model_probe = ModelProbe(self.roles, store.probes, self.tell)

    async def tell(self, key: str, text: str) -> None:
        self.reported.append((key, text))

    async def use(self) -> None:
        """Let people use each role once."""
        assert (await self.engines.transcriber().transcribe(make_audio(5))).text == "w5"
        assert (await self.engines.answerer().answer(Question((Turn("user", "Hi."),)))).text
        assert await collect_audio(self.engines.synthesizer(), Utterance("Hi."))

    async def states(self) -> dict[str, tuple[str, ProbeResult | None]]:
        return {s.role: (s.model, s.probe) for s in await self.status.engines()}


@asynccontextmanager
async def a_bot(home: Path, **settings: Any) -> AsyncIterator[ProbeSetup]:
    bot = ProbeSetup(open_store(home), **settings)
    try:
        yield bot
    finally:
        await bot.engines.close()
        await bot.store.close()


def on_mimo(server: MimoServer) -> dict[str, Any]:
    return {"mimo_api_key": server.key, "mimo_base_url": server.base_url}


@pytest.fixture
async def bot(server: MimoServer, tmp_path: Path) -> AsyncIterator[ProbeSetup]:
    async with a_bot(tmp_path, **on_mimo(server)) as bot:
        yield bot


def warnings(logs: Any) -> list[tuple[Any, ...]]:
    fields = ("model", "next", "error")
    found = [log for log in logs if log["log_level"] == "warning"]
    return [tuple(log[name] for name in fields if name in log) for log in found]


async def test_a_model_that_ends_at_night_is_left_before_anybody_calls(
    bot: ProbeSetup, server: MimoServer
) -> None:
    await bot.model_probe.probe_due(T0)
    assert [call.model for call in server.billed] == [*GOOD]
    hears, understands, speaks = server.billed
    assert (hears.duration_s, hears.text, speaks.text) == (1.0, "", "Yes."), "it costs little"
    assert understands.body["thinking"] == {"type": "disabled"}
    assert understands.body["max_completion_tokens"] == 16
    server.rules.models = NEXT
    with capture_logs() as logs:
        await bot.model_probe.probe_due(T0 + DAY)
        before = len(server.all_requests)
        await bot.use()
        await bot.model_probe.probe_due(T0 + 2 * DAY)
    assert warnings(logs) == list(zip(GOOD, NEXT, strict=True)), "reported once"
    assert "succeeded" not in str(logs)
    assert bot.reported == [
        (
            f"{role}:{(T0 + DAY).isoformat()}",
            f"mimo: the model for {task} is now {new} instead of {old}.",
        )
        for role, task, old, new in zip(ROLES, TASKS, GOOD, NEXT, strict=True)
    ]
    calls = server.all_requests[before:]
    assert [(call.model, call.status) for call in calls] == [(model, 200) for model in NEXT] * 2
    assert await bot.states() == {
        role: (model, ProbeResult(role, "mimo", model, T0 + 2 * DAY))
        for role, model in zip(ROLES, NEXT, strict=True)
    }


async def test_nobody_is_probed_twice_a_day(server: MimoServer, tmp_path: Path) -> None:
    """Whatever restarts and clocks do; each jump of a clock costs one probe at most."""
    hours = [(0, 3), (1, 3), (23, 3), (24, 6), (9600, 9), (9601, 9), (48, 12), (49, 12), (72, 15)]
    for moment, billed in ((T0 + n * HOUR, billed) for n, billed in hours):
        async with a_bot(tmp_path, **on_mimo(server)) as bot:
            await asyncio.gather(*(bot.model_probe.probe_due(moment) for _ in range(3)))
            assert len(server.billed) == billed, moment


async def test_an_end_within_a_probe_makes_no_second_one(
    bot: ProbeSetup, server: MimoServer
) -> None:
    server.rules.latency_s = 30.0
    task = asyncio.create_task(bot.model_probe.probe_due(T0))
    async with asyncio.timeout(30):
        while not server.requests:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    server.rules.latency_s = 0.0
    await bot.model_probe.probe_due(T0 + HOUR)
    assert [call.model for call in server.billed[-2:]] == [*GOOD[1:]]
    assert len(server.requests) == 3, "one of each role"


async def test_a_dead_model_is_reported_once(server: MimoServer, tmp_path: Path) -> None:
    """Even if the program restarts each day."""
    failed: list[str] = []
    reported: list[str] = []
    for days, (living, error) in enumerate([((), "ModelGone")] * 3 + [(GOOD, "")]):
        server.rules.models = living
        with capture_logs() as logs:
            async with a_bot(tmp_path, **on_mimo(server)) as bot:
                await bot.model_probe.probe_due(T0 + days * DAY)
                states = await bot.states()
                reported += [text for _, text in bot.reported]
        assert [probe.error for _, probe in states.values() if probe] == [error] * 3
        failed += [log["role"] for log in logs if log.get("error") == "ModelGone"]
    assert failed == [*ROLES], "each role once in three days"
    assert reported == [
        f"mimo: the model for {task}, {model}, failed the daily probe (ModelGone)."
        " Run hearsay doctor for details."
        for task, model in zip(TASKS, GOOD, strict=True)
    ]
    assert [log["role"] for log in logs if "succeeded" in log["event"]] == [*ROLES]


async def test_a_bad_night_of_the_service_holds_nobody_up(
    bot: ProbeSetup, server: MimoServer
) -> None:
    server.add_fault("503", times=3)
    with capture_logs() as logs:
        await bot.model_probe.probe_due(T0)
    assert [found[-1] for found in warnings(logs)] == ["EngineBusy"] * 3
    assert server.key not in str(logs) and server.origin not in str(logs)
    assert {state.gate.pause_s for state in await bot.status.engines()} == {0.0}
    await bot.use()
    assert [call.model for call in server.billed] == [*GOOD], "busy models are not left"


async def test_this_machine_alone_is_left_alone(tmp_path: Path) -> None:
    async with a_bot(tmp_path) as bot:
        await bot.model_probe.probe_due(T0)
        assert await bot.store.probes.all() == {}
        assert [probe for _, probe in (await bot.states()).values()] == [None] * 3


async def test_openai_style_servers_are_probed_too(tmp_path: Path) -> None:
    async with OpenAIServer() as server, a_bot(tmp_path, openai_base_url=server.base_url) as bot:
        await bot.model_probe.probe_due(T0)
        assert {probe.error for _, probe in (await bot.states()).values() if probe} == {""}
        world = server.world
        assert [
            len(calls)
            for calls in (world.transcription_requests, world.chat_requests, world.speech_requests)
        ] == [1, 1, 1]


@pytest.mark.parametrize(("setting", "is_on"), [("off", False), ("daily", True)])
async def test_the_program_probes_unless_that_is_off(
    bot: ProbeSetup, clock: Clock, setting: str, is_on: bool
) -> None:
    inbox = Inbox(bot.store, bot.pipelines[1], bot.status)
    program = Program(bot.store, *bot.pipelines, bot.roles, bot.budgets, inbox, clock)
    worker = make_job_runner(make_settings(model_probe=setting), program, {})
    assert bool(worker._chores._probe) is is_on  # type: ignore[attr-defined]
