"""Stored results are shared within a scope only: nobody learns what others have sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from core.models import Chat, Question, Turn
from core.requester import (
    REQUESTER,
    Requester,
    requester_of,
    requester_of_key,
    share_with,
    work_for,
)
from core.store.work.rulings import build_own
from core.synthesis.pipeline import VoiceStyle
from tests.conftest import NewMessage
from tests.support.loopback import Loopback

GROUP = Chat("telegram", "1", "-100")


def test_scopes_are_a_group_a_person_and_a_key(new_message: NewMessage) -> None:
    def scope(**changes: object) -> str:
        return requester_of(new_message(**changes)).scope

    private = {"is_private": True}
    assert scope(**private) == scope(chat_id="other chat of the page", **private)
    assert scope(**private) != scope(sender_id="8", **private)
    assert scope(is_private=False) == scope(is_private=False, sender_id="8")
    assert scope(is_private=False) != scope(is_private=False, chat_id="101")
    # A group whose id is a person's, and a key that is called like either, are neither.
    same = {"chat_id": "7", "sender_id": "7"}
    scopes = [
        scope(**same, **private),
        scope(**same, is_private=False),
        requester_of_key("7").scope,
    ]
    assert len(set(scopes)) == 3
    assert requester_of_key("a").scope == requester_of_key("a").scope
    assert requester_of_key("a").scope != requester_of_key("b").scope
    # A message without a sender shares with its chat at most.
    assert scope(sender_id="", **private) != scope(sender_id="", chat_id="101", **private)


def test_a_private_thread_has_its_own_scope_and_its_channel_pays(new_message: NewMessage) -> None:
    there = new_message("55", is_private=False, parent_id="50")
    own = build_own(there, "access_approved", there.sent_at)
    channel = requester_of(new_message("50", is_private=False))
    for requester in map(requester_of, (there, own)):
        assert requester.group == channel.group and requester.chat == there.chat
        assert requester.scope != channel.scope
    # Responses that only one person sees are their own, wherever that is.
    alone = replace(there, is_private=True)
    assert requester_of(alone).group is None
    assert build_own(alone, "introduction", there.sent_at).parent_id == ""


def test_work_about_a_group_is_shared_with_it(new_message: NewMessage) -> None:
    message = new_message(is_private=True)
    with work_for(requester_of(message)), share_with(GROUP):
        mine = REQUESTER.get()
        group = requester_of(new_message(chat_id=GROUP.chat_id, is_private=False))
        assert mine.scope == group.scope.replace("test|1", "telegram|1")
        assert (mine.chat, mine.person_id) == (message.chat, "7")  # who pays
    assert REQUESTER.get() == Requester()


@pytest.mark.parametrize("together", [False, True])
async def test_results_of_another_scope_are_not_used(loopback: Loopback, together: bool) -> None:
    recording = loopback.platform.recording

    async def work(scope: str) -> None:
        with work_for(Requester(scope)):
            await loopback.transcription.transcribe(recording)
            await loopback.answering.answer(Question((Turn("user", "Who speaks?"),)))
            await loopback.synthesis.synthesize("Hello", VoiceStyle())

    def count() -> tuple[int, int, int]:
        asked, said = loopback.answerer.questions, loopback.synthesizer.utterances
        return len(loopback.engine.calls), len(asked), len(said)

    scopes = ("one", "one", "two")
    if together:
        await asyncio.gather(*map(work, scopes))
    else:
        for scope in scopes:
            await work(scope)
    assert count() == (2, 2, 2)


def test_a_person_takes_turns_as_one_in_all_chats(new_message: NewMessage) -> None:
    """Whatever the scope of the results is; what nobody has sent is its chat's."""
    private, group = new_message(), new_message("-5", is_private=False)
    people = {requester_of(message).person for message in (private, group)}
    assert len(people) == 1
    theirs, nobodys = new_message(sender_id="8"), new_message("-5", sender_id="", is_private=False)
    others = {requester_of(theirs).person, requester_of(nobodys).person, REQUESTER.get().person}
    assert len(others | people) == 4 and requester_of_key("a").person != ""
