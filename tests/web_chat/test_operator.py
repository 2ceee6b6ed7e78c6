"""The operator's view over its API, with the real store behind it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
import structlog
from httpx import URL, AsyncClient

from core import errors
from core.config import Settings
from core.locale import LANGUAGES
from core.logs import set_up_logs
from core.models import UNIT_NAMES, Account, Amount, JobState, Settlement
from tests.locale.catalogues import read_page_words
from tests.support.kept_logging import keep_logging
from tests.support.paths import ROOT
from tests.support.virtual_time import current_clock
from tests.support.web_client import open_client
from tests.support.web_inbox import FakeInbox, open_web
from tests.support.web_operator import (
    KEY,
    MARKER,
    PASSWORD,
    OperatorPage,
    add_job,
    move_back,
    open_operator_page,
)

# One program for all tests here, so they share one loop.
LOOP: Literal["module"] = "module"
pytestmark = pytest.mark.asyncio(loop_scope=LOOP)
STATIC = ROOT / "bots" / "web_chat" / "static"
READ = ("state", "figures", "problems", "jobs?show=all&limit=500", "jobs?show=dead")


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def operator_page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OperatorPage]:
    async with open_operator_page(tmp_path_factory.mktemp("home")) as operator_page:
        yield operator_page


@pytest_asyncio.fixture(scope="module", loop_scope=LOOP)
async def operator(operator_page: OperatorPage) -> AsyncIterator[AsyncClient]:
    """A browser that is logged in."""
    async with open_client(operator_page.web) as client:
        client.base_url = URL(f"{operator_page.web.url}/operator")
        answer = await client.post("/login", json={"password": PASSWORD})
        assert answer.status_code == 200
        yield client


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    with keep_logging():
        set_up_logs("WARNING", [KEY], format="json")
        # Loggers of the program that are used now would log like this in later tests, too.
        structlog.configure(cache_logger_on_first_use=False)
        yield


async def get(client: AsyncClient, path: str) -> Any:
    answer = await client.get(f"/api/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_view_is_off_without_its_password(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        settings = Settings(hearsay_home=tmp_path, web_port=0)
        async with open_web(settings, FakeInbox()) as web, open_client(web) as client:
            await refuse_all(client)
    assert "operator's view is off: ADMIN_PASSWORD is not set" in [e["event"] for e in logged]


async def refuse_all(client: AsyncClient) -> None:
    for path in ("", "/", "/login", *(f"/api/{path}" for path in READ)):
        assert (await client.get(f"/operator{path}")).status_code == 404, path
    assert (await client.post("/operator/login", json={"password": ""})).status_code == 404


async def test_nothing_is_read_without_login(operator_page: OperatorPage) -> None:
    async with open_client(operator_page.web) as client:
        for path in READ:
            answer = await client.get(f"/operator/api/{path}")
            assert answer.status_code == 401
            assert answer.json() == {"error": "Please log in.", "login": "/operator/login"}
        page = await client.get("/operator", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/operator/login")
        assert (await client.get("/api/commands")).status_code == 200, "the page itself is free"


async def test_state_shows_platforms_queue_and_engines(
    operator_page: OperatorPage, operator: AsyncClient
) -> None:
    before = (await get(operator, "state"))["queue"]
    await add_job(operator_page.store)
    await add_job(operator_page.store, JobState.DEAD)
    state = await get(operator, "state")
    assert state["platforms"] == {"telegram": None, "discord": None, "web": True}
    assert state["queue"]["due"] == before["due"] + 1
    assert state["queue"]["dead"] == before["dead"] + 1
    assert state["queue"]["oldest_at"] <= state["now"]
    roles = {one["role"]: one for one in state["engines"]}
    assert (roles["hears"]["engine"], roles["hears"]["model"]) == ("mimo", "mimo-v2.5-asr")
    assert roles["understands"]["model"] and roles["speaks"]["model"]
    assert roles["hears"]["calls"] == {"used": 0, "limit": 100}


async def test_job_is_shown_with_its_steps(
    operator_page: OperatorPage, operator: AsyncClient
) -> None:
    job_id = await add_job(operator_page.store, JobState.DONE)
    steps = await get(operator, f"jobs/{job_id}")
    job = steps["job"]
    assert (job["state"], job["command"], job["platform"]) == ("done", "transcribe", "telegram")
    assert (job["has_sound"], job["has_reply"], steps["has_transcript"]) == (True, True, True)
    assert steps["deliveries"] == [{"part": 0, "state": "sent"}]
    assert job_id in {one["job_id"] for one in (await get(operator, "jobs?show=ended"))["jobs"]}
    assert (await operator.get("/api/jobs/0000000000")).status_code == 404
    for bad in ("jobs?show=nothing", "jobs?limit=0", "jobs?limit=501", "jobs?limit=x"):
        assert (await operator.get(f"/api/{bad}")).status_code == 422, bad


async def test_dead_letter_is_shown_and_retried(
    operator_page: OperatorPage, operator: AsyncClient
) -> None:
    woken = asyncio.Event()
    operator_page.store.on_job(woken.set)
    job_id = await add_job(operator_page.store, JobState.DEAD, "EngineBusy: no answer")
    dead = {one["job_id"]: one for one in (await get(operator, "jobs?show=dead"))["jobs"]}
    assert dead[job_id]["error"] == "EngineBusy: no answer"
    evil = {"Origin": "http://evil.example"}
    assert (await operator.post(f"/api/jobs/{job_id}/retry", headers=evil)).status_code == 403
    found = await operator_page.store.jobs.find(job_id)
    assert found and found.state is JobState.DEAD
    answer = await operator.post(f"/api/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["job"]["state"]) == (200, "waiting")
    assert woken.is_set(), "it need not wait until the table is looked at"
    found = await operator_page.store.jobs.find(job_id)
    assert found and (found.state, found.attempts, found.reply) == (JobState.WAITING, 0, None)
    again = await operator.post(f"/api/jobs/{job_id}/retry")
    error = {"error": "Only dead letters can be retried."}
    assert (again.status_code, again.json()) == (409, error)
    assert (await operator.post("/api/jobs/0000000000/retry")).status_code == 404
    assert (await operator.get(f"/api/jobs/{job_id}/retry")).status_code in (404, 405)


@pytest.mark.finding(10)
async def test_figures_show_hours_and_usage(
    operator_page: OperatorPage, operator: AsyncClient
) -> None:
    await move_back(
        operator_page.store, await add_job(operator_page.store, JobState.DONE), 2.0, 5.0
    )
    statistics = await get(operator, "figures")
    assert len(statistics["hours"]) == 24
    assert (statistics["hours"][-3]["ended"], statistics["hours"][-3]["median_s"]) == (
        {"done": 1},
        5.0,
    )
    spent = {(one["engine"], one["model"]): one for one in statistics["month"]}
    transcribed = spent["mimo", "mimo-v2.5-asr"]
    assert transcribed["audio_s"] >= 3.0
    per_call = {"audio_tokens": 19, "cached_tokens": 8, "reasoning_tokens": 7}
    assert {name: transcribed[name] / transcribed["calls"] for name in per_call} == per_call
    assert transcribed["cost_usd"] / transcribed["calls"] == pytest.approx(3.0 / 3600 * 0.074)
    assert statistics["prices_at"] == "2026-10-01"


async def test_budgets_of_the_bot_and_of_who_has_used_most(
    operator_page: OperatorPage, operator: AsyncClient
) -> None:
    ledger, today = operator_page.store.budgets, current_clock().now().date()
    account, amount = Account("person", "telegram:70701001"), Amount(90_000, 250_000, 3)
    await ledger.reserve([account], amount, today)
    await ledger.release(Settlement((account,), today, amount, amount))
    bot, person = (await get(operator, "figures"))["budgets"]
    assert (bot["kind"], person["kind"]) == ("bot", "person")
    assert person["name"] == await ledger.short_id(account) and "70701001" not in str(person)
    assert [(one["unit"], one["period"], one["used"], one["most"]) for one in person["limits"]] == [
        ("min", "day", 1.5, 180),
        ("USD", "day", 0.25, 0.5),
        ("requests", "day", 3, 250),
    ]
    assert person["used"]["month"] == {"audio_s": 90.0, "cost_usd": 0.25}
    # The page knows how to show each unit.
    script = (STATIC / "operator" / "engines.js").read_text()
    assert all(f"{unit}: format" in script for unit in UNIT_NAMES)


@pytest.mark.finding(24)
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
async def test_every_error_has_a_sentence(language: str) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    names = {f"error_{kind.__name__}" for kind in kinds if kind is not errors.AssistantError}
    known = read_page_words(language)["operator"]
    assert {key for key in known if re.match("error_[A-Z]", key)} == names


@pytest.mark.usefixtures("logs")
async def test_problems_have_ids(operator: AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().warning("failed", error="EngineBusy: 503", job="0123456789")
    newest = (await get(operator, "problems"))["problems"][0]
    expected = ("warning", "failed", "EngineBusy", "0123456789")
    assert (newest["level"], newest["event"], newest["error"], newest["job_id"]) == expected
    assert newest["id"] in capsys.readouterr().err


@pytest.mark.usefixtures("logs")
async def test_no_response_contains_messages_or_secrets(
    operator_page: OperatorPage, operator: AsyncClient
) -> None:
    for state in JobState:
        await add_job(operator_page.store, state, f"EngineLocked: {KEY} {PASSWORD}")
    structlog.get_logger().error(f"broke with {KEY}", text=MARKER, error=f"{KEY}: {MARKER}")
    logging.getLogger("library").error("%s %s", MARKER, KEY)
    everything = [(await operator.get("")).text, (await operator.get("/login")).text]
    for path in READ:
        answer = await operator.get(f"/api/{path}")
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        everything.append(answer.text)
    for job in (await get(operator, "jobs?show=all&limit=500"))["jobs"]:
        everything.append((await operator.get(f"/api/jobs/{job['job_id']}")).text)
    dead = (await get(operator, "jobs?show=dead"))["jobs"]
    everything.append((await operator.post(f"/api/jobs/{dead[0]['job_id']}/retry")).text)
    for text in everything:
        for canary in (MARKER, KEY, PASSWORD):
            assert canary not in text
    assert any("EngineLocked: [secret] [secret]" in text for text in everything)
