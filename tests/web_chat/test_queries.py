"""The read-only API: chats, recordings, transcripts, choices."""

from __future__ import annotations

from typing import Any

from httpx import AsyncClient

from bots.web_chat.wire import build_title
from core.models import Attachment, ChatSettings, Job, JobState, RepliesMode, Reply, SpeechSettings
from tests.conftest import NewMessage
from tests.support.virtual_time import current_clock
from tests.support.web_client import SOUND, send_sound, wait_for_reply
from tests.support.web_inbox import FakeInbox


async def say(browser: AsyncClient, text: str, chat: str, name: str = "") -> dict[str, Any]:
    form = {"id": (None, name or f"note-{chat or 'first'}"), "text": (None, text)}
    answer = await browser.post("/api/messages", params={"chat": chat}, files=form)
    assert answer.status_code == 200, answer.text
    entry: dict[str, Any] = answer.json()["entry"]
    return entry


async def list_chats(browser: AsyncClient) -> list[tuple[str, str]]:
    chats = (await browser.get("/api/chats")).json()["chats"]
    return [(chat["name"], chat["title"]) for chat in chats]


async def test_a_browser_has_many_chats_and_sees_no_others(
    browser: AsyncClient, stranger: AsyncClient, inbox: FakeInbox
) -> None:
    await say(browser, "good morning", "")
    await current_clock().sleep(1)
    await say(browser, "/say voice:Mia  good\nnight", "abc12345")
    assert await list_chats(browser) == [("abc12345", "good night"), ("", "good morning")]
    assert await list_chats(stranger) == []
    for path in ("/api/history?chat=abc12345", "/api/history"):
        assert len((await browser.get(path)).json()["entries"]) == 1
        assert (await stranger.get(path)).json()["entries"] == []
    senders = {job.message.sender_id for job in inbox.jobs.values()}
    assert len(senders) == 1, "one person in two chats"
    assert {chat.chat_id.partition("-")[0] for chat, _ in inbox.jobs} == senders


async def test_chat_names_are_checked(browser: AsyncClient) -> None:
    for name in ("../x", "ABC", "a" * 17, "a-b", "%", "a%00"):
        answer = await browser.get("/api/history", params={"chat": name})
        assert answer.status_code == 401, name


async def test_new_chat_copies_the_settings_of_the_last(
    browser: AsyncClient, inbox: FakeInbox
) -> None:
    form = {"id": (None, "note-0001"), "text": (None, "hello")}
    await browser.post("/api/messages?chat=new1&like=old1", files=form)
    ((new, old),) = inbox.begun.items()
    assert (new.chat_id[-5:], old.chat_id[-5:]) == ("-new1", "-old1")


async def test_recording_and_transcript_are_returned(
    browser: AsyncClient, stranger: AsyncClient
) -> None:
    await send_sound(browser)
    entry = await wait_for_reply(browser, "message-1")
    sound = await browser.get("/api/sounds/message-1")
    assert (sound.content, sound.headers["content-type"]) == (SOUND, "audio/ogg")
    path = f"/api/transcripts/{entry['job_id']}"
    segments = (await browser.get(path)).json()["segments"]
    assert segments[1] == {"start_s": 1.5, "text": "of old beer lingers."}
    assert "[0:01] of old beer" in (await browser.get(f"{path}/txt")).text
    srt = await browser.get(f"{path}/srt")
    assert "00:00:01,500 --> 00:00:03,000" in srt.text
    assert 'filename="20' in srt.headers["content-disposition"], "a voice message has no name"
    for gone in (f"{path}/exe", "/api/sounds/message-2", "/api/transcripts/x"):
        assert (await browser.get(gone)).status_code == 404
    for theirs in (path, f"{path}/txt", "/api/sounds/message-1"):
        assert (await stranger.get(theirs)).status_code == 404


async def test_choices_show_the_settings(browser: AsyncClient, inbox: FakeInbox) -> None:
    inbox.settings = ChatSettings(language="zh", replies=RepliesMode.AUTO)
    inbox.speech = SpeechSettings("Mia", "warm", "de")
    chosen = {"voice": "Mia", "style": "warm", "replies": "auto", "mode": "transcribe"}
    rest = {
        "think": "off",
        "my_language": "de",
        "language": "zh",
        "voices": [],
        "styles": [],
        "languages": [],
    }
    assert (await browser.get("/api/choices")).json() == chosen | rest


def test_titles_tell_what_a_chat_is_about(new_message: NewMessage) -> None:
    def title(reply: Reply | None = None, **fields: Any) -> str:
        now, message = current_clock().now(), new_message(**fields)
        return build_title(Job("1", message, "transcribe", JobState.DONE, 0, now, now, reply=reply))

    voice, file = Attachment("1", "voice", "voice.webm"), Attachment("1", "audio", "call.mp3")
    assert title(attachment=voice, text="") == ""
    assert title(Reply(quote="Good  morning"), attachment=voice, text="") == "Good morning"
    assert title(Reply(quote="Good morning"), attachment=file, text="") == "call.mp3"
    assert len(title(text="word " * 100)) == 80


async def test_what_is_no_moment_is_refused(browser: AsyncClient) -> None:
    assert (await browser.get("/api/chats", params={"before": "x"})).status_code == 422
