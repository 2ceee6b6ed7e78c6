"""Keys of browsers, and the person whom they belong to."""

from __future__ import annotations

import hashlib

import pytest

from core.models import Chat, ChatSettings
from core.store import Store

FIRST = "first"
PERSON = hashlib.sha256(b"first").hexdigest()[:32]


async def use(store: Store, name: str = "") -> None:
    """Store something of the person, in a chat of that name."""
    await store.chats.save_settings(Chat("web", "local", PERSON + name), ChatSettings())


async def test_the_first_key_is_the_person(store: Store) -> None:
    assert await store.web_sessions.find_person(FIRST) == PERSON


@pytest.mark.parametrize("name", ["", "-abc"])
async def test_an_old_key_counts_until_the_new_one_is_used(store: Store, name: str) -> None:
    sessions = store.web_sessions
    await use(store, name)
    second = await sessions.renew(FIRST, is_over=False)
    assert await sessions.find_person(FIRST) == PERSON
    assert await sessions.find_person(second) == PERSON
    assert await sessions.find_person(FIRST) == "", "it has ended"
    third = await sessions.renew(second, is_over=False)
    assert [await sessions.find_person(one) for one in (second, third)] == [PERSON] * 2
    assert await sessions.find_person(FIRST) == ""
    assert await sessions.find_person(second) not in ("", PERSON), "the key of a new person"


async def test_a_logout_ends_the_key_at_once(store: Store) -> None:
    sessions = store.web_sessions
    await use(store)
    second = await sessions.renew(FIRST, is_over=True)
    assert await sessions.find_person(FIRST) == ""
    assert await sessions.find_person(second) == PERSON


async def test_an_ended_key_cannot_be_renewed(store: Store) -> None:
    sessions = store.web_sessions
    await use(store)
    await sessions.renew(FIRST, is_over=True)
    stolen = await sessions.renew(FIRST, is_over=False)
    assert await sessions.find_person(stolen) not in ("", PERSON)


async def test_nothing_is_stored_of_who_has_stored_nothing(store: Store) -> None:
    new = await store.web_sessions.renew(FIRST, is_over=False)
    assert await store.web_sessions.find_person(new) not in ("", PERSON)
    assert await store.web_sessions.find_person(FIRST) == PERSON
