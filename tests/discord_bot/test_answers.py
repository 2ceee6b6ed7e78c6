"""Replies to interactions: the response is edited for 15 minutes, then other routes are used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bots.discord_bot import DiscordBot as Bot
from bots.discord_bot.errors import UNKNOWN_WEBHOOK
from bots.discord_bot.outgoing.routes import read_interaction_token
from core import metrics
from core.errors import ChatGone, PlatformError
from core.models import PLACEHOLDER, DeliveryState, File, Reply
from tests.support.discord_server_chat import AGAIN, SEND, ServerChannel, only

NOTE = File("notes.txt", "text/plain", b"words")
FOLLOW_UP = "POST /webhooks/{application}/{token}"


def ambiguous() -> float:
    return float(metrics.AMBIGUOUS_SENDS.labels("discord")._value.get())


async def test_the_reply_replaces_the_thinking_response(bot: Bot, channel: ServerChannel) -> None:
    target, ledger, interaction_id = await channel.ask(bot)
    only(channel.server.thinking(channel.id))
    await bot.deliver(target, Reply("hello", "words", files=(NOTE,), buttons=AGAIN))
    answer = only(channel.server.responses_to(interaction_id))
    assert answer.content == "hello\n> words" and answer.labels == ["Again"]
    assert answer.files[0].data == b"words" and not answer.is_ephemeral
    assert ledger.ids() == {0: answer.message_id}
    assert channel.server.thinking(channel.id) == []


async def test_every_part_of_an_ephemeral_reply_is_ephemeral(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger, interaction_id = await channel.ask(bot, "e")
    await bot.deliver(target, Reply("word " * 1000, buttons=AGAIN))
    answers = channel.server.responses_to(interaction_id)
    assert len(answers) == 3 and all(one.is_ephemeral for one in answers)
    assert channel.server.replies(channel.id) == []
    assert [*ledger.ids().values()] == [one.message_id for one in answers]
    assert [one.labels for one in answers] == [[], [], ["Again"]]


async def test_further_parts_are_repeatable_messages(bot: Bot, channel: ServerChannel) -> None:
    target, _, interaction_id = await channel.ask(bot)
    channel.server.fault(SEND, "lose_reply")
    await bot.deliver(target, Reply("word " * 1000))
    assert len(channel.server.responses_to(interaction_id)) == 1
    assert len(channel.server.replies(channel.id)) == 3
    assert channel.server.requests_to(FOLLOW_UP) == []


async def test_no_part_is_sent_after_a_failed_one(bot: Bot, channel: ServerChannel) -> None:
    target, ledger, _ = await channel.ask(bot)
    reply = Reply(" ".join(f"word{number}" for number in range(700)))
    channel.server.fault(SEND, "status", status=400, code=50006)
    with pytest.raises(PlatformError):
        await bot.deliver(target, reply)
    assert len(channel.server.requests_to(SEND)) == 1
    states = {part: row.state for part, row in ledger.rows.items()}
    assert states == {0: DeliveryState.SENT, 1: DeliveryState.PENDING}
    await bot.deliver(target, reply)
    answers = channel.server.replies(channel.id)
    assert " ".join(one.content for one in answers).split() == reply.text.split()


async def test_where_the_bot_may_not_write_parts_follow_up(
    bot: Bot, channel: ServerChannel
) -> None:
    channel.server.deny(channel.id, channel.guild, "SEND_MESSAGES")
    target, _, interaction_id = await channel.ask(bot)
    await bot.deliver(target, Reply("word " * 1000))
    assert len(channel.server.responses_to(interaction_id)) == 3
    # Nor is it tried where the channel has refused too often.
    bot.client.pacer.note_forbidden(channel.id)
    assert bot.client.pacer.is_held(channel.id)
    channel.server.clear_requests()
    target, _, interaction_id = await channel.ask(bot, job_id="held")
    await bot.deliver(target, Reply("word " * 1000))
    assert (
        len(channel.server.responses_to(interaction_id)) == 3
        and channel.server.requests_to(SEND) == []
    )


async def test_a_user_install_gets_at_most_five_messages(bot: Bot, channel: ServerChannel) -> None:
    guild = channel.server.add_guild(members=[channel.ann], has_bot=False)
    channel.server.change(channel.ann, has_app=True)
    channel_id = channel.server.channel(guild)
    target, _, interaction_id = await channel.ask(bot, "p", channel_id=channel_id)
    files = (File("0.ogg", "audio/ogg", b"OggS", 2.0, b"1"), NOTE)
    await bot.deliver(target, Reply("word " * 1500, files=files))
    interaction = channel.server.interaction(interaction_id)
    assert interaction.is_user_install and len(interaction.followups) <= 5
    assert len(channel.server.responses_to(interaction_id)) == 5
    assert channel.server.requests_to(SEND) == []


@pytest.mark.parametrize(
    ("age_s", "errors", "calls"),
    [(900, [], 0), (0, [], 1), (0, [(404, 10062)], 1), (6, [(404, 10015)], 1)],
)
async def test_without_the_response_the_reply_goes_to_the_channel(
    bot: Bot, channel: ServerChannel, age_s: float, errors: list[tuple[int, int]], calls: int
) -> None:
    target, ledger, interaction_id = await channel.ask(bot, age_s=age_s)
    for status, code in errors:
        channel.server.fault("* /webhooks/*", "status", status=status, code=code, count=None)
    if calls and not errors:
        channel.server.delete(channel.server.interaction(interaction_id).original_id or "")
    await bot.deliver(replace(target, is_refusal=age_s > 60), Reply("hello"))
    answer = channel.server.replies(channel.id)[-1]
    assert answer.content == "hello" and ledger.ids() == {0: answer.message_id}
    assert len(channel.server.requests_to("PATCH /webhooks/*")) == calls


async def test_another_process_may_be_about_to_send_the_first_response(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _, interaction_id = await channel.ask(bot)
    calls = "* /webhooks/*"
    channel.server.fault(calls, "status", status=404, code=UNKNOWN_WEBHOOK, count=2)
    await bot.deliver(target, Reply("hello"))
    [response] = channel.server.responses_to(interaction_id)
    assert response.content == "hello" and len(channel.server.requests_to(calls)) == 3
    # A refusal takes back what all would see: nobody is to see it later.
    target, _, interaction_id = await channel.ask(bot)
    channel.server.fault(calls, "status", status=404, code=UNKNOWN_WEBHOOK, count=2)
    await bot.deliver(replace(target, is_refusal=True), Reply("no"))
    [response] = channel.server.responses_to(interaction_id)
    assert response.content == "no" and response.is_ephemeral


@pytest.mark.parametrize("flags", ["e", "p"])
async def test_a_late_ephemeral_reply_is_a_direct_message(
    bot: Bot, channel: ServerChannel, flags: str
) -> None:
    target, ledger, _ = await channel.ask(bot, flags, age_s=900)
    await bot.deliver(target, Reply("word " * 700, buttons=AGAIN))
    answers = channel.server.replies(channel.server.dm(channel.ann))
    assert len(answers) == 2 and answers[1].labels == ["Again"]
    assert [*ledger.ids().values()] == [one.message_id for one in answers]
    # Where that cannot be either, it is given up.
    target, _, _ = await channel.ask(bot, flags, age_s=900, job_id="other")
    channel.server.change(channel.ann, is_closed=True)
    with pytest.raises(PlatformError) as caught:
        await bot.deliver(target, Reply("hello"))
    assert not isinstance(caught.value, ChatGone) and not caught.value.is_retryable
    assert channel.server.replies(channel.id) == []


async def test_a_late_reply_replaces_the_partial_text(bot: Bot, channel: ServerChannel) -> None:
    target, ledger, interaction_id = await channel.ask(bot)
    await bot.show(target, "one moment", is_lasting=True)
    await channel.server.wait_for(lambda: PLACEHOLDER in ledger.ids())
    assert only(channel.server.responses_to(interaction_id)).content == "one moment"
    channel.server.advance(seconds=901)
    await bot.deliver(target, Reply("hello"))
    assert channel.server.requests_to("PATCH /webhooks/*")[-1].code == 50027
    assert only(channel.server.replies(channel.id)).message_id == ledger.ids()[0]
    assert ledger.ids()[0] != ledger.ids()[PLACEHOLDER]
    late, ledger, interaction_id = await channel.ask(bot, job_id="late")
    await bot.show(late, "one moment", is_lasting=True)
    await channel.server.wait_for(lambda: PLACEHOLDER in ledger.ids())
    reply_token = read_interaction_token(late.message.reply_token)
    assert reply_token
    old = replace(reply_token, created_s=reply_token.created_s - 900).write()
    await bot.deliver(replace(late, message=replace(late.message, reply_token=old)), Reply("hello"))
    # Its message is known, and can be taken away as any other of ours.
    assert channel.server.responses_to(interaction_id) == []


async def test_an_outdated_reply_is_edited_with_and_without_token(
    bot: Bot, channel: ServerChannel
) -> None:
    for flags, age_s in (("", 0), ("e", 0), ("", 901)):
        target, ledger, interaction_id = await channel.ask(bot, flags, job_id=f"job{flags}{age_s}")
        await bot.deliver(target, Reply("hello"))
        channel.server.advance(seconds=age_s)
        ledger.outdate()
        await bot.deliver(target, Reply("good morning"))
        assert only(channel.server.responses_to(interaction_id)).content == "good morning"


async def test_an_empty_reply_ends_thinking(bot: Bot, channel: ServerChannel) -> None:
    target, _, interaction_id = await channel.ask(bot)
    await bot.deliver(target, Reply())
    assert channel.server.thinking(channel.id) == [] == channel.server.responses_to(interaction_id)


async def test_the_message_of_a_pressed_button_is_unchanged(
    bot: Bot, channel: ServerChannel
) -> None:
    target, _, _ = await channel.ask(bot, "u")
    await bot.deliver(target, Reply("hello"))
    only(channel.server.thinking(channel.id))  # the first answer was not touched
    assert only(channel.server.replies(channel.id)).content == "hello"


async def test_a_repeated_edit_changes_nothing(bot: Bot, channel: ServerChannel) -> None:
    target, ledger, interaction_id = await channel.ask(bot)
    before = ambiguous()
    channel.server.fault("PATCH /webhooks/*", "lose_reply", count=2)
    await bot.deliver(target, Reply("hello", files=(NOTE,)))
    await ledger.forget(0)
    await ledger.start(0)
    await bot.deliver(target, Reply("hello", files=(NOTE,)))
    answer = only(channel.server.responses_to(interaction_id))
    assert len(answer.files) == 1 and only(channel.server.replies(channel.id))
    assert ambiguous() == before


async def test_only_follow_ups_may_be_duplicated_and_are_counted(
    bot: Bot, channel: ServerChannel
) -> None:
    target, ledger, interaction_id = await channel.ask(bot, "e")
    before = ambiguous()
    await bot.deliver(target, Reply("word " * 700))
    await ledger.forget(1)
    await ledger.start(1)
    await bot.deliver(target, Reply("word " * 700))
    assert len(channel.server.responses_to(interaction_id)) == 3 and ambiguous() == before + 1


async def test_a_refusal_is_shown_only_to_the_person_who_asked(
    bot: Bot, channel: ServerChannel
) -> None:
    for flags in ("", "e"):
        target, ledger, interaction_id = await channel.ask(bot, flags, job_id=f"job{flags}")
        await bot.deliver(replace(target, is_refusal=True), Reply("That cannot be."))
        answers = channel.server.responses_to(interaction_id)
        assert [(one.content, one.is_ephemeral) for one in answers] == [("That cannot be.", True)]
        assert channel.server.replies(channel.id) == channel.server.thinking(channel.id) == []
        assert ledger.ids() == {0: answers[0].message_id}
    # What is secret anyway takes the place of thinking.
    assert len(channel.server.requests_to("PATCH /webhooks/*")) == 1
