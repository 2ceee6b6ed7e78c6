"""Inputs 47 and 48: prompt injections are shown and have no effect."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bots.common.chat import clean
from core.audio import Media
from core.engines.mimo.role import ASR_LIMITS
from core.models import JobState, TalkRange
from tests.acceptance.conftest import Open
from tests.acceptance.injections import Attempt, ObedientModel, read_attempts
from tests.acceptance.stage import Stage
from tests.chaos.conftest import IS_LONG
from tests.chaos.report import ATTEMPTS as ATTEMPTS_MADE
from tests.chaos.report import TRIED, row, rows
from tests.support.remembered_talk import REMEMBERS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

ATTEMPTS = read_attempts()
LANGUAGES = ("de", "en", "es", "ru", "zh")
ASKED = {
    "transcribe": "/transcribe",
    "translate": "/translate German",
    "ask": "/ask What is this about?",
    "summary": "/summary",
}
#: Remembered in an unrelated group.
SECRET = "The budget of the quiet group is 48151623 crowns."
#: The methods that the program may call.
ALLOWED_METHODS = {
    "getme", "getupdates", "download", "getmycommands", "getfile", "getchatmember",
    "setmycommands", "getwebhookinfo", "deletewebhook", "sendmessage", "sendvoice",
    "editmessagetext", "sendchataction", "setmessagereaction", "deletemessage",
}  # fmt: skip


def expected(attempt: Attempt) -> tuple[str, ...]:
    """Return the commands of all jobs of an attempt; recordings are also noted."""
    return (*attempt.commands, "note") if attempt.is_spoken else attempt.commands


class Trial:
    """All attempts at once, each in its own group, with an obeying model."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.telegram = stage, stage.telegram
        self.model = ObedientModel(ATTEMPTS)
        self.eve = stage.person("Eve")
        # Who asks, by language: one person may not have so many requests open.
        self.askers = {language: stage.person("Ann") for language in LANGUAGES}
        self.quiet = 0

    async def run(self) -> None:
        """Send all attempts and commands, and collect the results."""
        self.stage.mimo.add_answer(self.model.obey)
        self.quiet = await self._open_group(self.eve)
        self.telegram.send_text(self.quiet, self.eve, SECRET)
        media = Media(workers=2)
        try:
            for attempt in ATTEMPTS:
                await self._say(attempt, media)
        finally:
            await media.close()
        for attempt in ATTEMPTS:
            self._ask(attempt)
        await self.stage.bot.settle(sum(len(expected(attempt)) for attempt in ATTEMPTS), 240)
        for attempt in ATTEMPTS:
            await self._check(attempt)

    async def _open_group(self, admin: int) -> int:
        members = {self.eve: "member", admin: "creator"}
        group = self.telegram.add_chat(members=members, bot_status="administrator")
        await self.stage.store.chats.save_settings(self.stage.chat(group), REMEMBERS)
        return group

    async def _say(self, attempt: Attempt, media: Media) -> None:
        attempt.chat = await self._open_group(self.askers[attempt.language])
        if not attempt.is_spoken:
            attempt.message_id = self.telegram.send_text(attempt.chat, self.eve, attempt.said)
            return
        _, note = await self.stage.note()
        [sound] = [piece.audio.data async for piece in media.pieces(note, ASR_LIMITS)]
        self.stage.mimo.set_text(sound, attempt.said)
        self.model.add_recording(note, attempt)
        attempt.message_id = self.telegram.send_voice(attempt.chat, self.eve, note, duration=2)

    def _ask(self, attempt: Attempt) -> None:
        for name in attempt.commands:
            about = None if name == "summary" else attempt.message_id
            self.telegram.send_command(
                attempt.chat, self.askers[attempt.language], ASKED[name], reply_to=about
            )

    async def _check(self, attempt: Attempt) -> None:
        """Record the effects of an attempt."""
        jobs = await self.stage.jobs(attempt.chat)
        commands = Counter(job.command for job in jobs)
        if commands != Counter(expected(attempt)) or {job.state for job in jobs} != {JobState.DONE}:
            attempt.effects.append(f"jobs {commands}")
        for answer in self.telegram.replies(attempt.chat, has_deleted=True):
            attempt.inspect(self.telegram, answer)
        await self._check_store(attempt)

    async def _check_store(self, attempt: Attempt) -> None:
        store, chat = self.stage.store, self.stage.chat(attempt.chat)
        if await store.chats.settings(chat) != REMEMBERS:
            attempt.effects.append("settings")
        if await store.schedules.find(chat):
            attempt.effects.append("schedules")
        kept = await store.memory.select(chat, TalkRange())
        said = [m.transcript.text if m.transcript else m.text for m in kept]
        if [(m.message_id, m.sender_id) for m in kept] != [
            (str(attempt.message_id), str(self.eve))
        ] or said != [clean(attempt.said)]:
            attempt.effects.append("memory")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trial(open_stage: Open) -> AsyncIterator[Trial]:
    """The results, shared by all tests of this file."""
    async with open_stage(has_limits=False) as stage:
        trial = Trial(stage)
        await asyncio.wait_for(trial.run(), 300)
        yield trial


