"""Words are found in what was remembered."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from core.models import Correction, RememberedMessage, Transcript
from core.store import Store
from core.store.talk.search import Search
from tests.support.remembered_talk import CHAT, START, VOICE, say, talk


async def find(store: Store, words: str, limit: int = 10, *fixes: Correction) -> list[str]:
    return [m.message_id for m in await store.memory.find(CHAT, words, limit, fixes)]


async def test_words_are_found_in_texts_and_in_what_was_said(store: Store) -> None:
    await talk(
        store,
        say(1, "The invoice of Müller is late"),
        say(2, attachment=VOICE),
        say(3, "我们明天下午开会"),
        say(4, "nothing of that kind"),
        say(5, 'She said "INVOICES"\nand left'),
    )
    await store.memory.save_transcript(CHAT, "2", Transcript("I paid the invoice of Cow Alski"))
    assert await find(store, "invoice") == ["5", "2", "1"]
    assert await find(store, "INVOICE", 2) == ["5", "2"]
    assert await find(store, "late inv MÜLL") == ["1"]
    assert await find(store, "voice") == [], "not within a word"
    assert await find(store, "明天") == await find(store, "开会 下午") == ["3"]
    assert await find(store, "attachment") == [], "a word of how it is kept, not of the talk"
    assert await find(store, "sender_name") == await find(store, "  ?! ") == []
    fix = Correction("Cow Alski", "Kowalski")
    assert await find(store, "kowalski paid") == []
    assert await find(store, "kowalski paid", 10, fix) == ["2"]


async def test_a_search_goes_on_until_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.store.talk.memory._PAGE", 3)
    same = [say(n, f"tea number {n}", sent_at=START) for n in range(1, 8)]
    await talk(store, *same, say(8, "tea"), say(9, "coffee"))
    assert await find(store, "tea", 20) == ["8", "7", "6", "5", "4", "3", "2", "1"]
    assert await find(store, "tea", 4) == ["8", "7", "6", "5"]


words = st.text(alphabet="ab日本 ", min_size=1, max_size=6)


@settings(deadline=None)
@given(text=st.text(alphabet="abAB日本-'\"\n ", max_size=20), query=words)
def test_what_is_passed_over_unread_does_not_hold_the_words(text: str, query: str) -> None:
    message = RememberedMessage("1", START, "7", "Ada", text)
    search = Search(query)
    plain = TypeAdapter(RememberedMessage).dump_json(message)
    assert search.may_match(plain, b"") or not search.matches(message)
