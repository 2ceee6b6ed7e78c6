"""Chats that are gone, that move, and that begin."""

from __future__ import annotations

from dataclasses import replace

from core.clock import Clock
from core.commands import pick_command
from core.models import (
    Audio,
    Button,
    Chat,
    ChatSettings,
    ExpectedRecording,
    JobState,
    RepliesMode,
    Reply,
    SavedVoice,
    SpeechSettings,
    TalkSettings,
)
from core.store import Store
from core.store.talk.search import MOVED
from tests.conftest import NewMessage
from tests.store.conftest import Add, claim, claim_job, row, schedule

VOICE = SavedVoice("v1", "Grandma", Audio(b"RIFF\xff\x00", "audio/wav", 2.0))
OLD = Chat("test", "1", "100")
DIGEST = schedule(chat=OLD)


async def test_a_gone_chat_is_restored_by_its_next_message(
    store: Store, add: Add, clock: Clock
) -> None:
    running, waiting, there = await add(), await add(), await add("b")
    done = await add()
    await claim_job(store)
    await store.jobs.finish(done.job_id, JobState.DONE)
    await clock.sleep(9)
    await store.jobs.cancel_chat(running.message.chat)
    assert await store.jobs.counts() == {"cancelled": 2, "done": 1, "waiting": 1}
    for job in (running, waiting):
        ended = await row(store, job)
        assert (ended.error, ended.finished_at) == ("ChatGone", clock.now())
    assert await claim(store) == there.job_id
    back = await add()
    assert await claim(store) == back.job_id


async def test_a_chat_that_moves_takes_all_that_hangs_on_it_along(store: Store, add: Add) -> None:
    old, new = OLD, Chat("test", "1", "-100200")
    talk, speech = TalkSettings(remember_days=3), SpeechSettings("kept:v1")
    chosen = ChatSettings("zh", True, talk=talk, speech=speech, replies=RepliesMode.ALWAYS)
    await store.chats.save_settings(old, chosen)
    await store.voices.keep(old, "7", VOICE)
    await store.schedules.add(DIGEST)
    job, there = await add(), await add("b")
    offer = Reply("x", buttons=(Button("More", "text_file", "txt"),))
    [button] = (await store.jobs.save_reply(job.job_id, offer, JobState.DONE)).buttons
    await store.deliveries.target(job).ledger.start(0)
    await store.deliveries.target(job).ledger.finish(0, "55")
    await store.chats.move(old, new)
    assert [d.platform_id for d in await store.deliveries.parts(job.job_id)] == [f"{MOVED}55"]
    assert await store.chats.settings(new) == chosen
    assert await store.chats.settings(old) == ChatSettings(), "/forget does not look there"
    assert await store.voices.usable(new, "9") == [VOICE]
    assert await store.schedules.find(new) == [replace(DIGEST, chat=new)]
    await store.chats.save_settings(new, ChatSettings("fr"))
    await store.chats.move(old, new)
    assert await store.chats.settings(new) == ChatSettings("fr"), "it moved already"
    await store.chats.save_settings(new, chosen)
    assert await store.chats.settings(there.message.chat) == ChatSettings()
    moved = await claim_job(store)
    assert moved and moved.message.chat == new
    assert moved.message.message_id == "", "ids of the old chat mean nothing in the new one"
    same_id = await add("-100200", message_id=job.message.message_id)
    assert same_id.message.message_id, "ids begin anew: this is another message"
    pressed = await add("-100200", button=button.token, attachment=None)
    assert (pressed.command, pressed.message.text) == ("text_file", "txt")
    assert await store.jobs.find(there.job_id) == there
    assert (await store.jobs.history(old)) == []


async def test_a_new_chat_begins_like_another(store: Store, add: Add, clock: Clock) -> None:
    like, new = Chat("test", "1", "7"), Chat("test", "1", "7-a")
    expects = ExpectedRecording("consent", "sentence", "code", clock.now())
    await store.chats.save_settings(like, ChatSettings("zh", expects=expects))
    await store.chats.begin(new, like)
    assert await store.chats.settings(new) == ChatSettings("zh")
    await store.chats.save_settings(new, ChatSettings("de"))
    await store.chats.begin(new, like)
    assert await store.chats.settings(new) == ChatSettings("de")
    spoken_in = (await add()).message.chat
    await store.chats.begin(spoken_in, like)
    assert await store.chats.settings(spoken_in) == ChatSettings(), "it is not new"


async def test_the_channel_of_a_private_thread_stays_known(
    store: Store, new_message: NewMessage
) -> None:
    thread = new_message("55", is_private=False, parent_id="50")
    await store.intake.add(thread, pick_command)
    await store.forgetting.forget_chat(thread.chat)
    for known in ("55", "50"):
        assert await store.chats.find_payer("test", known) == Chat("test", "1", "50")
    # Responses that only one person sees belong to no channel.
    await store.intake.add(new_message("user:7", parent_id="60"), pick_command)
    assert await store.chats.find_payer("test", "60") is None
