"""Edited transcripts: what a person wrote counts from then on, wherever it is read."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from core.models import Attachment, Correction, JobState, Message, QuotedMessage, Reply
from core.store.work.deliveries import StoredLedger
from tests.support import audio_samples
from tests.support.group_talk import ADA, BEN, EVE, Group, quote

SAID = "We meet mister Kovalsky at noon. It rains all day. Take the number nine bus. See you there."
EDITED = "We meet mister Kowalski at noon. Take the tram, please!\nSee you there, friends."
CHANGED = "The transcript was changed."

pytestmark = pytest.mark.finding(23)


@pytest.fixture
async def private(group: Group) -> Group:
    group.loopback.engine.text = SAID
    group.loopback.platform.recording = audio_samples.wav(audio_samples.speech(40.0))
    return Group(group.loopback, replace(group.chat, chat_id="7"), is_private=True)


async def transcribe(group: Group) -> tuple[Message, str]:
    """Have 40 seconds transcribed; return the message and the id of the reply."""
    attachment = Attachment("file-1", "audio", "talk.wav", duration_s=40.0)
    asks = await group.send(group.write(attachment=attachment, command="transcribe"))
    return asks, f"sent-{len(group.loopback.platform.sent)}"


async def edit(group: Group, sent: str, text: str, sender_id: str = ADA) -> Reply:
    return await group.ask(f"fix {text}", sender_id, reply_to=QuotedMessage(sent, SAID))


async def test_files_summaries_and_questions_have_the_edited_text(private: Group) -> None:
    asks, sent = await transcribe(private)
    before = (await private.press(private.answers(asks)[-1], ".srt")).files[0].data.decode()
    answer = await edit(private, sent, EDITED)
    assert answer.text.splitlines()[0] == CHANGED
    reply = private.answers(asks)[-1]
    assert (reply.quote, reply.aloud) == (EDITED, EDITED)
    files = {
        form: (await private.press(reply, f".{form}")).files[0].data.decode()
        for form in ("txt", "srt", "vtt")
    }
    for content in files.values():
        assert "Kowalski" in content and "tram," in content
        assert "rains" not in content and "nine" not in content
    # What is still there keeps its time.
    [times] = [block for block in before.split("\n\n") if "See you" in block]
    assert times.split("\n")[1] in files["srt"]
    answerer = private.loopback.answerer
    await private.say("When?", reply_to=QuotedMessage(sent, EDITED))
    await private.ask("summary")
    assert answerer.sounds() == [0, 0], "the text counts"
    for asked in map(str, answerer.questions):
        assert "tram, please!" in asked and "rains" not in asked
    assert len(private.loopback.engine.calls) == 1, "it was transcribed once"


async def test_names_are_learned_and_sentences_are_not(private: Group) -> None:
    _, sent = await transcribe(private)
    answer = await edit(private, sent, EDITED)
    assert answer.text == f"{CHANGED}\nRemembered for this chat: Kovalsky → Kowalski"
    settings = await private.loopback.store.chats.settings(private.chat)
    assert settings.talk.glossary == (Correction("Kovalsky", "Kowalski", ADA, "Ada"),)


async def test_what_would_falsify_other_recordings_is_changed_here_only(private: Group) -> None:
    asks, sent = await transcribe(private)
    edited = SAID.replace("Kovalsky", "Kowalski").replace("nine", "ten").replace("all", "no")
    answer = await edit(private, sent, edited)
    first, learned, rest = answer.text.splitlines()
    assert (first, learned) == (CHANGED, "Remembered for this chat: Kovalsky → Kowalski")
    assert rest.startswith("Some changes count in this transcript only")
    reply = private.answers(asks)[-1]
    assert (reply.quote, reply.note, reply.marks) == (edited, "Edited by hand.", ())


async def test_what_a_person_wrote_is_not_corrected_by_the_glossary(private: Group) -> None:
    asks, sent = await transcribe(private)
    kept = "Mister Kovalsky comes. His name has no w, as all of us know by now, I hope."
    await edit(private, sent, kept)
    _, other = await transcribe(private)
    await private.say("Kovalsky = Kowalski", reply_to=QuotedMessage(other, SAID))
    reply = private.answers(asks)[-1]
    assert reply.quote == kept
    [file] = (await private.press(reply, ".txt")).files
    assert b"Kovalsky" in file.data
    # One that is made in it does change it.
    await private.say("hope = think", reply_to=QuotedMessage(sent, kept))
    assert private.answers(asks)[-1].quote == kept.replace("hope", "think")


async def test_undo_returns_each_version_and_what_was_learned(private: Group) -> None:
    asks, sent = await transcribe(private)
    first = await edit(private, sent, EDITED)
    second = await edit(private, sent, "All is off.")
    refused = await private.press(first, "Undo")
    assert refused.text == "The transcript was changed again since. Undo that first."
    assert private.answers(asks)[-1].quote == "All is off."
    assert (await private.press(second, "Undo")).text == "Correction undone."
    assert private.answers(asks)[-1].quote == EDITED
    await asyncio.sleep(5)  # a second press within three seconds is the first one
    await private.press(first, "Undo")
    assert private.answers(asks)[-1].quote == SAID
    settings = await private.loopback.store.chats.settings(private.chat)
    assert settings.talk.glossary == ()


async def test_an_edit_is_made_once_if_its_job_runs_again(private: Group) -> None:
    """The process ends between the edit and the reply that tells of it."""
    asks, sent = await transcribe(private)
    jobs = private.loopback.store.jobs
    save_reply, failures = jobs.save_reply, [ValueError("the end of the process")]

    async def fail_once(
        job_id: str, reply: Reply, outcome: JobState, ledger: StoredLedger | None = None
    ) -> Reply:
        if reply.text.startswith(CHANGED) and failures:
            raise failures.pop()
        return await save_reply(job_id, reply, outcome, ledger)

    jobs.save_reply = fail_once  # type: ignore[method-assign]
    answer = await edit(private, sent, EDITED)
    assert not failures
    assert private.answers(asks)[-1].quote == EDITED
    await private.press(answer, "Undo")
    assert private.answers(asks)[-1].quote == SAID


async def test_in_a_group_only_the_sender_or_an_admin_rewrites(
    private: Group, group: Group
) -> None:
    asks, sent = await transcribe(group)
    group.loopback.platform.can_administer = False
    assert (await edit(group, sent, EDITED, BEN)).text.startswith("Only the person who speaks")
    assert group.answers(asks)[-1].quote == SAID
    assert (await edit(group, sent, EDITED, ADA)).text.startswith(CHANGED)
    group.loopback.platform.can_administer = True
    assert (await edit(group, sent, "No.", EVE)).text.startswith(CHANGED)
    assert group.answers(asks)[-1].quote == "No."


async def test_another_chat_cannot_edit_and_keeps_its_own_text(
    private: Group, group: Group
) -> None:
    """The same recording in two chats is one paid transcript."""
    asks, sent = await transcribe(private)
    theirs, _ = await transcribe(group)
    await edit(private, sent, EDITED)
    assert "no longer available" in (await edit_with_job(group, private, asks)).text
    assert group.answers(theirs)[-1].quote == SAID
    [file] = (await group.press(group.answers(theirs)[-1], ".txt")).files
    assert b"rains" in file.data


async def edit_with_job(group: Group, other: Group, asks: Message) -> Reply:
    """Edit in `group`, naming the job of a message of another chat."""
    job = await group.loopback.store.jobs.of_message(other.chat, asks.message_id)
    assert job
    quoted = QuotedMessage("unknown", SAID, job_id=job.job_id, command="transcribe")
    return await group.ask("fix Something", reply_to=quoted)


async def test_forgetting_deletes_all_versions(private: Group) -> None:
    asks, sent = await transcribe(private)
    results = private.loopback.store.results
    keys = [private.answers(asks)[-1].heard_key]
    for text in (EDITED, "All is off."):
        await edit(private, sent, text)
        keys.append(private.answers(asks)[-1].heard_key)
    assert len({*keys}) == 3 and all([await results.find(key) for key in keys])
    await private.ask("forget", reply_to=quote(asks))
    assert [await results.find(key) for key in keys] == [None, None, None]
    # The edits were messages, too.
    jobs = await private.loopback.store.jobs.history(private.chat)
    assert [job.command for job in jobs] == ["forget"]


async def test_without_a_text_or_a_transcript_it_says_how(private: Group) -> None:
    asks, sent = await transcribe(private)
    assert "Reply to the transcript" in (await edit(private, sent, "")).text
    assert "Reply to the transcript" in (await private.ask("fix Something")).text
    assert private.answers(asks)[-1].quote == SAID
