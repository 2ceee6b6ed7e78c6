"""Follow-up questions: the history sent with them, and how often audio is sent."""

from __future__ import annotations

import pytest

from core.answering.prompt import (
    MAX_HISTORY_CHARS,
    Exchange,
    may_want_audio,
    newest_exchanges,
    wants_audio,
)
from core.errors import EngineBusy, UserError
from core.models import Attachment, Message, QuotedMessage
from core.store import Store
from tests.commands.conftest import NOTE, Talk
from tests.support import audio_samples


async def test_follow_up_questions_send_audio_only_when_needed(talk: Talk) -> None:
    talk.loopback.platform.recording = long_note = audio_samples.file(
        "ogg-opus", audio_samples.speech(60.0)
    )
    await talk.send(command="ask", text="Who speaks?", reply_to=NOTE)
    calls = len(talk.loopback.engine.calls)
    assert (talk.answerer.sounds(), calls) == ([1], 0)
    assert talk.turns[0].audios[0].data == long_note

    await talk.follow("What do they say first?")
    calls = len(talk.loopback.engine.calls)
    assert talk.answerer.sounds() == [1, 0] and calls > 1

    talk.answerer.wants_audio = "mood"
    reply = await talk.follow("And the mood?")
    # The words alone, the answer LISTEN, then the sound, once.
    assert talk.answerer.sounds() == [1, 0, 0, 1]
    assert reply.text == "answer 4"

    await talk.follow("And the end?")
    assert talk.answerer.sounds() == [1, 0, 0, 1, 0]
    assert len(talk.loopback.engine.calls) == calls
    turns = talk.turns
    assert [turn.role for turn in turns] == ["user", "assistant"] * 3 + ["user"]
    assert turns[0].text.startswith("The recording:\n<data>\n[0:00] call ")
    assert turns[0].text.endswith("Who speaks?") and turns[1].text == "answer 1"
    assert turns[-1].text == "And the end?"
    assert all("LISTEN" not in text for _, text, _ in talk.loopback.platform.shown)


async def test_spoken_question_can_be_a_follow_up(talk: Talk) -> None:
    await talk.send(command="ask", text="Who?", reply_to=NOTE)
    reply = await talk.follow(attachment=Attachment("q", duration_s=1.0), is_private=False)
    assert (reply.quote, reply.is_quote_first, reply.text) == ("call 1", True, "answer 2")
    assert [turn.text for turn in talk.turns][1:] == ["answer 1", "call 1"]
    await talk.follow("And?")
    assert [turn.text for turn in talk.turns][2:] == ["call 1", "answer 2", "And?"]


async def test_history_in_the_prompt_is_bounded(talk: Talk) -> None:
    talk.answerer.scripts[""] = "x" * 1500
    await talk.send(command="ask", text="q0")
    for number in range(1, 10):
        await talk.follow(f"q{number}")
    assert [turn.text for turn in talk.turns if turn.role == "user"] == [
        f"q{number}" for number in range(3, 10)
    ]
    long = [Exchange("q", "x" * 5000) for _ in range(6)]
    assert len(newest_exchanges(long)) == MAX_HISTORY_CHARS // 5001


async def test_last_recording_is_the_one_at_the_time_of_the_question(talk: Talk) -> None:
    await talk.send(attachment=Attachment("file-1"))
    await talk.send(command="ask", text="Who?")
    answered = len(talk.loopback.platform.sent)
    await talk.send(attachment=Attachment("file-2"))
    await talk.send(text="And?", reply_to=QuotedMessage(f"sent-{answered}"))
    [subject] = talk.last.about
    assert subject.attachment.file_id == "file-1"
    await talk.send(command="ask", text="And now?")
    [subject] = talk.last.about
    assert subject.attachment.file_id == "file-2"


