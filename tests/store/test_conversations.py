"""The chats of one person with us alone."""

from __future__ import annotations

from core.clock import Clock
from core.models import Chat, JobState
from core.store import Store
from tests.conftest import NewMessage
from tests.store.conftest import Add

PERSON = Chat("web", "1", "a_b")


def chat(name: str, platform: str = "web", bot_id: str = "1") -> dict[str, Chat]:
    return {"chat": Chat(platform, bot_id, name)}


async def list_chats(store: Store) -> list[tuple[str, str]]:
    """Return the id of each chat and the command that it is known by."""
    return [(c.chat.chat_id, c.first.command) for c in await store.chats.conversations(PERSON, 50)]


async def test_the_chat_used_last_comes_first(store: Store, add: Add, clock: Clock) -> None:
    for name in ("a_b", "a_b-1", "a_b-2", "a_b-1"):
        await add(**chat(name))
        await clock.sleep(60)
    last_at = clock.now()
    await add(**chat("a_b"), command="ask", text="Why?")
    found = await store.chats.conversations(PERSON, 50)
    assert [c.chat.chat_id for c in found] == ["a_b", "a_b-1", "a_b-2"]
    assert found[0].last_at == last_at and found[0].first.created_at < last_at
    assert found[0].first.message.message_id == "1"


async def test_chats_of_others_are_not_listed(store: Store, add: Add) -> None:
    for place in (chat("a_bc"), chat("aXb-1"), chat("a_b", "test"), chat("a_b-1", bot_id="2")):
        await add(**place)
    assert await list_chats(store) == []
    await add(**chat("a_b-1"))
    assert await list_chats(store) == [("a_b-1", "transcribe")]


SMALL = ["start", "unknown", "help", "voice", "style", "replies", "language", "mode", "retry"]


async def test_chats_are_known_by_a_topic(store: Store, add: Add, new_message: NewMessage) -> None:
    for name in SMALL:
        await store.intake.add(new_message(**chat(f"a_b-{name}")), lambda *_, name=name: name)
    assert sorted(await list_chats(store)) == sorted((f"a_b-{name}", name) for name in SMALL)
    for name in SMALL:
        await add(**chat(f"a_b-{name}"))
        await add(**chat(f"a_b-{name}"), command="ask", text="What?", attachment=None)
    assert {command for _, command in await list_chats(store)} == {"transcribe"}


async def test_a_chat_that_was_forgotten_is_no_more(store: Store, add: Add) -> None:
    job = await add(**chat("a_b"))
    await store.jobs.finish(job.job_id, JobState.DONE)
    await add(**chat("a_b"), command="forget", text="me", attachment=None)
    await store.forgetting.forget_person(PERSON, "7")
    assert await list_chats(store) == []


async def test_they_are_read_some_at_a_time(store: Store, add: Add, clock: Clock) -> None:
    names = [f"a_b-{number}" for number in range(5)]
    for name in names:
        await add(**chat(name))
        await clock.sleep(60)
    read: list[str] = []
    before = None
    while found := await store.chats.conversations(PERSON, 2, before):
        read += [one.chat.chat_id for one in found]
        before = found[-1].last_at
    assert read == names[::-1]
    [one] = await store.chats.conversation(chat("a_b-1")["chat"])
    assert (one.chat.chat_id, one.first.command) == ("a_b-1", "transcribe")
    assert await store.chats.conversation(chat("a_b-9")["chat"]) == []
