"""/find: messages and recordings, with links and positions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.models import Chat, ChatSettings, Correction, Segment, TalkSettings, Transcript
from tests.support.group_talk import ADA, BEN, Group

SAID = Transcript(
    "hello there. the invoice is with Cow Alski.",
    (Segment(0.0, 4.0, "hello there."), Segment(134.2, 138.0, "the invoice is with Cow Alski.")),
    140.0,
)


@pytest.fixture
async def group(group: Group) -> Group:
    await group.ask("remember on")
    return group


@pytest.mark.finding(30)
async def test_long_names_are_cut(group: Group) -> None:
    await group.say("the invoice", BEN, sender_name="Hubert Blaine " * 9)
    found = (await group.ask("find invoice")).text
    assert found.endswith(" Hubert Blaine Hubert Blaine Hub…: the invoice")


async def test_each_hit_links_to_its_message_and_position(group: Group) -> None:
    text = await group.say("the invoice of May 😀 is\n\nlate", ADA, thread_id="5")
    note = await group.speak(BEN)
    await group.say("something else")
    await group.loopback.store.memory.save_transcript(group.chat, note.message_id, SAID)
    found = await group.ask("find INVOICE")
    when, then = (f"{m.sent_at:%Y-%m-%d %H:%M}" for m in (text, note))
    assert found.text.split("\n") == [
        f"{then} Ben 2:14: the invoice is with Cow Alski.",
        f"{when} Ada: the invoice of May 😀 is late",
    ]
    places = [(found.text[link.start : link.end], link.message_id) for link in found.links]
    of_note = [(words, note.message_id) for words in (then, "2:14")]
    assert places == [*of_note, (when, text.message_id)]
    assert found.links[2].thread_id == "5"
    play = [(b.label, b.command, b.text) for b in found.buttons]
    assert play == [("▶ 2:14", "replay", f"{note.message_id} 134")]


async def test_corrected_words_are_found_by_their_correction(group: Group) -> None:
    note = await group.speak(BEN)
    await group.loopback.store.memory.save_transcript(group.chat, note.message_id, SAID)
    talk = TalkSettings(remember_days=7, glossary=(Correction("Cow Alski", "Kowalski"),))
    await group.loopback.store.chats.save_settings(group.chat, ChatSettings(talk=talk))
    assert "invoice is with Kowalski." in (await group.ask("find kowalski")).text


async def test_ten_newest_hits_are_listed_first(group: Group) -> None:
    for n in range(12):
        await group.say(f"tea {n}.")
    lines = (await group.ask("find tea")).text.split("\n")
    assert [line.split(" ", 3)[3] for line in lines] == [f"tea {n}." for n in range(11, 1, -1)]


async def test_hits_are_shown_with_their_context(group: Group) -> None:
    await group.say("left " * 50 + "needle" + " right" * 50)
    line = (await group.ask("find needle")).text.split(": ", 1)[1]
    assert line.startswith("…") and line.endswith("…") and "left needle right" in line
    assert len(line) <= 125


async def test_links_and_mentions_in_hits_are_disabled(group: Group) -> None:
    name = "@ben https://a.example"
    await group.say("needle @ben /help https://evil.example/x", sender_name=name)
    found = await group.ask("find needle")
    for alive in ("@ben", "/help", "https://", "evil.example"):
        assert alive not in found.text
    assert len(found.links) == 1


async def test_missing_history_and_no_hits_are_reported(group: Group) -> None:
    assert "/find invoice" in (await group.ask("find")).text
    assert "/find invoice" in (await group.ask("find ?!")).text
    assert "last 7 days" in (await group.ask("find nothing")).text
    await group.ask("remember off")
    assert "history is off" in (await group.ask("find tea")).text
    private = Group(group.loopback, Chat("test", "1", "7"), is_private=True)
    assert "forward" in (await private.ask("find tea")).text
    await private.say("tea", forwarded_from="Eve")
    assert "Eve: tea" in (await private.ask("find tea")).text


async def test_edited_and_deleted_messages_are_found_as_they_are_now(group: Group) -> None:
    message = await group.say("needle one")
    gone = await group.say("needle two")
    await group.send(replace(message, edit_id="5", text="thread one"))
    await group.loopback.inbox.forget(group.chat, gone.message_id)
    assert "last 7 days" in (await group.ask("find needle")).text
    assert "thread one" in (await group.ask("find one")).text
