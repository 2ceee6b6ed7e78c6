from __future__ import annotations

from dataclasses import replace

from core.models import Attachment, Button, Chat, ChatSettings, JobState, Message, Reply
from core.picking import pick_command
from core.store import Store
from tests.conftest import NewMessage


async def test_a_message_and_its_job_come_back_unchanged(
    store: Store, new_message: NewMessage
) -> None:
    message = new_message(text="caption 😀", thread_id="4", language="zh-hans")
    job = await store.intake.add(message, pick_command)
    assert job is not None
    assert await store.jobs.find(job.job_id) == job
    assert job.message == message
    assert (job.command, job.state) == ("transcribe", JobState.WAITING)


async def test_redelivery_is_ignored(store: Store, new_message: NewMessage) -> None:
    message = new_message()
    assert await store.intake.add(message, pick_command) is not None
    assert await store.intake.add(message, pick_command) is None
    assert await store.jobs.counts() == {JobState.WAITING: 1}


async def test_the_same_message_id_in_another_chat_is_another_message(
    store: Store, new_message: NewMessage
) -> None:
    message = new_message()
    elsewhere = replace(message, chat=Chat("test", "1", "200"))
    assert await store.intake.add(message, pick_command)
    assert await store.intake.add(elsewhere, pick_command)


async def test_an_edit_that_asks_for_the_same_is_ignored(
    store: Store, new_message: NewMessage
) -> None:
    message = new_message()
    assert await store.intake.add(message, pick_command)
    assert await store.intake.add(replace(message, edit_id="5", text="typo"), pick_command) is None
    other = replace(message, edit_id="6", attachment=Attachment("file-2"))
    assert await store.intake.add(other, pick_command)


async def test_group_talk_is_not_kept(store: Store, new_message: NewMessage) -> None:
    message = new_message(is_private=False)
    assert await store.intake.add(message, pick_command) is None
    assert await store.jobs.counts() == {}
    await store.chats.save_settings(message.chat, ChatSettings(is_auto=True))
    assert await store.intake.add(message, pick_command) is not None


async def test_sound_that_only_we_hold_outlives_its_job(
    store: Store, new_message: NewMessage
) -> None:
    message = new_message()
    job = await store.intake.add(message, pick_command, b"\x00sound\xff")
    assert job
    assert await store.intake.blob(message.chat, message.message_id) == b"\x00sound\xff"
    assert await store.intake.blob(Chat("test", "1", "other"), message.message_id) is None
    await store.jobs.finish(job.job_id, JobState.DONE)
    assert await store.intake.blob(message.chat, message.message_id)


async def press(store: Store, message: Message, token: str, chat_id: str) -> tuple[str, str]:
    chat = Chat("test", "1", chat_id)
    pressed = replace(message, chat=chat, button=token, attachment=None)
    job = await store.intake.add(pressed, pick_command)
    assert job is not None
    return job.command, job.message.text


async def test_a_button_works_in_its_chat_only(store: Store, new_message: NewMessage) -> None:
    job = await store.intake.add(new_message(), pick_command)
    assert job
    offer = Reply("done", buttons=(Button(".txt", "export", "txt key"),))
    token = (await store.jobs.save_reply(job.job_id, offer, JobState.DONE)).buttons[0].token
    assert len(token) >= 20
    assert await press(store, new_message(), token, "100") == ("export", "txt key")
    assert (await press(store, new_message(), token, "999"))[0] == "stale_button"
    assert (await press(store, new_message(), "forged", "100"))[0] == "stale_button"
