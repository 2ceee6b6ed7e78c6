"""Inputs 48 to 64: odd texts as file names, captions, names, titles, messages and speech."""

from __future__ import annotations

import re

import pytest

from bots.common.chat import count_units
from core.audio import Media
from core.models import JobState
from tests.acceptance.stage import CONTENT, Stage
from tests.acceptance.watch import list_tree
from tests.chaos.notes import set_transcript
from tests.chaos.report import row, rows
from tests.emulators.telegram import Message, RecordedRequest
from tests.support import audio_samples

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.real_time]

#: Control characters and overrides of the writing direction: none of them may be shown.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
NAMES = {
    "input-48-calls": "@everyone and @ann_lee: /delete, #now, https://evil.com/x, +1 900 555 0123",
    "input-49-path": "../../etc/..\\-i passwd.ogg",
    "input-50-controls": "a\0b\nc\rd\te.ogg",
    "input-51-emoji": "😀" * 300 + ".ogg",
    "input-52-rtl": "gpj\u202e.ogg",
    "input-53-aux": "AUX.mp3.",
    "input-54-shell": "$(id) `id`; rm -rf ~ | cat.ogg",
    "input-55-nfd": "cafe\u0301.ogg",
    "input-56-surrogate": "lone \ud83d half.ogg",
    "input-57-zero-width": "\u200b\u200d\ufeff",
    "input-61-html": "<b>unbalanced &#0; [a](tg://user?id=1)",
    "input-62-markdown": "*_`[]()~>#+-=|{}.! each",
    "input-63-mentions": "@everyone <@&1> <#2> </x:3> <t:0> ```",
    "input-64-zalgo": "Z" + "\u0335\u0321\u0346" * 30 + "algo",
}


def sends(stage: Stage, chat: int) -> list[RecordedRequest]:
    return [
        *stage.telegram.requests_to("sendMessage", chat=chat),
        *stage.telegram.requests_to("editMessageText", chat=chat),
        *stage.telegram.requests_to("sendDocument", chat=chat),
    ]


def check_shown(stage: Stage, answer: Message) -> None:
    """Check that Telegram accepts all requests and that texts are plain and safe."""
    assert not UNSAFE.search(answer.text)
    assert "Traceback" not in answer.text
    assert {entity["type"] for entity in answer.entities} <= {"blockquote", "expandable_blockquote"}
    for call in sends(stage, answer.chat_id):
        assert call.status == 200, call.error
        assert not call.params.get("parse_mode")


def as_shown(text: str) -> str:
    """Return a text without space and invisible characters."""
    return "".join(INVISIBLE.sub("", UNSAFE.sub("", text)).split())


@pytest.mark.parametrize(
    ("row", "text"),
    [
        pytest.param(
            f"as file name, caption, sender, title, message, speech: {text[:30]!a}", text, id=name
        )
        for name, text in NAMES.items()
    ],
)
async def test_an_odd_text_is_shown_safely(stage: Stage, media: Media, row: str, text: str) -> None:
    telegram, before = stage.telegram, list_tree(stage.bot.home.parent)
    ann = telegram.add_user(text)
    _, note = await stage.note()
    # The local MiMo writes UTF-8, in which half a pair cannot be said.
    speech = f"{CONTENT} {text}".replace("\ud83d", "\ufffd")
    await set_transcript(stage.mimo, media, note, speech)
    claims = {"name": text, "mime": "audio/ogg"}
    telegram.send_document(ann, ann, note, caption=text, claims=claims)
    answer = await stage.reply(ann)
    check_shown(stage, answer)
    assert as_shown(answer.text) == as_shown(speech)
    assert telegram.foreign_links(answer) == []

    telegram.send_text(ann, ann, text)
    jobs = await stage.settle(ann, 2)
    assert [job.command for job in jobs] in (["transcribe"] * 2, ["transcribe", "start"])
    [_, helped] = telegram.replies(ann)
    check_shown(stage, helped)
    assert "voice message" in helped.text

    group = telegram.add_chat("supergroup", title=text, members={ann: "creator"})
    telegram.send_text(group, ann, text)
    telegram.send_command(group, ann, f"/language {text}")
    [job] = await stage.settle(group)
    assert job.state in (JobState.REFUSED, JobState.DONE)
    [answer] = telegram.replies(group)
    check_shown(stage, answer)
    made = list_tree(stage.bot.home.parent) - before
    assert all(path.startswith("hmediaay/hmediaay.db") for path in made), made


@rows(
    {
        "input-57-typed": ("only invisible characters typed: one reply", "\u200b" * 9),
        "input-58-typed": ("4096 × 😀 typed: one reply", "😀" * 4096),
        "input-59-typed": ("100,000 letters typed: one reply", "a" * 100_000),
    },
    "row text",
)
async def test_a_long_message_gets_one_reply(stage: Stage, row: str, text: str) -> None:
    ann = stage.person()
    stage.telegram.send_text(ann, ann, text)
    assert "voice message" in (await stage.reply(ann)).text


@row("input-60-said", "40,000 letters of speech: the beginning and a file")
async def test_a_long_transcript_is_sent_as_a_file(stage: Stage, media: Media, row: str) -> None:
    text = "word" * 10_000
    note = audio_samples.encode(audio_samples.speech(270), "flac", "flac")
    await set_transcript(stage.mimo, media, note, text)
    ann = stage.person()
    stage.telegram.send_audio(ann, ann, note)
    await stage.settle(ann, timeout_s=60)
    beginning, file = answers = stage.telegram.replies(ann)
    for answer in answers:
        check_shown(stage, answer)
        assert count_units(answer.text) <= 4096
    assert file.file is not None and file.file.name == "transcript.txt"
    assert "".join(file.file.data.decode().split()) == text
    assert text.startswith("".join(beginning.text.rstrip(" …").split()))
