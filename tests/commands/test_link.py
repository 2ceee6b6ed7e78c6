"""/link through the whole program: a person with accounts on two platforms."""

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
        platforms = cast(dict[str, Platform], group.loopback.inbox.platforms)
        platforms["other"] = platforms["test"]
        self.store = group.loopback.store
        self.group, self.loopback = group, group.loopback
        self.other_group = Group(group.loopback, Chat("other", "2", "900"))

    def private(self, platform: str, person_id: str) -> Group:
        return Group(self.loopback, Chat(platform, "1", f"p{person_id}"), is_private=True)

    async def code(self, platform: str = "test", person_id: str = ADA) -> str:
        given = await self.private(platform, person_id).ask("link", person_id)
        assert "10 minutes" in given.text
        [code] = given.spans
        assert code.kind == "code"
        return given.text[code.start : code.end]

    async def use(self, code: str, platform: str = "other", person_id: str = ADA_THERE) -> str:
        """Send "/link CODE" and return the reply."""
        private = self.private(platform, person_id)
        return (await private.ask(code.removeprefix("/"), person_id)).text

    async def is_linked(self, platform: str = "other", person_id: str = ADA_THERE) -> bool:
        return bool(await self.store.links.linked_platforms(platform, person_id))


@pytest.fixture
async def places(group: Group) -> Places:
    return Places(group)


async def test_code_links_two_accounts_and_this_accounts_settings_win(places: Places) -> None:
    await places.private("test", ADA).ask("voice Mia", ADA)
    await places.private("other", ADA_THERE).ask("voice 白桦", ADA_THERE)
    code = await places.code()
    assert code.startswith("/link ")
    reply = await places.use(code)
    assert "Linked with your Test account" in reply and "/link off" in reply
    assert "this account's is used" in reply
    assert (await places.store.voices.choice("test", ADA)).voice == "白桦"
    shown = await places.private("test", ADA).ask("link", ADA)
    assert "Linked with your Other account." in shown.text
    shown = await places.private("test", ADA).ask("link off", ADA)
    assert "is not linked" in shown.text and not await places.is_linked()


async def test_opt_out_applies_to_both_linked_accounts(places: Places) -> None:
    for group in (places.group, places.other_group):
        await group.ask("remember on", EVE)
    await places.other_group.ask("remember me off", ADA_THERE)
    await places.group.say("mine", ADA)
    reply = await places.use(await places.code())
    assert "nothing that you say in chats is stored" in reply and "Deleted: 3 messages" in reply
    assert await places.group.kept() == await places.other_group.kept() == []


@pytest.mark.finding(19)
@pytest.mark.parametrize(
    "pasted", ["/\u2060link {}", "/link \u2060{}", "`/link {}`", "link {}", "{}"]
)
async def test_a_code_may_be_pasted_with_the_command_and_a_joiner(
    places: Places, pasted: str
) -> None:
    code = await places.code()
    assert "\u2060" not in code
    private = places.private("other", ADA_THERE)
    typed = pasted.format(code.removeprefix("/link "))
    reply = await private.ask(f"link {typed}", ADA_THERE)
    assert "Linked with your Test account" in reply.text


async def test_wrong_own_and_too_many_codes_are_refused(places: Places) -> None:
    code = await places.code()
    assert "This code is unknown" in await places.use("/link ABCDEFGH")
    assert "another platform" in await places.use(code, "test", ADA)
    assert "Only one account" in await places.use(code, "test", EVE)
    for _ in range(MAX_TRIES - 1):
        await places.use("/link ABCDEFGH")
    assert "Too many" in await places.use(code)
    assert not await places.is_linked() and not await places.is_linked("test", ADA)


async def test_linking_in_a_group_is_refused(places: Places) -> None:
    await places.use(await places.code())
    for words in ("link", "link ABCDEFGH", "link off"):
        reply = await places.group.ask(words, ADA)
        assert "private chats only" in reply.text and not reply.quote
        assert await places.is_linked()


async def test_code_sent_to_a_group_is_invalidated(places: Places) -> None:
    code, of_another = await places.code(), await places.code(person_id=EVE)
    reply = await places.other_group.ask(code.removeprefix("/"), ADA_THERE)
    assert "no longer valid" in reply.text and not await places.is_linked()
    assert "This code is unknown" in await places.use(code)
    assert not await places.is_linked()
    assert "Linked" in await places.use(of_another)


async def test_sender_without_an_id_gets_no_code(places: Places) -> None:
    private = places.private("test", ADA)
    message = await private.send(replace(private.write(command="link"), sender_id=""))
    assert "private chats only" in private.answers(message)[0].text


async def test_replies_are_translated_to_chinese(places: Places) -> None:
    private = places.private("test", ADA)
    assert "10 分钟" in (await private.ask("link", ADA, language="zh")).text
    assert "代码无效" in (await private.ask("link ABCDEFGH", ADA, language="zh-CN")).text
