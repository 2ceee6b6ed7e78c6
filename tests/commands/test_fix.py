"""Corrections of transcripts: in place, for later ones, and undone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.models import Attachment, Correction, JobState, Message, QuotedMessage, Reply
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
    return (await group.loopback.store.chats.settings(group.chat)).talk.glossary


@pytest.mark.parametrize("words", ["no, it is *Kowalski*", "Kovalsky = Kowalski"])
async def test_a_reply_corrects_the_transcript_in_place(group: Group, words: str) -> None:
    asks, sent = await hear(group)
    [reply] = group.answers(asks)
    assert reply.quote == SAID
    how = await group.press(reply, "Fix")
    assert "Kovalsky = Kowalski" in how.text and await known(group) == ()
    [answer] = await reply_to(group, sent, words)
    assert answer.text == "Saved: Kovalsky → Kowalski"
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
    assert answer.text == "Saved: Kowalsky → Kowalski"
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
    assert answer.text == "Saved: Kovalsky → Kowalski"
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
    assert listed.startswith("1. Kovalsky → Kowalski\n2. harbour → harbor\n")
    for number in ("3", "3" * 5000):
        refused = (await group.ask(f"glossary remove {number}")).text
        assert f"no correction {number[:9]}." in refused
    assert "/glossary remove 2" in (await group.ask("glossary remove it")).text
    assert (await group.ask("glossary remove 1")).text == "Removed: Kovalsky → Kowalski"
    assert await known(group) == (Correction("harbour", "harbor"),)


async def test_members_add_corrections_and_admins_remove_them(group: Group) -> None:
    _, sent = await hear(group)
    group.loopback.platform.can_administer = False
    await reply_to(group, sent, "Kovalsky = Kowalski")
    assert "admins" in (await group.ask("glossary remove 1", BEN)).text
    assert await known(group) == (Correction("Kovalsky", "Kowalski"),)


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
