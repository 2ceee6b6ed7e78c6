"""Long recordings show how far they are, whatever is asked about them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from core.errors import EngineRefused
from core.interfaces import AnswererLimits, TranscriberLimits
from core.models import Attachment, Chat, ChatSettings, NoteMode, QuotedMessage, TalkSettings
from core.store import Store
from tests.support import audio_samples
from tests.support.group_talk import GROUP, Group
from tests.support.loopback import ScriptedAnswerer, ScriptedTranscriber, run_loopback

pytestmark = pytest.mark.finding(22)

STATE = re.compile(r"(\d+)% · \d:\d\d of 1:36( · about \d+ (s|min) left)?")
LONG = Attachment("file-1", duration_s=96.0)


@pytest.fixture
async def group(store: Store) -> AsyncIterator[Group]:
    """A group whose recordings take 96 s, in pieces of 12 s that take 7 s each."""
    engine = ScriptedTranscriber(TranscriberLimits(target_piece_s=12.0, max_piece_s=18.0))
    deaf = ScriptedAnswerer(replace(AnswererLimits(), can_translate=True))
    async with run_loopback(store, engine, answerer=deaf) as loopback:
        loopback.platform.recording = audio_samples.file("ogg-opus", audio_samples.speech(96.0))
        engine.latency_s = 7.0
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
