"""What MiMo's three roles share: how their models are chosen and left, their key, their minute."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from core.engines.mimo import Mimo
from core.errors import EngineBusy, ModelGone
from core.models import Question, Turn, Utterance
from tests.emulators.mimo import MimoServer
from tests.engines.conftest import make_audio, make_settings, speak


class Role(NamedTuple):
    """One of the things that MiMo does."""

    name: str
    #: The setting of its model, and where its registry stands.
    setting: str
    registry: str
    #: Two models of the registry, the better one first.
    models: tuple[str, ...]
    call: Callable[[Mimo], Awaitable[Any]]
    current: Callable[[Mimo], str]


QUESTION = Question((Turn("user", "Hi."),))
ROLES = (
    Role(
        *("hear", "mimo_asr_model", "ASR", ("mimo-v3-asr", "mimo-v2.5-asr")),
        lambda mimo: mimo.transcribe(make_audio(5)),
        lambda mimo: mimo.model,
    ),
    Role(
        *("speak", "mimo_tts_model", "TTS", ("mimo-v2.5-tts", "mimo-v2-tts")),
        lambda mimo: speak(mimo, Utterance("Hi.")),
        lambda mimo: mimo.speech_model,
    ),
    Role(
        *("answer", "mimo_chat_model", "CHAT", ("mimo-v2.6-flash", "mimo-v2.5")),
        lambda mimo: mimo.answer(QUESTION),
        lambda mimo: mimo.chat_model,
    ),
)


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Role:
    found: Role = request.param
    monkeypatch.setattr(f"core.engines.mimo.{found.registry}", found.models)
    return found


def make_engine(server: MimoServer, **settings: Any) -> Mimo:
    return Mimo(make_settings(mimo_base_url=server.base_url, **settings))


async def test_hand_set_model_is_never_left(server: MimoServer, role: Role) -> None:
    given = role.models[0].replace("mimo", "MiMo")
    engine = make_engine(server, mimo_api_key=server.key, **{role.setting: given})
    assert role.current(engine) == given
    for _ in range(2):
        with pytest.raises(ModelGone):
            await role.call(engine)
    assert role.current(engine) == given
    assert [call.status for call in server.all_calls] == [400, 400], "and no list was asked for"
    server.rules.models = (given,)
    assert await role.call(engine)
    assert server.calls[-1].model == given
    await engine.close()


async def test_dead_model_is_left_for_the_next(server: MimoServer, role: Role) -> None:
    better, other = server.rules.models = role.models
    engine = make_engine(server, mimo_api_key=server.key)
    assert role.current(engine) == better
    await role.call(engine)
    server.rules.models = (other,)
    await role.call(engine)
    assert role.current(engine) == other
    assert [call.model for call in server.billed] == [better, other]
    server.rules.models = ()
    with pytest.raises(ModelGone):
        await role.call(engine)
    server.rules.models = (other,)
    assert await role.call(engine), "it recovers by itself"
    await engine.close()


async def test_no_death_harms_others(server: MimoServer, mimo: Mimo, role: Role) -> None:
    others = [other for other in ROLES if other is not role]
    server.rules.models = tuple(other.models[1] for other in others)
    with pytest.raises(ModelGone):
        await role.call(mimo)
    assert all([await other.call(mimo) for other in others])


async def test_each_has_its_minute(server: MimoServer, mimo: Mimo, role: Role) -> None:
    server.rules.models = sum((other.models for other in ROLES), ())
    server.rules.has_limits, server.rules.calls_per_minute = True, 1
    await role.call(mimo)
    with pytest.raises(EngineBusy):
        await role.call(mimo)
    assert all([await other.call(mimo) for other in ROLES if other is not role])
