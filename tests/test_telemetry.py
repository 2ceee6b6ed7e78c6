"""Traces: one of each message, through a restart, without content; none where they are off."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bots import program
from bots.telemetry import find_root
from core.clock import Clock
from tests.chaos.notes import make_note, read_number
from tests.emulators.mimo import MimoServer
from tests.emulators.otlp import Collector, ReceivedSpan, run_collector
from tests.emulators.telegram import TelegramServer
from tests.support.clean_start import ask_database, make_database
from tests.support.fake_inbox import make_settings

NAME = "Ann Zebrafink"
Start = Callable[..., Any]


@pytest.fixture
def start(
    telegram: TelegramServer,
    mimo: MimoServer,
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Start:
    """Run the program between local servers."""
    monkeypatch.setattr(gc, "freeze", lambda: None)
    make_database(tmp_path)

    @asynccontextmanager
    async def run(**settings: Any) -> AsyncIterator[None]:
        own = make_settings(
            hearsay_home=tmp_path, web_port=0, telegram_bot_token=telegram.token,
            telegram_api_base_url=telegram.api_base_url,
            telegram_file_base_url=telegram.file_base_url,
            mimo_base_url=mimo.base_url, mimo_api_key=mimo.key, model_probe="off", **settings,
        )  # fmt: skip
        task = asyncio.create_task(program.run(own, {}, clock=clock))
        try:
            await clock.sleep(2)
            yield
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await task

    return run


def named(collector: Collector, begin: str) -> list[ReceivedSpan]:
    return [span for span in collector.spans if span.name.startswith(begin)]


async def test_a_message_is_one_trace_through_a_restart(
    start: Start, telegram: TelegramServer, mimo: MimoServer, tmp_path: Path, clock: Clock
) -> None:
    ann = telegram.add_user(NAME)
    note = await asyncio.to_thread(make_note, 7)
    with run_collector() as collector:
        endpoint = {"otel_exporter_otlp_endpoint": collector.url}
        mimo.rules.latency_s = 30.0
        async with start(**endpoint):
            telegram.send_voice(ann, ann, note, duration=2)
            await clock.sleep(5)
        mimo.rules.latency_s = 0.0
        async with start(**endpoint):
            await clock.sleep(60)
        answer = telegram.replies(ann)[-1]
        assert read_number(answer.text) == 7
        [(job_id,)] = ask_database(tmp_path, "SELECT job_id FROM jobs WHERE command = 'transcribe'")
        check_trace(collector, job_id)
        check_content(collector, answer.text, (NAME.split()[1], str(ann), mimo.key, telegram.token))


def check_trace(collector: Collector, job_id: str) -> None:
    root = find_root(job_id)
    trace_id, root_id = f"{root.trace_id:032x}", f"{root.span_id:016x}"
    assert {span.trace_id for span in collector.spans} == {trace_id}
    [intake] = named(collector, "receive telegram")
    assert (intake.span_id, intake.parent_id) == (root_id, "")
    first, second = named(collector, "run transcribe")
    assert first.parent_id == second.parent_id == root_id
    assert (first.is_error, first.attributes["error.type"]) == (True, "CancelledError")
    assert not second.is_error and second.attributes["hearsay.has_ended"] is True
    cut, call = named(collector, "transcribe mimo")
    assert (cut.parent_id, call.parent_id) == (first.span_id, second.span_id)
    assert call.attributes["gen_ai.operation.name"] == "transcribe"
    assert call.attributes["gen_ai.provider.name"] == "mimo"
    assert 1 < call.attributes["hearsay.audio_s"] < 5
    [delivery] = named(collector, "deliver telegram")
    assert delivery.parent_id == second.span_id
    assert len(collector.spans) == 6


def check_content(collector: Collector, text: str, others: tuple[str, ...]) -> None:
    raw = b"".join(collector.raw)
    for words in (text, "w7", *others):
        assert words.encode() not in raw
    assert not any(span.events for span in collector.spans)


async def test_answers_and_speech_tell_models_and_tokens_and_errors_their_class_alone(
    start: Start, telegram: TelegramServer, mimo: MimoServer, clock: Clock
) -> None:
    ann = telegram.add_user(NAME)
    with run_collector() as collector:
        async with start(otel_exporter_otlp_endpoint=f"{collector.url}/"):
            mimo.add_fault("content_filter")
            for text in (
                "/ask what sings at dusk",
                "/ask what sings at dawn",
                "/say quarter to ten",
            ):
                telegram.send_command(ann, ann, text)
                await clock.sleep(30)
        refused, answered = named(collector, "chat ")
        assert refused.is_error and refused.attributes["error.type"] == "EngineRefused"
        assert answered.attributes["gen_ai.usage.input_tokens"] > 0
        assert answered.attributes["gen_ai.usage.output_tokens"] > 0
        [spoken] = named(collector, "synthesize ")
        assert spoken.attributes["hearsay.audio_s"] > 0 and not spoken.is_error
        assert len({span.trace_id for span in collector.spans}) == 3
        check_content(collector, "sings", ("dusk", "quarter to ten", NAME))


async def test_a_collector_that_is_away_holds_nothing_up(
    start: Start, telegram: TelegramServer, clock: Clock
) -> None:
    ann = telegram.add_user(NAME)
    async with start(otel_exporter_otlp_endpoint="http://127.0.0.1:1"):
        telegram.send_command(ann, ann, "/help")
        await clock.sleep(5)
        assert telegram.replies(ann)


async def test_without_the_packages_there_are_no_traces_and_all_else_works(
    start: Start, telegram: TelegramServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "bots.telemetry")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    ann = telegram.add_user(NAME)
    async with start(otel_exporter_otlp_endpoint="http://127.0.0.1:1"):
        telegram.send_command(ann, ann, "/help")
        await clock.sleep(5)
        assert telegram.replies(ann)