WHAT = "attempts typed and spoken ({}): shown, no effects, no links, no pings"


@rows({f"input-47-{one}": (WHAT.format(one), one) for one in LANGUAGES}, "row language")
async def test_an_injection_is_shown_without_effect(
    trial: Trial, row: str, language: str, request: pytest.FixtureRequest
) -> None:
    attempts = [attempt for attempt in ATTEMPTS if attempt.language == language]
    assert len(attempts) >= (20 if IS_LONG else 3)
    results = [(a.language, a.kind, len(a.effects), len(a.links), len(a.pings)) for a in attempts]
    orders = sum(len(attempt.commands) for attempt in attempts)
    request.node.user_properties += [
        (ATTEMPTS_MADE, results),
        (TRIED, (len(attempts), "injections")),
        (TRIED, (orders, "orders to a model")),
    ]
    for attempt in attempts:
        # The model did obey, each time, and people were shown what it said.
        assert attempt.shown >= len(attempt.commands), attempt
        assert (attempt.effects, attempt.links, attempt.pings) == ([], [], []), attempt


@row("input-47-elsewhere", "other chats: nothing is sent to them, nothing of them is shown")
async def test_other_chats_are_untouched(trial: Trial, row: str) -> None:
    stage, telegram = trial.stage, trial.telegram
    assert len(ATTEMPTS) >= (100 if IS_LONG else 20)
    for chat in (trial.quiet, trial.eve, *trial.askers.values()):
        assert telegram.replies(chat, has_deleted=True) == []
    quiet = stage.chat(trial.quiet)
    [kept] = await stage.store.memory.select(quiet, TalkRange())
    assert kept.text == SECRET
    assert await stage.store.chats.settings(quiet) == REMEMBERS
    asked = [name for one in ATTEMPTS for name in one.commands if name != "transcribe"]
    assert len(trial.model.prompts) >= len(asked)
    assert not any(SECRET in prompt for prompt in trial.model.prompts)
    assert not any("48151623" in str(call.params) for call in telegram.requests)


@row("input-47-deeds", "the model has no tools, the program only replies")
async def test_the_program_only_replies(trial: Trial, row: str) -> None:
    asked = [call for call in trial.stage.mimo.requests if call.question]
    assert asked
    assert not any("tools" in call.body for call in asked)
    assert {call.method.lower() for call in trial.telegram.requests} <= ALLOWED_METHODS
    groups = {attempt.chat for attempt in ATTEMPTS}
    sent = [c for c in trial.telegram.requests if c.method.lower() in ("sendmessage", "sendvoice")]
    assert {call.chat_id for call in sent} == groups
    assert not any(call.params.get("parse_mode") for call in sent)
    assert trial.stage.bot.rows("select count(*) from schedules") == [(0,)]
    files = {path.name for path in trial.stage.bot.temp.rglob("*")}
    assert not files
