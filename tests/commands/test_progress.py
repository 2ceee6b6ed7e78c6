"""Long recordings show how far they are, whatever is asked about them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.clock import Clock
from core.config import Settings
from core.engines.mimo.synthesizer import MimoSynthesizer
from core.engines.mimo.transcriber import MimoTranscriber
from core.errors import EngineRefused
from core.interfaces import AnswererLimits, TranscriberLimits
from core.models import (
    Attachment,
    Chat,
    ChatSettings,
    JobState,
    NoteMode,
    QuotedMessage,
    TalkSettings,
)
from core.store import Store
from tests.emulators.mimo import MimoServer
from tests.emulators.mimo.tones import make_recording
from tests.support import audio_samples
from tests.support.group_talk import GROUP, Group
from tests.support.loopback import ScriptedAnswerer, ScriptedTranscriber, run_loopback

pytestmark = pytest.mark.finding(22)

STATE = re.compile(r"(\d+)% · \d:\d\d of 1:36( · about \d+ (s|min) left)?")
LONG = Attachment("file-1", duration_s=96.0)
SPOKEN = re.compile(r"(\d+)%(?P<left> · about \d+ (s|min) left)?")
TEXT = "".join(f"This is sentence number {n}, and it is followed by others. " for n in range(18))


@pytest.fixture
async def group(store: Store) -> AsyncIterator[Group]:
    """A group whose recordings take 96 s, in pieces of 12 s that take 7 s and more."""
    engine = ScriptedTranscriber(TranscriberLimits(target_piece_s=12.0, max_piece_s=18.0))
    deaf = ScriptedAnswerer(replace(AnswererLimits(), can_translate=True))
    async with run_loopback(store, engine, answerer=deaf) as loopback:
        loopback.platform.recording = audio_samples.file("ogg-opus", audio_samples.speech(96.0))
        engine.latency_s, engine.slower_s = 7.0, 0.1
        yield Group(loopback)


def shown_shares(group: Group, prefix: str = "") -> list[int]:
    """Return the percents that were shown, which stay visible, after `prefix`."""
    lasting = [text for _, text, is_lasting in group.loopback.platform.shown if is_lasting]
    found = [STATE.fullmatch(text.removeprefix(prefix)) for text in lasting]
    assert all(found), lasting
    return [int(one[1]) for one in found if one]


@pytest.mark.parametrize("command", ["ask What did they agree on?", "translate German"])
async def test_a_command_about_a_long_recording_shows_percent(group: Group, command: str) -> None:
    await group.ask(command, reply_to=QuotedMessage("9", "", LONG))
    shares = shown_shares(group)
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] > 90
    assert len(set(shares)) > 4


async def test_a_long_spoken_question_shows_percent(group: Group) -> None:
    """In a private chat whose voice messages are questions."""
    chat = Chat("test", "1", "7")
    asks = ChatSettings(talk=TalkSettings(notes=NoteMode.ASK))
    await group.loopback.store.chats.save_settings(chat, asks)
    await Group(group.loopback, chat, is_private=True).speak(attachment=LONG)
    assert len(set(shown_shares(group))) > 4


async def test_a_summary_shows_how_much_of_all_recordings_is_transcribed(group: Group) -> None:
    """Of three recordings of half a minute, which failed when they came."""
    remembers = ChatSettings(talk=TalkSettings(remember_days=1))
    await group.loopback.store.chats.save_settings(GROUP, remembers)
    group.loopback.engine.failures = [EngineRefused("not now")] * 9
    for number in range(3):
        sound = audio_samples.file("ogg-opus", audio_samples.speech(32.0 + number / 100))
        group.loopback.platform.recording = sound
        await group.say("", attachment=Attachment(f"file-{number}", duration_s=32.0))
    group.loopback.engine.failures = []
    group.loopback.platform.shown.clear()
    await group.ask("summary")
    shares = shown_shares(group, "Reading the conversation …\n\n")
    assert shares[0] == 0 and shares == sorted(shares) and shares[-1] == 100
    assert 33 in shares or 66 in shares


@pytest.fixture
async def mimo_group(mimo: MimoServer, store: Store) -> AsyncIterator[Group]:
    """A group whose speech is MiMo's, which takes half as long as it is."""
    mimo.rules.chunk_bytes, mimo.rules.chunk_latency_s = 48_000, 0.5
    settings = Settings(
        _env_file=None, mimo_base_url=mimo.base_url, mimo_api_key=SecretStr(mimo.key)
    )  # type: ignore[call-arg]
    synthesizer, transcriber = MimoSynthesizer(settings), MimoTranscriber(settings)
    async with run_loopback(store, transcriber, synthesizer) as loopback:
        yield Group(loopback)
    await synthesizer.close()
    await transcriber.close()


