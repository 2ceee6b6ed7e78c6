"""The files of a transcript: short cues, named after the recording."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest

from core.models import Attachment, Message, Reply
from tests.support import audio_samples
from tests.support.group_talk import Group, quote


async def transcribe(
    group: Group, name: str, kind: Literal["voice", "audio"] = "audio", **more: Any
) -> tuple[Message, Reply]:
    """Have 70 s of real speech transcribed; the engine returns two coarse pieces."""
    group.loopback.platform.recording = audio_samples.wav(audio_samples.speech(70.0))
    group.loopback.engine.text = " ".join(["We meet at noon, by the harbour, as ever."] * 12)
    attachment = Attachment("file-1", kind, name, duration_s=70.0)
    asks = group.write(attachment=attachment, command="transcribe", **more)
    await group.send(asks)
    return asks, group.answers(asks)[-1]


@pytest.mark.finding(6)
@pytest.mark.parametrize("form", ["srt", "vtt"])
async def test_subtitles_are_short_and_named_after_the_recording(group: Group, form: str) -> None:
    _, reply = await transcribe(group, "../Board meeting, May.final.mp3")
    [file] = (await group.press(reply, f".{form}")).files
    assert file.name == f"Board meeting, May.final.{form}"
    times = re.findall(
        r"00:(\d\d):(\d\d)[.,](\d+) --> 00:(\d\d):(\d\d)[.,](\d+)\n(.+)", file.data.decode()
    )
    assert len(times) >= 20
    for *numbers, text in times:
        start_s, end_s = (
            60 * int(minutes) + int(seconds) + int(thousandths) / 1000
            for minutes, seconds, thousandths in (numbers[:3], numbers[3:])
        )
        assert 0 < end_s - start_s <= 7.001 and len(text) <= 84


@pytest.mark.finding(6)
async def test_a_voice_message_has_no_name_but_a_time(group: Group) -> None:
    asks, reply = await transcribe(group, "voice-message.ogg", "voice")
    [file] = (await group.press(reply, ".txt")).files
    assert file.name == f"{asks.sent_at:%Y-%m-%d_%H-%M-%S}.txt"
    assert file.data.decode().startswith("[0:00] We meet at noon, by the harbour, as ever.\n[0:0")


async def test_the_recording_may_be_that_of_a_quoted_message(group: Group) -> None:
    sent, _ = await transcribe(group, "talk.flac")
    asks = group.write(command="transcribe", reply_to=quote(sent))
    await group.send(asks)
    [file] = (await group.press(group.answers(asks)[-1], ".srt")).files
    assert file.name == "talk.srt"
