"""What can be found out about the engines before anybody speaks: for `hearsay doctor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.config import Settings
from core.engines.mimo.role import make_headers
from core.engines.mimo.transcription_wire import read_error, read_models
from core.engines.offline.espeak import find_program, has_library
from core.engines.offline.transcriber import OfflineTranscriber
from core.engines.openai import transcription_wire as openai_wire
from core.engines.wire.client import EngineClient, read_body
from core.engines.wire.models import ASR, AUTO, CHAT, TTS, is_listed
from core.engines.wire.speech import make_silence
from core.errors import EngineError

_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """What a service says of itself."""

    #: Ids of the models that it lists.
    models: frozenset[str]
    #: Its clock at the answer, None if it does not tell.
    server_at: datetime | None


@dataclass(frozen=True, slots=True)
class Role:
    """What a model of MiMo is for."""

    setting: str
    does: str
    #: Ids of which one must live, the best first.
    wanted: tuple[str, ...]

    def find(self, models: frozenset[str]) -> str | None:
        """Return the model of this role among those that the service lists."""
        return next((name for name in self.wanted if is_listed(name, models)), None)


async def ask_mimo(settings: Settings) -> Service:
    """Return what MiMo says of itself; only a good key is answered. Raises EngineError."""
    return await _ask(settings.mimo_base_url, make_headers(settings), read_error)


async def ask_openai(settings: Settings) -> Service:
    """Return what the OpenAI-style server says of itself. Raises EngineError."""
    assert settings.openai_base_url is not None  # the caller has looked
    key = settings.secret("openai_api_key")
    headers = {"authorization": f"Bearer {key.strip()}"} if key else {}
    return await _ask(settings.openai_base_url, headers, openai_wire.read_error)


def list_roles(settings: Settings) -> tuple[Role, ...]:
    """Return what MiMo's models are for; it must hear, the rest can be lived without."""
    return tuple(
        Role(
            name.upper(),
            does,
            preferred if (wanted := getattr(settings, name)) == AUTO else (wanted,),
        )
        for name, does, preferred in (
            ("mimo_asr_model", "hears", ASR),
            ("mimo_chat_model", "understands", CHAT),
            ("mimo_tts_model", "speaks", TTS),
        )
    )


def can_understand(engine: str) -> bool:
    """Tell whether the engine of that name does more than pick what was said."""
    return engine != OfflineTranscriber.name


def can_speak(engine: str) -> bool:
    """Tell whether the engine of that name has what it needs on this machine."""
    return engine != OfflineTranscriber.name or find_program() is not None or has_library()


async def hear_silence(settings: Settings) -> str:
    """Let the offline engine hear a second of silence and return the words. Raises EngineError."""
    engine = OfflineTranscriber(settings)
    try:
        return (await engine.transcribe(make_silence(1.0))).text
    finally:
        await engine.close()


async def _ask(
    base_url: str,
    headers: Mapping[str, str],
    read: Callable[[int, bytes, str | None], EngineError],
) -> Service:
    client = EngineClient(base_url, headers, read)
    try:
        async with client.open("GET", "/models", deadline_s=_DEADLINE_S) as response:
            server_at = read_date(response.headers.get("date"))
            return Service(read_models(await read_body(response)), server_at)
    finally:
        await client.close()


def read_date(value: str | None) -> datetime | None:
    """Return the moment in a Date header, None if there is none."""
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