async def test_a_long_text_that_is_read_aloud_shows_percent(mimo_group: Group) -> None:
    """By /say, and by the button under an answer."""
    loopback, shown = mimo_group.loopback, mimo_group.loopback.platform.shown
    loopback.answerer.scripts = {"tell": TEXT.replace("sentence", "phrase")}
    answer = await mimo_group.ask("ask Please tell me")
    for spoken in (mimo_group.ask(f"say {TEXT}"), mimo_group.press(answer, "Listen")):
        shown.clear()
        reply = await spoken
        assert (reply.files[0].duration_s or 0.0) > 60
        found = [SPOKEN.fullmatch(text) for _, text, is_lasting in shown if is_lasting]
        assert all(found), shown
        shares = [int(one[1]) for one in found if one]
        assert shares[0] == 0 and shares == sorted(shares) and shares[-1] == 100
        assert len(set(shares)) > 10
        assert any(one["left"] for one in found if one)
    shown.clear()
    await mimo_group.ask("say Good morning, all of you.")
    assert shown == []


async def test_whoever_shares_a_call_sees_its_progress(
    mimo_group: Group, mimo: MimoServer, clock: Clock
) -> None:
    """The same recording and the same text come from another chat of that person a second later."""
    loopback = mimo_group.loopback
    loopback.platform.recording = make_recording(range(80), gap_s=1.0)
    mimo.rules.latency_s, mimo.rules.realtime_factor = 8.0, 0.05
    note = QuotedMessage("9", "", LONG)
    other_group = Group(loopback, Chat("test", "1", "-200"))
    messages = [
        group.write(command=command, text=text, reply_to=quoted, is_private=True)
        for command, text, quoted in (("transcribe", "", note), ("say", TEXT, None))
        for group in (mimo_group, other_group)
    ]
    for message in messages:
        await loopback.inbox.accept(message)
        await clock.sleep(1.0)
    assert await loopback.settle() == {JobState.DONE: 4}
    calls = [call.sha256 for call in mimo.requests]
    assert len(calls) == len(set(calls)) > 2
    for message in messages:
        shown = [text for to, text, _ in loopback.platform.shown if to == message.message_id]
        shares = [int(one[1]) for text in shown if (one := re.search(r"(\d+)%", text))]
        assert shares == sorted(shares) and len(set(shares)) > 2 and shares[-1] >= 80, shown


async def test_a_long_spoken_summary_shows_percent(mimo_group: Group) -> None:
    loopback = mimo_group.loopback
    remembers = ChatSettings(talk=TalkSettings(remember_days=1))
    await loopback.store.chats.save_settings(GROUP, remembers)
    await mimo_group.say("We meet on Friday.")
    loopback.answerer.scripts = {"radio": f"HOST: {TEXT}", "ummar": "- They meet on Friday. [1]"}
    reply = await mimo_group.ask("summary voice full")
    assert (reply.files[0].duration_s or 0.0) > 60
    shown = [text for _, text, _ in loopback.platform.shown]
    shares = [int(one[1]) for text in shown if (one := SPOKEN.fullmatch(text))]
    assert shares == sorted(shares) and len(set(shares)) > 10 and shares[-1] == 100
