"""Corrections of transcripts: in place, for later ones, and undone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from core.glossary.rules import MAX_PER_PERSON
from core.models import (
    Attachment,
    ChatSettings,
    Correction,
    JobState,
    Message,
    QuotedMessage,
    Reply,
    TalkSettings,
)
from core.store.work.deliveries import StoredLedger
from tests.support import audio_samples
from tests.support.group_talk import ADA, BEN, GROUP, Group

SAID = "I met mister Kovalsky at the harbour."
MEANT = "I met mister Kowalski at the harbour."


@pytest.fixture
async def group(group: Group) -> Group:
    group.loopback.engine.text = SAID
    return group


async def hear(group: Group, sender_id: str = ADA) -> tuple[Message, str]:
    """Have a recording transcribed; return the message and the id of its reply."""
    attachment = Attachment("file-1", duration_s=3.0)
    asks = group.write(sender_id, attachment=attachment, command="transcribe")
    await group.send(asks)
    return asks, f"sent-{len(group.loopback.platform.sent)}"


async def reply_to(group: Group, sent: str, text: str, sender_id: str = BEN) -> list[Reply]:
    answer = await group.say(text, sender_id, reply_to=QuotedMessage(sent, SAID))
    return group.answers(answer)


async def known(group: Group) -> tuple[Correction, ...]:
    """Return the glossary without the names of those who made it."""
    made = (await group.loopback.store.chats.settings(group.chat)).talk.glossary
    return tuple(Correction(one.heard, one.meant) for one in made)


@pytest.mark.parametrize("words", ["no, it is *Kowalski*", "Kovalsky = Kowalski"])
async def test_a_reply_corrects_the_transcript_in_place(group: Group, words: str) -> None:
    asks, sent = await hear(group)
    [reply] = group.answers(asks)
    assert reply.quote == SAID
    how = await group.press(reply, "Fix")
    assert "Kovalsky = Kowalski" in how.text and await known(group) == ()
    [answer] = await reply_to(group, sent, words)
    assert answer.text == "Saved: Kovalsky → Kowalski, for everybody's recordings."
    reply = group.answers(asks)[-1]
    assert (reply.quote, reply.aloud) == (MEANT, MEANT)
    assert group.loopback.platform.edited == [sent]
    assert await known(group) == (Correction("Kovalsky", "Kowalski"),)
    assert len(group.loopback.engine.calls) == 1, "it was heard once"
    taken_back = await group.press(answer, "Undo", BEN)
    assert taken_back.text == "Correction undone."
    assert group.answers(asks)[-1].quote == SAID
    assert await known(group) == ()


async def test_later_transcripts_and_files_are_corrected_too(group: Group) -> None:
    _, sent = await hear(group)
    await reply_to(group, sent, "no, it is Kowalski")
    group.loopback.platform.recording = audio_samples.wav(audio_samples.speech(70.0))
    group.loopback.engine.text = "Kovalsky."
    asks, _ = await hear(group)
    [reply] = group.answers(asks)
    assert "Kowalski" in reply.quote and "Kovalsky" not in reply.quote
    [file] = (await group.press(reply, ".txt")).files
    assert b"Kowalski" in file.data and b"Kovalsky" not in file.data
    [listen] = [button.text for button in reply.buttons if button.command == "listen"]
    assert "Kowalski" in listen and "Kovalsky" not in listen
    kept = await group.loopback.store.results.find(reply.heard_key)
    assert kept and "Kovalsky" in kept.text


async def test_corrections_chain_and_can_be_undone(group: Group) -> None:
    asks, sent = await hear(group)
    await reply_to(group, sent, "Kovalsky = Kowalsky")
    [answer] = await reply_to(group, sent, "no, it is Kowalski")
    assert answer.text == "Saved: Kowalsky → Kowalski, for everybody's recordings."
    assert group.answers(asks)[-1].quote == MEANT
    await group.press(answer, "Undo")
    assert group.answers(asks)[-1].quote == "I met mister Kowalsky at the harbour."
    assert await known(group) == (Correction("Kovalsky", "Kowalsky"),)


@pytest.mark.parametrize("words", ["no, it is Zürich", "Munich = Zürich"])
async def test_words_that_are_not_in_the_transcript_are_not_learned(
    group: Group, words: str
) -> None:
    _, sent = await hear(group)
    [answer] = await reply_to(group, sent, words)
    assert "Zürich" in answer.text or "Munich" in answer.text
    assert group.loopback.platform.edited == []
    assert await known(group) == ()


async def test_a_question_is_no_correction(group: Group) -> None:
    _, sent = await hear(group)
    [answer] = await reply_to(group, sent, "No, what did he want at the harbour?")
    assert answer.text == "answer 1"
    assert await known(group) == ()


async def test_a_correction_stays_in_its_chat(group: Group) -> None:
    _, sent = await hear(group)
    other = Group(group.loopback, replace(GROUP, chat_id="-200"))
    await reply_to(other, sent, "Kovalsky = Kowalski")
    assert await known(other) == ()
    await reply_to(group, sent, "Kovalsky = Kowalski")
    asks, _ = await hear(other)
    assert [reply.quote for reply in other.answers(asks)] == [SAID]


async def test_button_commands_cannot_be_typed(group: Group) -> None:
    asks, sent = await hear(group)
    await reply_to(group, sent, "Kovalsky = Kowalski")
    [job] = [j for j in await group.loopback.store.jobs.history(GROUP) if j.command == "transcribe"]
    typed = group.write(BEN, command="fix", text=f"{job.job_id}\nKovalsky\t")
    await group.send(typed)
    assert await known(group) == (Correction("Kovalsky", "Kowalski"),)
    assert group.answers(asks)[-1].quote == MEANT


async def test_correction_is_applied_once_if_the_job_runs_again(group: Group) -> None:
    """The process ends between saving the settings and saving the reply."""
    asks, sent = await hear(group)
    save_reply = group.loopback.store.jobs.save_reply
    failures = [ValueError("the end of the process")]

    async def fail_once(
        job_id: str, reply: Reply, outcome: JobState, ledger: StoredLedger | None = None
    ) -> Reply:
        if reply.text.startswith("Saved") and failures:
            raise failures.pop()
        return await save_reply(job_id, reply, outcome, ledger)

    group.loopback.store.jobs.save_reply = fail_once  # type: ignore[method-assign]
    [answer] = await reply_to(group, sent, "no, it is Kowalski")
    assert not failures
    assert answer.text == "Saved: Kovalsky → Kowalski, for everybody's recordings."
    assert await known(group) == (Correction("Kovalsky", "Kowalski"),)
    assert group.answers(asks)[-1].quote == MEANT
    await group.press(answer, "Undo")
    assert await known(group) == ()


async def test_glossary_is_listed_and_entries_are_removed(group: Group) -> None:
    assert "no, it is Kowalski" in (await group.ask("glossary")).text
    _, sent = await hear(group)
    await reply_to(group, sent, "Kovalsky = Kowalski")
    await reply_to(group, sent, "harbour = harbor")
    listed = (await group.ask("glossary", BEN)).text
    assert listed.startswith("1. Kovalsky → Kowalski (Ben)\n2. harbour → harbor (Ben)\n")
    for number in ("3", "3" * 5000):
        refused = (await group.ask(f"glossary remove {number}")).text
        assert f"no correction {number[:9]}." in refused
    assert "/glossary remove 2" in (await group.ask("glossary remove it")).text
    assert (await group.ask("glossary remove 1")).text == "Removed: Kovalsky → Kowalski"
    assert await known(group) == (Correction("harbour", "harbor"),)


async def test_only_the_speaker_or_an_admin_corrects(group: Group) -> None:
    asks, sent = await hear(group)
    group.loopback.platform.can_administer = False
    [refused] = await reply_to(group, sent, "Kovalsky = Kowalski", BEN)
    assert refused.text.startswith("Only the person who speaks in this recording, or an admin")
    assert await known(group) == () and group.answers(asks)[-1].quote == SAID
    [saved] = await reply_to(group, sent, "Kovalsky = Kowalski", ADA)
    assert saved.text == "Saved: Kovalsky → Kowalski, for your own recordings."
    pressed = await group.press(saved, "Undo", BEN)
    assert pressed.text.startswith("Only the person who made this correction, or an admin")
    assert group.answers(asks)[-1].quote == MEANT
    await asyncio.sleep(5)  # a second press within three seconds is the first one
    assert (await group.press(saved, "Undo", ADA)).text == "Correction undone."
    assert group.answers(asks)[-1].quote == SAID


async def test_a_forwarded_recording_is_not_that_of_who_forwards_it(group: Group) -> None:
    group.loopback.platform.can_administer = False
    note = Attachment("file-1", duration_s=3.0)
    asks = group.write(ADA, command="transcribe", attachment=note, forwarded_from="Ben")
    await group.send(asks)
    [refused] = await reply_to(group, "sent-1", "Kovalsky = Kowalski", ADA)
    assert refused.text.startswith("Only the person who speaks")
    private = Group(group.loopback, replace(GROUP, chat_id=ADA), is_private=True)
    await private.send(private.write(ADA, attachment=note, forwarded_from="Ben"))
    sent = f"sent-{len(group.loopback.platform.sent)}"
    [saved] = await reply_to(private, sent, "Kovalsky = Kowalski", ADA)
    assert saved.text == "Saved: Kovalsky → Kowalski"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("harbour = fifty", "numbers, dates and amounts"),
        ("harbour = evil.example.org", "addresses"),
        ("met = n\u200bever met", "opposite"),
        ("harbour = hаrbour", "several alphabets"),
    ],
)
async def test_what_would_falsify_other_recordings_is_refused(
    group: Group, words: str, reason: str
) -> None:
    asks, sent = await hear(group)
    [refused] = await reply_to(group, sent, words, ADA)
    assert refused.text.startswith("Not saved: ") and reason in refused.text
    assert await known(group) == () and group.answers(asks)[-1].quote == SAID


async def test_two_steps_do_not_make_an_opposite(group: Group) -> None:
    """A correction of a correction gives the older one another meaning."""
    group.loopback.engine.text = "I accept the offer."
    _, sent = await hear(group)
    await reply_to(group, sent, "accept = axept", ADA)
    [refused] = await reply_to(group, sent, "axept = refuse", ADA)
    assert refused.text.startswith("Not saved: accept → refuse.")
    assert await known(group) == (Correction("accept", "axept"),)


async def test_a_person_has_a_limit(group: Group) -> None:
    _, sent = await hear(group)
    words = [chr(97 + n % 26) * (2 + n // 26) for n in range(MAX_PER_PERSON)]
    full = TalkSettings(glossary=tuple(Correction(f"a {word}", "x", ADA) for word in words))
    await group.loopback.store.chats.save_settings(group.chat, ChatSettings(talk=full))
    [refused] = await reply_to(group, sent, "Kovalsky = Kowalski", ADA)
    assert "You have made 50 corrections" in refused.text and len(await known(group)) == 50
    [saved] = await reply_to(group, sent, "Kovalsky = Kowalski", BEN)
    assert saved.text.startswith("Saved")


async def test_people_see_what_was_corrected(group: Group) -> None:
    """The marks stand beside the text: it is corrected again, searched and read aloud as it is."""
    asks, sent = await hear(group)
    await reply_to(group, sent, "Kovalsky = Kowalski")
    reply = group.answers(asks)[-1]
    assert [reply.quote[mark.start : mark.end] for mark in reply.marks] == ["Kowalski"]
    assert (reply.quote, reply.aloud) == (MEANT, MEANT)
    assert reply.text == reply.note == "Corrected: Kovalsky → Kowalski"
    await reply_to(group, sent, "no, it is harbor")
    asks, _ = await hear(group)
    [reply] = group.answers(asks)
    assert [reply.quote[mark.start : mark.end] for mark in reply.marks] == ["Kowalski", "harbor"]
    assert reply.note == "Corrected: Kovalsky → Kowalski, harbour → harbor"
    group.loopback.engine.text = "Nothing to correct."
    group.loopback.platform.recording += b"\0\0"
    asks, _ = await hear(group)
    assert (group.answers(asks)[0].marks, group.answers(asks)[0].note) == ((), "")


async def labels(group: Group, seconds: float, **limits: Any) -> list[str]:
    answerer = group.loopback.answerer
    answerer.limits = replace(answerer.limits, **limits)
    group.loopback.platform.recording = audio_samples.wav(audio_samples.speech(seconds))
    asks, _ = await hear(group)
    return [button.label for button in group.answers(asks)[0].buttons]


async def test_buttons_under_a_transcript(group: Group) -> None:
    assert await labels(group, 4.0) == ["Translate", "Ask", "Fix", "Listen"]
    long = ["Summary", "Translate", "Ask", "Fix", "Listen", ".txt", ".srt", ".vtt"]
    assert await labels(group, 70.0) == long
    assert await labels(group, 5.0, can_translate=False) == ["Ask", "Fix", "Listen"]
