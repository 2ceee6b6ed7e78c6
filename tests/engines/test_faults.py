"""Every fault of a service over real HTTP, and the error it ends with in each role."""

from __future__ import annotations

import resource
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from core.clock import Clock
from core.engines import Engines
from core.engines.mimo.synthesizer import MimoSynthesizer
from core.engines.mimo.transcriber import MimoTranscriber
from core.errors import (
    EngineBadReply,
    EngineBusy,
    EngineError,
    EngineLocked,
    EngineRefused,
    ModelGone,
)
from core.models import Answer, Question, Transcript, Turn, Utterance
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.faults import ANSWERS, CHATS, KINDS, SPEECH, Fault
from tests.emulators.mimo.synthesis import synthesize as make_sound
from tests.emulators.openai import OpenAIServer
from tests.engines.conftest import make_audio, make_settings

Ends = type[EngineError] | None
#: The error each fault ends with; None = it is tolerated.
ENDS: dict[Ends, str] = {
    EngineBusy: "429_seconds 500 503 504 200_error hang reset reset_body short_body chunked_cut "
    "drip sse_error sse_reset",
    EngineLocked: "429_quota 401 402 403 302",
    EngineRefused: "400_file 421 421_as_400",
    ModelGone: "404_model sse_gone",
    EngineBadReply: "200_html 200_empty huge gzip_bomb sse_cut sse_no_done sse_no_end "
    "sse_nonsense speech_empty speech_odd speech_base64 speech_null",
    None: "sse_duplicate sse_comments sse_split speech_holes",
}
EXPECTED = {kind: end for end, kinds in ENDS.items() for kind in kinds.split()}
#: Faults that one role of each kind is enough to test, since they share the reading of a status.
EACH = "429_seconds 200_error 401 421 404_model 200_html 200_empty hang drip reset_body gzip_bomb"
STREAM = "sse_cut sse_no_done sse_no_end sse_error sse_nonsense sse_reset sse_duplicate "
STREAM += "sse_comments"
SOUNDS = "speech_odd speech_empty speech_null speech_base64"
OPENAI = "429_seconds 504 401 402 200_html 200_error hang drip reset chunked_cut gzip_bomb"
CASES = {
    "mimo transcriber whole": " ".join(
        k for k in EXPECTED if not k.startswith(("sse", "speech", "huge"))
    ),
    "mimo transcriber stream": f"{STREAM} sse_split huge",
    "mimo answerer whole": "500",
    "mimo answerer stream": f"{EACH} {STREAM} sse_split",
    "mimo synthesizer whole": f"{EACH} {SOUNDS}",
    "mimo synthesizer stream": f"{EACH} {STREAM} {SOUNDS} sse_gone speech_holes huge",
    "openai transcriber whole": f"{OPENAI} 503 403",
    "openai answerer whole": f"{OPENAI} 404_model 400_file huge",
    "openai answerer stream": "sse_cut sse_no_done sse_error sse_nonsense sse_comments sse_split",
    "openai synthesizer whole": f"{OPENAI} 200_empty reset_body",
}


@dataclass
class RoleCase:
    """One role of one engine, at a service of its own."""

    server: MimoServer | OpenAIServer
    engine: Any
    role: str
    is_streamed: bool

    def __post_init__(self) -> None:
        self.shown: list[str] = []
        if isinstance(self.engine, MimoSynthesizer):
            self.engine.can_stream = self.is_streamed

    def fail(self, kind: str) -> None:
        """Let the next call have this fault."""
        if isinstance(self.server, MimoServer):
            self.server.add_fault(kind, value=1.0)
        else:
            self.server.world.faults.append(Fault(kind, value=1.0))

    async def call(self, *numbers: int) -> str:
        """Return the words of the numbers as they come back from the role."""
        on_text: Callable[[str], None] | None = self.shown.append if self.is_streamed else None
        words = " ".join(f"w{number}" for number in numbers)
        if self.role == "synthesizer":
            return await self._synthesize(words)
        if self.role == "transcriber":
            transcript: Transcript = await self.engine.transcribe(
                make_audio(*numbers), on_text=on_text
            )
            return transcript.text
        turn = Turn("user", words, (make_audio(*numbers),))
        if isinstance(self.server, MimoServer):
            self.server.add_answer(words, pattern=words)
        question = Question((turn,), max_tokens=30)
        answer: Answer = await self.engine.answer(question, on_text=on_text)
        return answer.text.rpartition("heard: ")[2].rstrip(".")

    async def _synthesize(self, words: str) -> str:
        pcm = b""
        try:
            async for part in self.engine.synthesize(Utterance(words)):
                pcm += part
        finally:
            # What came before the stream broke is the beginning of the audio, in whole samples.
            assert make_sound(words).startswith(pcm) and len(pcm) % 2 == 0
            self.shown += [words] if pcm else []
        assert pcm == make_sound(words)
        return words


