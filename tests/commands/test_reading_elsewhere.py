"""What was said in a group is shown in private to its members alone, whenever they press."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.commands.buttons.summary import RECORDING_GONE
from core.errors import NotMember
from core.models import Button, Membership
from core.summaries.ranges import RangeContext, SummaryCopy, dump_copy, parse_request
from tests.commands.conftest import Talk
from tests.support.virtual_time import current_clock


@pytest.mark.parametrize("is_member", [True, False])
@pytest.mark.parametrize("command", ["replay", "private_summary"])
async def test_a_button_asks_who_is_in_the_group_now(
    talk: Talk, command: str, is_member: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, bool]] = []

    async def membership(chat: object, person_id: str, *, is_live: bool = False) -> Membership:
        asked.append((chat.chat_id, person_id, is_live))  # type: ignore[attr-defined]
        return Membership.MEMBER if is_member else Membership.NONE

    monkeypatch.setattr(talk.loopback.platform, "membership", membership)
    job = await talk.post(command="help")
    request = parse_request("last 2h", RangeContext(current_clock().now()))
    texts = {"replay": "5 1.0 -100", "private_summary": dump_copy(SummaryCopy("-100", request))}
    offer = Button("Press me", command, texts[command])
    jobs = talk.loopback.store.jobs
    assert await jobs.redo(job.job_id, replace(talk.last, buttons=(offer,)))
    await talk.loopback.settle()
    shown = await jobs.find(job.job_id)
    assert shown and shown.reply
    told = (await talk.send(button=shown.reply.buttons[0].token)).text
    assert asked == [("-100", "7", True)]
    assert (told == NotMember.user_text) is not is_member
    # What is here is nobody's but the sender's.
    here = replace(offer, text="5 1.0")
    if command == "replay" and await jobs.redo(job.job_id, replace(talk.last, buttons=(here,))):
        await talk.loopback.settle()
        shown = await jobs.find(job.job_id)
        assert shown and shown.reply
        again = await talk.send(button=shown.reply.buttons[0].token)
        assert again.text == RECORDING_GONE and len(asked) == 1