async def test_transcript_answers_when_the_audio_is_gone(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await talk.send(attachment=Attachment("file-1"))

    async def fetch(message: Message) -> bytes:
        raise UserError("I no longer have this recording. Send it again.")

    monkeypatch.setattr(talk.loopback.platform, "fetch", fetch)
    await talk.follow("What?")
    assert talk.answerer.sounds() == [0] and "call 1" in talk.turns[0].text
    talk.answerer.wants_audio = "mood"
    reply = await talk.follow("The mood?")
    assert reply.text.startswith("That needs the recording itself")
    reply = await talk.send(command="ask", text="What?", reply_to=NOTE)
    assert reply.text == "I no longer have this recording. Send it again."


async def test_temporary_upload_leaves_its_transcript(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = talk.loopback.platform.recording
    await talk.loopback.inbox.accept(talk.new(command="ask", text="Who?"), sound)
    await talk.loopback.settle()
    assert (talk.answerer.sounds(), len(talk.loopback.engine.calls)) == ([1], 1)
    monkeypatch.delattr(talk.loopback.platform.__class__, "fetch")
    await talk.follow("What is said?")
    assert talk.answerer.sounds() == [1, 0]
    assert "call 1" in talk.turns[0].text and len(talk.loopback.engine.calls) == 1


async def test_recording_without_words_is_sent_as_audio_again(talk: Talk) -> None:
    talk.loopback.platform.recording = audio_samples.file("ogg-opus", audio_samples.tone(3))
    await talk.send(command="ask", text="What note?", reply_to=NOTE)
    await talk.follow("How long?")
    assert talk.answerer.sounds() == [1, 1] and talk.loopback.engine.calls == []


async def test_ask_button_leads_to_a_question(talk: Talk) -> None:
    await talk.send(attachment=Attachment("file-1"))
    key = talk.last.heard_key
    [token] = [b.token for b in talk.last.buttons if b.command == "ask_about"]
    reply = await talk.send(button=token, command="")
    assert reply.text.startswith("Reply to this message with your question")
    await talk.follow("What is meant?")
    assert (talk.answerer.sounds(), len(talk.loopback.engine.calls)) == ([1], 1)
    [subject] = talk.last.about
    assert subject.heard == key


@pytest.mark.parametrize("step", ["first", "words", "listen"])
async def test_failed_step_is_retried_and_no_other_is_repeated(talk: Talk, step: str) -> None:
    fails = {"first": 0, "words": 1, "listen": 2}[step]
    talk.answerer.failures = [None] * fails + [EngineBusy("503")]
    talk.answerer.wants_audio = "mood"
    await talk.send(command="ask", text="Who?", reply_to=NOTE)
    await talk.follow("And the mood?")
    assert len(talk.loopback.platform.sent) == 2
    assert talk.answerer.sounds().count(1) == 2 + (step in ("first", "listen"))
    assert len(talk.answerer.questions) == 4


async def test_forgetting_a_question_forgets_the_conversation(talk: Talk, store: Store) -> None:
    bens = QuotedMessage("voice-1", "", Attachment("file-1"), sender_id="9")
    await talk.send(command="ask", text="What?", reply_to=bens, is_private=False)
    await talk.follow("And why?", is_private=False)
    moon = QuotedMessage("5", "The moon is far away.")
    await talk.send(command="ask", text="How far is the moon?", reply_to=moon, is_private=False)
    chat = talk.new().chat
    receipt = await store.forgetting.forget_person(chat, "9")
    assert (receipt.answers, receipt.transcripts) == (2, 1)
    assert [job.message.text for job in await store.jobs.history(chat)] == ["How far is the moon?"]


def test_listen_is_recognised_in_partial_text() -> None:
    assert all(may_want_audio("LISTEN."[:n]) for n in range(8))
    assert wants_audio('"LISTEN"') and wants_audio("**LISTEN**\nbecause")
    assert not wants_audio("Listen, she says.") and not wants_audio("LISTENING is hard")
    assert not may_want_audio("Likely yes")
