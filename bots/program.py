"""The program: builds every part and runs them until it is stopped. Nothing else does.

Top-down: `run` is `hearsay run` after its start, `open_program` builds what the other commands
share with it.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from bots import PLATFORMS, list_platforms, load
from bots.home import make_home
from bots.intakes import find_health, list_intakes
from bots.parts import EVERYTHING, Part
from bots.processes import follow_others, meet_others, share_limits
from bots.running import find_jobs, find_part, run_until_stopped
from bots.systemd import keep_alive
from core import commands
from core.admission import Admission
from core.answering.pipeline import AnsweringPipeline
from core.assistant import Assistant
from core.audio import Media, limit_files
from core.clock import CLOCK, Clock
from core.config import Settings
from core.engines import Engines
from core.inbox import Inbox
from core.interfaces import Platform
from core.jobs import Runner, Takes, build_runner
from core.limits.budgets import Budgets
from core.models import ASK
from core.operations.access_requests import AccessRequests
from core.operations.alerts import Alerts
from core.operations.budget_notices import BudgetNotices
from core.operations.incidents import Incidents
from core.operations.model_probe import ModelProbe
from core.operations.roles import Role, list_roles
from core.operations.status import OperatorStatus
from core.requester import BudgetRules
from core.store import Store, find_keys, open_cipher
from core.store.upgrade import upgrade
from core.synthesis.pipeline import SynthesisPipeline
from core.transcription.pipeline import TranscriptionPipeline
from core.worker_process.sandbox import hide_memory, is_root

if TYPE_CHECKING:
    from bots.telemetry import Tracing

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Program:
    """The parts that every command of the command line may use."""

    store: Store
    transcription: TranscriptionPipeline
    synthesis: SynthesisPipeline
    answering: AnsweringPipeline
    roles: tuple[Role, ...]
    budgets: Budgets
    inbox: Inbox
    clock: Clock


def preload(settings: Settings) -> None:
    """Import what is otherwise imported on first use: the platforms and the commands."""
    for name in list_platforms(settings):
        load(PLATFORMS[name])
    commands.menu()


async def run(
    settings: Settings, clients: Mapping[str, Any], parts: Collection[Part] = EVERYTHING,
    clock: Clock = CLOCK,
) -> None:  # fmt: skip
    """Run the program, or some of its parts, until SIGTERM or SIGINT.

    clients: the connections that are open already, by platform.
    Raises ConfigError, PlatformLocked: what the operator has to correct.
    """
    hide_memory()
    if is_root():
        log.warning("running as root: better give the program a user of its own")
    async with open_program(settings, clock) as program, AsyncExitStack() as stack:
        await meet_others(program.store)
        stack.callback(program.inbox.status.gauges.close)
        tracing = await _start_tracing(settings, stack)
        platforms = build_platforms(settings, program.inbox, clock, clients)
        for platform in platforms.values():
            stack.push_async_callback(platform.close)
        mount_api(settings, program, platforms)
        # What is loaded by now stays: collecting it would block the loop for 0.1 s.
        gc.freeze()
        gc.enable()
        await _run_parts(settings, program, platforms, parts, tracing)


async def _start_tracing(settings: Settings, stack: AsyncExitStack) -> Tracing | None:
    """Return what makes traces until `stack` is closed, None if they are off."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return None
    try:
        # Loaded only where it is on.
        from bots.telemetry import open_tracing
    except ImportError:
        remedy = "install the extra telemetry of hearsay-bot"
        log.warning("no traces: their packages are missing", remedy=remedy)
        return None
    return await stack.enter_async_context(open_tracing(endpoint))


async def _run_parts(
    settings: Settings,
    program: Program,
    platforms: dict[str, Platform],
    parts: Collection[Part],
    tracing: Tracing | None,
) -> None:
    store, job_runner = program.store, None
    received = {name: one for name, one in platforms.items() if find_part(name) in parts}
    program.inbox.platforms, program.inbox.received = platforms, received.keys()
    if takes := find_jobs(parts, received, is_shared=store.is_shared):
        job_runner = make_job_runner(settings, program, platforms, takes)
    if tracing:
        tracing.wrap(program.inbox, platforms.values(), job_runner)
        engines = program.transcription.transcriber, program.answering.answerer
        tracing.wrap_engines(*engines, program.synthesis.synthesizer)
    incidents, requests = watch(settings, program, platforms, parts)
    health = find_health(settings, parts, platforms)
    intakes = list_intakes(settings, received, program.clock, health)
    # The others send replies only.
    intakes |= {name: platforms[name].connect() for name in platforms.keys() - received.keys()}
    watches = incidents.run(received), requests.run(), store.events.run()
    others = follow_others(store, program.inbox), keep_alive(program.clock)
    await run_until_stopped(job_runner, incidents, intakes, *watches, *others)


