"""/link: a person with accounts on two platforms, on the whole road."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from core.interfaces import Platform
from core.models import Chat
from core.store.people.links import MAX_TRIES
from tests.support.group_talk import ADA, BEN, EVE, Group

#: Ada's account on the other platform; there ADA's own id is Eve's.
ADA_THERE = BEN


class Places:
    """A group and private chats on each of two platforms."""

    def __init__(self, group: Group) -> None:
        platforms = cast(dict[str, Platform], group.road.inbox.platforms)
        platforms["other"] = platforms["test"]
        self.store = group.road.store
        self.group, self.road = group, group.road
        self.other_group = Group(group.road, Chat("other", "2", "900"))

    def private(self, platform: str, person_id: str) -> Group:
        return Group(self.road, Chat(platform, "1", f"p{person_id}"), is_private=True)

    async def code(self, platform: str = "test", person_id: str = ADA) -> str:
        given = await self.private(platform, person_id).ask("link", person_id)
        assert "10 minutes" in given.text
        return given.quote

    async def use(self, code: str, platform: str = "other", person_id: str = ADA_THERE) -> str:
        """Type what was given, "/link CODE"; return what is answered."""
        private = self.private(platform, person_id)
        return (await private.ask(code.removeprefix("/"), person_id)).text

    async def is_linked(self, platform: str = "other", person_id: str = ADA_THERE) -> bool:
        return bool(await self.store.links.others(platform, person_id))


@pytest.fixture
async def places(group: Group) -> Places:
    return Places(group)


async def test_a_code_links_two_accounts_and_what_was_chosen_here_holds(places: Places) -> None:
    await places.private("test", ADA).ask("voice Mia", ADA)
    await places.private("other", ADA_THERE).ask("voice 白桦", ADA_THERE)
    code = await places.code()
    assert code.startswith("/link ")
    said = await places.use(code)
    assert "Linked with your Test account" in said and "/link off" in said
    assert "this account's is used" in said
    assert (await places.store.voices.choice("test", ADA)).voice == "白桦"
    shown = await places.private("test", ADA).ask("link", ADA)
    assert "Linked with your Other account." in shown.text
    shown = await places.private("test", ADA).ask("link off", ADA)
    assert "is not linked" in shown.text and not await places.is_linked()


async def test_an_opt_out_of_before_holds_for_both_from_the_link_on(places: Places) -> None:
    for group in (places.group, places.other_group):
        await group.ask("remember on", EVE)
    await places.other_group.ask("remember me off", ADA_THERE)
    await places.group.say("mine", ADA)
    said = await places.use(await places.code())
    assert "nothing of yours is stored" in said and "Deleted messages: 1." in said
    assert await places.group.kept() == await places.other_group.kept() == []


async def test_a_wrong_code_ones_own_and_too_many(places: Places) -> None:
    code = await places.code()
    assert "This code is unknown" in await places.use("/link ABCDEFGH")
    assert "another platform" in await places.use(code, "test", ADA)
    assert "Only one account" in await places.use(code, "test", EVE)
    for _ in range(MAX_TRIES - 1):
        await places.use("/link ABCDEFGH")
    assert "Too many" in await places.use(code)
    assert not await places.is_linked() and not await places.is_linked("test", ADA)


async def test_in_a_group_it_is_refused(places: Places) -> None:
    await places.use(await places.code())
    for words in ("link", "link ABCDEFGH", "link off"):
        said = await places.group.ask(words, ADA)
        assert "private chats only" in said.text and not said.quote
        assert await places.is_linked()


async def test_a_code_that_a_group_has_seen_is_void(places: Places) -> None:
    code, of_another = await places.code(), await places.code(person_id=EVE)
    said = await places.other_group.ask(code.removeprefix("/"), ADA_THERE)
    assert "no longer valid" in said.text and not await places.is_linked()
    assert "This code is unknown" in await places.use(code)
    assert not await places.is_linked()
    assert "Linked" in await places.use(of_another)


async def test_who_has_no_id_has_no_code(places: Places) -> None:
    private = places.private("test", ADA)
    message = await private.send(replace(private.write(command="link"), sender_id=""))
    assert "private chats only" in private.answers(message)[0].text


async def test_it_is_told_in_chinese_too(places: Places) -> None:
    private = places.private("test", ADA)
    assert "10 分钟" in (await private.ask("link", ADA, language="zh")).text
    assert "代码无效" in (await private.ask("link ABCDEFGH", ADA, language="zh-CN")).text