@pytest.fixture
async def case(request: pytest.FixtureRequest) -> AsyncIterator[RoleCase]:
    service, role, way = request.param.split()
    async with MimoServer() if service == "mimo" else OpenAIServer() as server:
        if isinstance(server, MimoServer):
            settings = make_settings(mimo_base_url=server.base_url, mimo_api_key=server.key)
        else:
            values = {"openai_base_url": server.base_url, "openai_chat_model": "gpt-audio"}
            settings = make_settings(**values)
        engine: Any = getattr(Engines(settings), role)()
        yield RoleCase(server, engine, role, way == "stream")
        await engine.close()


def test_every_fault_is_covered() -> None:
    """Unusual responses are tested with each wire."""
    assert set(EXPECTED) == KINDS - CHATS.keys() - ANSWERS.keys() - {"slow"}
    assert {kind for kinds in CASES.values() for kind in kinds.split()} == set(EXPECTED)
    assert {
        kind for name in CASES if "synthesizer" in name for kind in CASES[name].split()
    } >= SPEECH


@pytest.mark.parametrize(
    ("case", "kind"),
    [(name, kind) for name, kinds in CASES.items() for kind in kinds.split()],
    indirect=["case"],
)
async def test_fault_ends_as_its_error(case: RoleCase, kind: str) -> None:
    case.fail(kind)
    if EXPECTED[kind] is None:
        assert await case.call(1, 2, 3, 4) == "w1 w2 w3 w4"
        return
    with pytest.raises(EngineError) as caught:
        await case.call(5, 6)
    assert type(caught.value) is EXPECTED[kind]
    # It may name the server, never a whole address: a proxy's may have a password or a token.
    assert "://" not in str(caught.value) and "/v1" not in str(caught.value)
    if not kind.startswith(("sse", "speech")):
        assert case.shown == []
    if isinstance(case.server, MimoServer):
        assert case.server.key not in str(caught.value)
        assert len(case.server.requests) == 1 or EXPECTED[kind] is ModelGone, "or more models"
    assert await case.call(6) == "w6", "the next call works"


async def test_retry_after_reaches_the_error(
    server: MimoServer, transcriber: MimoTranscriber
) -> None:
    server.add_fault("429_seconds", value=30)
    with pytest.raises(EngineBusy) as caught:
        await transcriber.transcribe(make_audio(5))
    assert caught.value.retry_after_s == pytest.approx(30, abs=2)


@pytest.mark.parametrize("kind", ["hang", "drip"])
@pytest.mark.parametrize(
    "case", ["mimo transcriber whole", "mimo transcriber stream"], indirect=True
)
async def test_deadline_is_total(case: RoleCase, clock: Clock, kind: str) -> None:
    """One byte per second never exceeds a timeout per read."""
    case.fail(kind)
    started_s = clock.monotonic()
    with pytest.raises(EngineBusy, match="within 31 s"):
        await case.call(5)
    assert clock.monotonic() - started_s == pytest.approx(31)


@pytest.mark.parametrize(
    ("kind", "case", "text"),
    [
        ("huge", "mimo transcriber stream", "64 MB"),
        ("gzip_bomb", "mimo transcriber whole", "compressed"),
    ],
    indirect=["case"],
)
async def test_memory_stays_limited(case: RoleCase, kind: str, text: str) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    case.fail(kind)
    with pytest.raises(EngineBadReply, match=text):
        await case.call(5)
    # The server is in this process too.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 150 * 1024


async def test_unreachable_addresses_are_busy(server: MimoServer) -> None:
    """An unknown host, a server without TLS, a closed port."""
    async with MimoServer() as gone:
        address = gone.base_url
    for url in ("http://mimo.invalid/v1", server.base_url.replace("http", "https"), address):
        engine = MimoTranscriber(make_settings(mimo_base_url=url, mimo_api_key="sk-x"))
        with pytest.raises(EngineBusy):
            await engine.transcribe(make_audio(5))
        await engine.close()


async def test_designed_voice_fails_like_presets(
    server: MimoServer, synthesizer: MimoSynthesizer
) -> None:
    for kind, expected in {"speech_odd": EngineBadReply, "503": EngineBusy}.items():
        server.add_fault(kind)
        with pytest.raises(expected):
            assert not [
                p async for p in synthesizer.synthesize(Utterance("Hi.", description="Old."))
            ]