def watch(
    settings: Settings,
    program: Program,
    platforms: Mapping[str, Platform],
    parts: Collection[Part] = EVERYTHING,
) -> tuple[Incidents, AccessRequests]:
    """Return what looks out for the operators, who are told what it finds."""
    store, clock = program.store, program.clock
    alerts = Alerts(store.intake, platforms, settings.admin_ids, clock)
    BudgetNotices(alerts, program.budgets.watch)
    home, is_asking = settings.hearsay_home, ASK in settings.allowed_chats
    # Elsewhere engines are not called.
    is_calling = Part.WORKER in parts or (Part.WEB in parts and settings.api_keys is not None)
    program.inbox.status.health.roles = roles = program.roles if is_calling else ()
    incidents = Incidents(roles, store.probes, alerts.send, home, clock)
    return incidents, AccessRequests(store.admissions, alerts, clock, is_on=is_asking)


@asynccontextmanager
async def open_program(settings: Settings, clock: Clock = CLOCK) -> AsyncIterator[Program]:
    """Migrate the database and build the parts; close them when the context ends."""
    async with open_store(settings, clock) as store, AsyncExitStack() as stack:
        store.admissions.rules = Admission.read(settings, store.admissions.decisions)
        limits = limit_files(settings.max_file_bytes)
        media = Media(limits=limits, begin=store.recordings.begin)
        stack.push_async_callback(media.close)
        engines = Engines(settings)
        stack.push_async_callback(engines.close)
        budgets = Budgets(store.budgets, BudgetRules.read(settings), clock)
        shared = store.results, budgets, clock
        transcription = TranscriptionPipeline(media, engines.transcriber(), *shared)
        synthesis = SynthesisPipeline(engines.synthesizer(), *shared)
        answering = AnsweringPipeline(media, engines.answerer(), *shared)
        answering.allows_urls = settings.allow_urls
        roles = list_roles(transcription, synthesis, answering)
        if store.is_shared:
            await stack.enter_async_context(share_limits(store, roles))
        status = OperatorStatus(store, roles, budgets, settings.hearsay_home)
        inbox = Inbox(store, synthesis, status)
        yield Program(store, transcription, synthesis, answering, roles, budgets, inbox, clock)


@asynccontextmanager
async def open_store(settings: Settings, clock: Clock = CLOCK) -> AsyncIterator[Store]:
    """Create or migrate the database and open it; close it when the context ends.

    Raises ConfigError if it is encrypted and its key is missing.
    """
    home = settings.hearsay_home
    make_home(home)
    # First: without the key of a database nothing in it is changed.
    cipher = await open_cipher(settings.url, find_keys(settings))
    await upgrade(settings, cipher, clock.now())
    store = Store(settings.url, cipher, clock, settings.storage_url)
    try:
        await store.load()
        yield store
    finally:
        await store.close()


def make_job_runner(
    settings: Settings,
    program: Program,
    platforms: dict[str, Platform],
    takes: Takes = Takes.SHARED,
) -> Runner:
    """Return the runner of all jobs, with the daily model probe if it is on."""
    store, clock, model_probe = program.store, program.clock, None
    if settings.model_probe == "daily":
        alerts = Alerts(store.intake, platforms, settings.admin_ids, clock)
        model_probe = ModelProbe(program.roles, store.probes, alerts.send)
    pipelines = program.transcription, program.synthesis, program.answering
    assistant = Assistant(store, *pipelines, clock)
    return build_runner(store, assistant, platforms, model_probe, takes)


def build_platforms(
    settings: Settings, inbox: Inbox, clock: Clock = CLOCK, clients: Mapping[str, Any] | None = None
) -> dict[str, Platform]:
    """Return the configured platforms by name. clients: their connections, if they are open."""
    platforms: dict[str, Platform] = {}
    for name in list_platforms(settings):
        open_client = {"client": clients[name]} if clients and name in clients else {}
        platforms[name] = load(PLATFORMS[name])(settings, inbox, clock=clock, **open_client)
    return platforms


def mount_api(settings: Settings, program: Program, platforms: dict[str, Platform]) -> None:
    """Serve the OpenAI-style API beside the web chat, if there are API keys."""
    if settings.api_keys is None:
        return
    # Loaded only where it is on.
    from bots.openai_api.access import ApiKeys
    from bots.openai_api.app import PATH, build_api
    from bots.openai_api.context import ApiContext
    from bots.web_chat import WebChat

    clock = program.clock
    keys = ApiKeys(settings, clock)
    keys.take = program.store.uses.take if program.store.is_shared else None
    pipelines = program.transcription, program.synthesis, program.answering
    access = settings.api_lenient, settings.api_cors_origins
    context = ApiContext(*pipelines, keys, clock, *access, program.store.controls.paused)
    files = settings.max_file_bytes, program.inbox.begin_recording
    for platform in platforms.values():
        if isinstance(platform, WebChat):
            platform.mount(PATH, build_api(context, platform.body_limit, *files))
