"""Inputs 1 to 48: broken, hostile and odd audio. One clear reply each, and no leftovers.

The inputs are those of `tests.audio.bad_inputs`, sent through the whole program; in the short form
one row of each result.
"""

from __future__ import annotations

import re

import pytest

from core.audio import Media
from core.audio.refusals import DAMAGED, UNKNOWN
from core.engines.mimo.role import ASR_LIMITS
from core.errors import TooLong
from core.models import JobState
from core.safety import restore_links
from tests.acceptance.stage import Stage
from tests.audio.bad_inputs import TABLE
from tests.chaos.conftest import IS_LONG
from tests.chaos.report import row, rows
from tests.emulators.telegram import Message
from tests.support import audio_samples, crafted
from tests.support.outside import Trap, make_pointers, open_trap

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

TOO_LONG = "This recording is too long for me: the limit is 2 hours."
NO_SPEECH = "No speech was detected in this recording."
TOO_BIG = "This file is too large: the limit is 20 MB."
#: Inputs with audio but no speech.
SILENT = (
    *("15 floats NaN", "25 flac, 5 minutes of 8 channels", "34 silence", "37 10 ms"),
    *("21 AMR-WB", "37 one sample", "39 30 s of opus that claim 10 h"),
    "46 ultrasound",
)


#: The rows of the short form.
SAMPLE = (
    *("1 nothing", "2 random", "3 header only, ogg", "4 half an ogg", "6 chained", "15 floats NaN"),
    *("8 opus, 255 channels", "21 AMR", "28 ELF", "29 mp3 and ZIP", "33 video without sound"),
    *("38 10 h of silent opus", "39 30 s of opus that claim 10 h", "43 encrypted m4a"),
)


def make_id(name: str) -> str:
    number, _, rest = name.partition(" ")
    return f"input-{number}-" + "-".join(
        "".join(c if c.isascii() and c.isalnum() else " " for c in rest).split()
    )


async def send_and_read(stage: Stage, data: bytes, **more: int) -> Message:
    """Send audio as a voice note and return the only reply."""
    ann = stage.person()
    stage.telegram.send_voice(ann, ann, data, **more)
    [job] = await stage.settle(ann, timeout_s=60)
    assert job.state in (JobState.DONE, JobState.REFUSED)
    [answer] = stage.telegram.replies(ann)
    assert "Traceback" not in answer.text and "Error" not in answer.text
    return answer


@pytest.mark.parametrize(
    ("row", "name"),
    [pytest.param(name, name, id=make_id(name)) for name in TABLE if IS_LONG or name in SAMPLE],
)
async def test_a_bad_input_gets_one_clear_reply(stage: Stage, row: str, name: str) -> None:
    make, expected = TABLE[name]
    calls = len(stage.mimo.requests)
    answer = await send_and_read(stage, make())
    is_heard = isinstance(expected, float) and name not in SILENT
    if isinstance(expected, str):
        assert answer.text == expected
    elif expected is TooLong:
        assert answer.text == TOO_LONG
    elif is_heard:
        # What the local MiMo says of any sound, and of one in which it takes something for words.
        said = re.fullmatch(r"sound \w+ of ([\d.]+) seconds", answer.text)
        assert answer.text.startswith("cut ") or said, answer.text
        rel = 0.25 if name.startswith("4 ") else 0.03
        assert not said or float(said[1]) == pytest.approx(expected, rel=rel, abs=0.1)
    else:
        assert answer.text == NO_SPEECH
    assert (len(stage.mimo.requests) > calls) is is_heard


trap = pytest.fixture(open_trap)


@row("input-26-hls", "playlists named voice.ogg, to the network and to files: nothing is opened")
async def test_playlists_open_nothing(stage: Stage, row: str, trap: Trap) -> None:
    calls, people = len(stage.mimo.requests), []
    canary = stage.bot.home.parent / "canary.wav"
    for url in (trap.url, f"file://{canary}"):
        for data in make_pointers(url).values():
            people.append(stage.person())
            claims = {"name": "voice.ogg", "mime": "audio/ogg"}
            stage.telegram.send_document(people[-1], people[-1], data, claims=claims)
    for person in people:
        assert (await stage.reply(person)).text == UNKNOWN
    assert trap.connections == 0 and len(stage.mimo.requests) == calls


@row("input-24-mov-reference", "MOV whose samples are elsewhere: nothing is opened")
async def test_a_mov_reference_opens_nothing(stage: Stage, row: str, trap: Trap) -> None:
    answer = await send_and_read(stage, crafted.mov_with_reference(trap.url.encode()))
    # Its own bytes at the most.
    assert answer.text == DAMAGED or answer.text.startswith("sound ")
    assert trap.connections == 0


@rows(
    {
        "input-31-round": ("a round video: transcribed", "video_note", "31 round video"),
        "input-32-as-video": ("a video: transcribed", "video", "32 video of 4K"),
    },
    "row kind name",
)
async def test_a_video_is_transcribed(stage: Stage, row: str, kind: str, name: str) -> None:
    ann = stage.person()
    stage.telegram.send_file(kind, ann, ann, TABLE[name][0]())  # type: ignore[arg-type]
    assert (await stage.reply(ann, timeout_s=60)).text.startswith("sound ")


