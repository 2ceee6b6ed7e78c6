"""Undo: it takes back what one's own job has made, and nothing that somebody has changed since."""

from __future__ import annotations

import pytest

from tests.commands.test_fix import MEANT, SAID, hear, known, reply_to
from tests.support.group_talk import ADA, BEN, Group


@pytest.fixture
async def group(group: Group) -> Group:
    group.loopback.engine.text = SAID
    return group


async def test_an_old_undo_leaves_what_an_admin_has_made_of_it(group: Group) -> None:
    asks, sent = await hear(group, BEN)
    group.loopback.platform.can_administer = False
    [first] = await reply_to(group, sent, "Kovalsky = Kowalsky", BEN)
    group.loopback.platform.can_administer = True
    await reply_to(group, sent, "Kowalsky = Kowalski", ADA)
    assert group.answers(asks)[-1].quote == MEANT
    made = await known(group)
    group.loopback.platform.can_administer = False
    undone = await group.press(first, "Undo", BEN)
    assert undone.text == "This correction has been changed or removed since."
    assert await known(group) == made and group.answers(asks)[-1].quote == MEANT


async def test_an_old_undo_does_not_bring_back_what_an_admin_has_removed(group: Group) -> None:
    _, sent = await hear(group, BEN)
    group.loopback.platform.can_administer = False
    await reply_to(group, sent, "Kovalsky = Kowalsky", BEN)
    [second] = await reply_to(group, sent, "Kowalsky = Kowalski", BEN)
    group.loopback.platform.can_administer = True
    while await known(group):
        await group.ask("glossary remove 1", ADA)
    group.loopback.platform.can_administer = False
    undone = await group.press(second, "Undo", BEN)
    assert undone.text == "This correction has been changed or removed since."
    assert await known(group) == ()


async def test_who_is_no_admin_any_more_brings_back_no_entry_of_others(group: Group) -> None:
    _, sent = await hear(group, BEN)
    await reply_to(group, sent, "Kovalsky = Kowalsky", BEN)
    [hers] = await reply_to(group, sent, "Kowalsky = Kowalski", ADA)
    made = await known(group)
    group.loopback.platform.can_administer = False
    refused = await group.press(hers, "Undo", ADA)
    assert refused.text.startswith("Another person made the correction Kovalsky → Kowalsky.")
    assert await known(group) == made
