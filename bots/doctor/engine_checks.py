"""Checks of the engines: which ones are used, and whether their services work."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from bots.doctor.results import CheckRun, Result, fail, ok, warn
from bots.exit_codes import CONFIG, LOCKED
from core.config import Settings
from core.engines import OFFLINE, Engines
from core.engines.check import check_service, try_answerer
from core.engines.offline.transcriber import is_installed
from core.engines.wire.role import HttpRole
from core.errors import EngineBadReply, EngineError, EngineLocked, ModelGone

_BALANCE_CURE = "Top up the account at platform.xiaomimimo.com."
#: How keys of a token plan begin, and the addresses of its regions. A key works in one alone.
PLAN_KEY = "tp-"
PLAN_REGIONS = {
    "cn": "https://token-plan-cn.xiaomimimo.com/v1",
    "sgp": "https://token-plan-sgp.xiaomimimo.com/v1",
    "ams": "https://token-plan-ams.xiaomimimo.com/v1",
}
ESPEAK_CURE = (
    "Run: apt install espeak-ng (on macOS: brew install espeak-ng), or without it:"
    " .venv/bin/pip install -e '.[offline-speech]'"
)
OFFLINE_CURE = (
    "A speech service replaces it. To build it: apt install gcc python3-dev, then: make offline"
)
_VERBS = {"transcriber": "transcribes", "answerer": "answers", "synthesizer": "synthesizes"}


async def check_engine(run: CheckRun) -> Result:
    """Check that each role has an engine that is set up."""
    engines = Engines(run.settings)
    try:
        transcriber, answerer = engines.transcriber(), engines.answerer()
        synthesizer = engines.synthesizer()
        models = [await _find_model(one) for one in (transcriber, answerer, synthesizer)]
    finally:
        await engines.close()
    cures = []
    text = f"{transcriber.name} transcribes ({models[0]})"
    if transcriber.name == OFFLINE and not is_installed():
        text = "nothing transcribes: the offline transcription is not installed"
        cures.append(OFFLINE_CURE)
    if answerer.name == OFFLINE:
        text += ", questions are answered with extracts"
    else:
        text += f", {answerer.name} answers ({models[1]})"
    if synthesizer.name == OFFLINE and not synthesizer.voices():
        text += ", nothing synthesizes"
        cures.append(ESPEAK_CURE)
    else:
        text += f", {synthesizer.name} synthesizes ({models[2]})"
    return warn(text, " ".join(cures)) if cures else ok(text)


async def _find_model(engine: Any) -> str:
    """Return the model that the engine will really use."""
    name: str = await engine.find_model() if isinstance(engine, HttpRole) else engine.model
    return name


async def check_mimo(run: CheckRun) -> Result:
    """Check that MiMo accepts the key and has the models."""
    if run.settings.mimo_api_key is None:
        return ok("not set up: MIMO_API_KEY is empty")
    try:
        service = await check_service(run.settings, "mimo")
    except (EngineLocked, EngineBadReply) as error:
        return fail(f"MiMo refuses access: {error}", _find_key_cure(run.settings), LOCKED)
    run.note_clock("MiMo", service.date)
    try:
        # An account without balance may list its models, and refuses calls only.
        with suppress(ModelGone):  # below
            await try_answerer(run.settings, "mimo")
    except EngineLocked as error:
        cure = _BALANCE_CURE if error.status == 402 else _find_key_cure(run.settings)
        return fail(f"MiMo refuses calls: {error}", cure, LOCKED)
    except EngineError as error:
        return warn(f"accepts the key, but a test call failed: {error}", "Try again later.")
    listed = ", ".join(model.found for model in service.models if model.found)
    missing = next((model for model in service.models if model.found is None), None)
    if missing is None:
        return ok(f"accepts the key{_describe_plan(run.settings)} and has {listed}")
    text = f"does not list {' or '.join(missing.wanted)}"
    verb = _VERBS[missing.role]
    cure = f"Set {missing.setting} to auto or to a model that {verb} from MiMo's list."
    if missing.role == "transcriber":
        return fail(f"MiMo {text}", cure, CONFIG)
    return warn(f"has {listed}, but {text}", cure)


def _find_key_cure(settings: Settings) -> str:
    """Return what to do about a key of MiMo that is refused."""
    url = settings.mimo_base_url
    if cure := _find_address_cure(url, "MIMO_BASE_URL"):
        return cure
    is_plan = (settings.secret("mimo_api_key") or "").startswith(PLAN_KEY)
    has_plan_address = "token-plan" in url
    regions = ", ".join(PLAN_REGIONS.values())
    if is_plan and not has_plan_address:
        return (
            "The key begins with tp-, so it belongs to a token plan: set MIMO_BASE_URL to the"
            f" address of its region: {regions}."
        )
    if is_plan:
        return f"A key of a token plan works in its own region alone: try another of {regions}."
    if has_plan_address:
        return (
            "The key does not begin with tp-, so it belongs to no token plan: remove MIMO_BASE_URL."
        )
    return (
        "Copy the key from platform.xiaomimimo.com into MIMO_API_KEY again. One that begins with"
        " tp- needs the MIMO_BASE_URL of its region."
    )


def _describe_plan(settings: Settings) -> str:
    """Return of which plan the account is, empty if nothing says so."""
    region = next((one for one, url in PLAN_REGIONS.items() if url in settings.mimo_base_url), "")
    return f" (token plan, {region})" if region else ""


async def check_openai(run: CheckRun) -> Result:
    """Check that the OpenAI-style server answers; not every one lists its models."""
    if run.settings.openai_base_url is None:
        return ok("not set up: OPENAI_BASE_URL is empty")
    try:
        service = await check_service(run.settings, "openai")
    except (EngineLocked, EngineBadReply) as error:
        address = run.settings.openai_base_url
        cure = _find_address_cure(address, "OPENAI_BASE_URL") or "Check OPENAI_API_KEY."
        return fail(f"the server refuses access: {error}", cure, LOCKED)
    missing = [model for model in service.models if model.found is None]
    if missing:
        text = f"answers, but does not list {', '.join(model.wanted[0] for model in missing)}"
        return warn(text, f"Check {', '.join(model.setting for model in missing)}.")
    return ok(f"has {', '.join(model.wanted[0] for model in service.models)}")


def _find_address_cure(url: str, setting: str) -> str:
    """Return what is wrong with the address of an API, empty if it looks right."""
    if "/v1" in urlsplit(url).path:
        return ""
    return f"{setting} does not end in /v1, as the addresses of nearly all servers do: add it."