@rows(
    {
        "input-34-silence": ("silence: refused, no call, or heard", audio_samples.silence(5)),
        "input-36-tone": ("a pure tone: refused, no call, or heard", audio_samples.tone(5)),
    },
    "row pcm",
)
@pytest.mark.finding(7)
async def test_silence_is_transcribed_only_if_asked_for(stage: Stage, row: str, pcm: bytes) -> None:
    """The button still works after a kill."""
    calls = len(stage.mimo.requests)
    answer = await send_and_read(stage, audio_samples.file("ogg-opus", pcm))
    assert answer.text == NO_SPEECH and len(stage.mimo.requests) == calls
    await stage.bot.kill()
    await stage.bot.start()
    stage.telegram.press_button(
        answer.chat_id, answer.chat_id, answer.message_id, "Transcribe anyway"
    )
    await stage.settle(answer.chat_id, 2)
    assert len(stage.mimo.requests) == calls + 1


@rows(
    {
        "input-35-noise": ("white noise: heard", audio_samples.noise(5)),
        "input-35-music": (
            "speech under music that is 12 dB louder: heard",
            audio_samples.under(audio_samples.speech(7), audio_samples.chord(7), 12),
        ),
        "input-35-in-noise": (
            "speech in noise that is 10 dB louder: heard",
            audio_samples.under(audio_samples.speech(7), audio_samples.noise(7), 10),
        ),
    },
    "row pcm",
)
@pytest.mark.finding(7)
async def test_sound_that_may_be_speech_is_transcribed(stage: Stage, row: str, pcm: bytes) -> None:
    calls = len(stage.mimo.requests)
    answer = await send_and_read(stage, audio_samples.file("ogg-opus", pcm))
    assert answer.text.startswith("sound ") and len(stage.mimo.requests) == calls + 1


@row("input-40-mime", "false type and length: transcribed")
async def test_false_metadata_is_ignored(stage: Stage, row: str) -> None:
    ann = stage.person()
    claims = {"mime": "video/x-msvideo", "duration_s": 7200}
    _, number = await stage.send_note(ann, claims=claims)
    await stage.check_answer(ann, number)


@rows(
    {
        "input-42-equal": ("20 MiB: transcribed", 0),
        "input-42-above": ("20 MiB + 1 byte: refused before the download", 1),
    },
    "row more",
)
async def test_the_size_limit_is_exact(stage: Stage, row: str, more: int) -> None:
    downloads, (_, note) = len(stage.telegram.requests_to("download")), await stage.note()
    answer = await send_and_read(stage, note.ljust((20 << 20) + more, b"\0"))
    is_taken = more <= 0
    assert (answer.text == TOO_BIG) is not is_taken
    assert len(stage.telegram.requests_to("download")) == downloads + is_taken


ORDERS = "@everyone /delete <b>now</b> https://evil.example/?x=1 [a](tg://user?id=1)"


#: 47 is `test_injections`.
@rows(
    {
        "input-48-orders": ("speaks links and mentions", ORDERS),
        "input-48-command": ("speaks a command", "/language zh"),
    },
    "row text",
)
async def test_spoken_commands_are_only_text(
    stage: Stage, media: Media, row: str, text: str
) -> None:
    _, note = await stage.note()
    [sound] = [piece.audio.data async for piece in media.pieces(note, ASR_LIMITS)]
    stage.mimo.set_text(sound, text)
    ann = stage.person()
    stage.telegram.send_voice(ann, ann, note)
    answer = await stage.reply(ann)
    assert restore_links(answer.text) == text
    assert stage.telegram.foreign_links(answer) == []
    assert [entity["type"] for entity in answer.entities] == ["blockquote"]
    assert [job.command for job in await stage.jobs(ann)] == ["transcribe"]
    [call] = stage.telegram.requests_to("sendMessage", chat=ann)
    assert '"is_disabled": true' in str(call.params["link_preview_options"]).replace("T", "t")
    assert (await stage.store.chats.settings(stage.chat(ann))).language is None


@row("input-all-at-once", "the worst inputs at once: /help is answered first, memory stays bounded")
async def test_the_worst_inputs_leave_the_program_responsive(stage: Stage, row: str) -> None:
    names = ["25 flac, 5 minutes of 8 channels", "10 mp3, 200,000 tags"]
    if IS_LONG:
        names += ["10 mp3 with a cover of 10 MB", "32 video of 4K", "25 flac, 10 h of silence"]
    people = []
    for data in (*(TABLE[name][0]() for name in names), crafted.opus_comments(15_000)):
        people.append(stage.person())
        stage.telegram.send_voice(people[-1], people[-1], data)
    assert await stage.is_alive()
    assert not all(stage.telegram.replies(person) for person in people)
    for person in people:
        await stage.settle(person, timeout_s=90)
        assert len(stage.telegram.replies(person)) == 1
