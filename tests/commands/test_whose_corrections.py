"""Whose recordings a correction in a group is for: everybody's if an admin made it, or own ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.models import Attachment, QuotedMessage, Reply
from tests.commands.test_fix import MEANT, SAID, hear, known, reply_to
from tests.support import audio_samples
from tests.support.group_talk import ADA, BEN, EVE, GROUP, Group, quote

OWN = "Saved: Kovalsky → Kowalski, for your own recordings."
KOWALSKI = "Kovalsky = Kowalski"


@pytest.fixture
async def group(group: Group) -> Group:
    """A group in which nobody is an admin, at first."""
    group.loopback.engine.text = SAID
    group.loopback.platform.can_administer = False
    return group


async def transcript(group: Group, sender_id: str, **changes: Any) -> Reply:
    attachment = Attachment("file-1", duration_s=40.0)
    asks = group.write(sender_id, attachment=attachment, command="transcribe", **changes)
    await group.send(asks)
    return group.answers(asks)[-1]


async def test_the_correction_of_a_member_is_for_their_own_recordings(group: Group) -> None:
    _, sent = await hear(group, BEN)
    [saved] = await reply_to(group, sent, KOWALSKI, BEN)
    assert saved.text == OWN
    group.loopback.platform.recording = audio_samples.wav(audio_samples.speech(40.0))
    mine, hers = await transcript(group, BEN), await transcript(group, ADA)
    assert (mine.quote, mine.note) == (MEANT, "Corrected: Kovalsky → Kowalski")
    assert (hers.quote, hers.note) == (SAID, "")
    # Whoever presses the button.
    for reply, words in ((mine, b"Kowalski"), (hers, b"Kovalsky")):
        [file] = (await group.press(reply, ".srt", EVE)).files
        assert words in file.data


async def test_summaries_questions_and_the_search_say_the_same(group: Group) -> None:
    group.loopback.platform.can_administer = True
    await group.ask("remember on")
    group.loopback.platform.can_administer = False
    notes = [await group.speak(who) for who in (BEN, ADA)]
    await group.ask("transcribe", BEN, reply_to=quote(notes[0]))
    await reply_to(group, f"sent-{len(group.loopback.platform.sent)}", KOWALSKI, BEN)
    await group.ask("summary", EVE)
    asked = str(group.loopback.answerer.questions[-1].turns)
    assert asked.count(MEANT) == asked.count(SAID) == 1 and asked.index(MEANT) < asked.index(SAID)
    found = {word: (await group.ask(f"find {word}", EVE)).text for word in ("Kowalski", "Kovalsky")}
    assert f"Ben 0:00: {MEANT}" in found["Kowalski"] and SAID not in found["Kowalski"]
    assert f"Ada 0:00: {SAID}" in found["Kovalsky"] and MEANT not in found["Kovalsky"]


async def test_the_correction_of_an_admin_is_for_everybodys_recordings(group: Group) -> None:
    _, sent = await hear(group, BEN)
    group.loopback.platform.can_administer = True
    [saved] = await reply_to(group, sent, KOWALSKI, ADA)
    assert saved.text == "Saved: Kovalsky → Kowalski, for everybody's recordings."
    for who in (ADA, BEN, EVE):
        assert (await transcript(group, who)).quote == MEANT
    # Who has sent a forward need not be known.
    assert (await transcript(group, EVE, forwarded_from="Somebody")).quote == MEANT


async def test_a_forward_is_of_whoever_spoke(group: Group) -> None:
    _, sent = await hear(group, BEN)
    await reply_to(group, sent, KOWALSKI, BEN)
    for forwarded, origin, expected in (("Ben", BEN, MEANT), ("Ben", "", SAID), ("Ada", ADA, SAID)):
        found = await transcript(group, BEN, forwarded_from=forwarded, origin_id=origin)
        assert found.quote == expected


async def test_what_was_corrected_for_everybody_is_changed_for_oneself(group: Group) -> None:
    group.loopback.platform.can_administer = True
    _, hers = await hear(group, ADA)
    await reply_to(group, hers, KOWALSKI, ADA)
    group.loopback.platform.can_administer = False
    asks, sent = await hear(group, BEN)
    [saved] = await reply_to(group, sent, "Kowalski = Kovacs", BEN)
    assert saved.text == "Saved: Kowalski → Kovacs, for your own recordings."
    assert group.answers(asks)[-1].quote == "I met mister Kovacs at the harbour."
    assert (await transcript(group, BEN)).quote == "I met mister Kovacs at the harbour."
    assert (await transcript(group, ADA)).quote == MEANT
    assert (await group.press(saved, "Undo", BEN)).text == "Correction undone."
    assert (await transcript(group, BEN)).quote == MEANT


async def test_the_list_says_whose_recordings_an_entry_is_for(group: Group) -> None:
    _, sent = await hear(group, BEN)
    await reply_to(group, sent, KOWALSKI, BEN)
    group.loopback.platform.can_administer = True
    await reply_to(group, sent, "harbour = harbor", ADA)
    group.loopback.platform.can_administer = False
    listed = (await group.ask("glossary", EVE)).text
    assert listed.startswith(
        "1. Kovalsky → Kowalski (Ben, own recordings only)\n2. harbour → harbor (Ada)\n"
    )
    assert "admins" in (await group.ask("glossary remove 2", BEN)).text
    assert (await group.ask("glossary remove 1", BEN)).text == "Removed: Kovalsky → Kowalski"


async def test_what_is_learned_from_an_edited_text_is_for_the_same(group: Group) -> None:
    group.loopback.engine.text = said = f"{SAID} He had a boat of his own, and he knew the town."
    reply = await transcript(group, BEN)
    sent = f"sent-{len(group.loopback.platform.sent)}"
    text = said.replace("Kovalsky", "Kowalski")
    edited = await group.ask(f"fix {text}", BEN, reply_to=QuotedMessage(sent, said))
    assert edited.text.splitlines()[1:] == [
        "Remembered for your own recordings: Kovalsky → Kowalski"
    ]
    assert reply.quote == said
    assert (await transcript(group, ADA)).quote == said
    assert (await transcript(group, BEN)).quote == text


async def test_in_private_it_is_for_all_that_is_sent_there(group: Group) -> None:
    private = Group(group.loopback, replace(GROUP, chat_id=ADA), is_private=True)
    _, sent = await hear(private, ADA)
    [saved] = await reply_to(private, sent, KOWALSKI, ADA)
    assert saved.text == "Saved: Kovalsky → Kowalski" and len(await known(private)) == 1
    assert (await transcript(private, ADA, forwarded_from="Ben")).quote == MEANT
    assert (await private.ask("glossary")).text.startswith("1. Kovalsky → Kowalski (Ada)\n")
