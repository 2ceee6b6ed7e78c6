from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.models import Audio, Chat, ChatSettings, KeptVoice, RepliesMode, SpeechSettings
from core.store import Store

CHAT, OTHER = Chat("test", "1", "100"), Chat("test", "1", "200")
SAMPLE = Audio(b"RIFF\xff\x00", "audio/wav", 2.0)
DESIGNED = KeptVoice("v1", "Grandma", SAMPLE)
OWN = KeptVoice("v2", "me", SAMPLE, is_clone=True, consented_at=datetime.now(UTC))


async def test_choices_are_kept_by_chat_and_by_person(store: Store) -> None:
    assert await store.voices.choice("test", "7") == SpeechSettings()
    await store.voices.save_choice("test", "7", SpeechSettings("Mia", "(warm)"))
    await store.chats.save_settings(
        CHAT, ChatSettings("zh", True, SpeechSettings("Dean"), RepliesMode.AUTO)
    )
    assert await store.voices.choice("test", "7") == SpeechSettings("Mia", "(warm)")
    assert await store.voices.choice("test", "8") == SpeechSettings()
    settings = await store.chats.settings(CHAT)
    assert (settings.speech.voice, settings.replies) == ("Dean", RepliesMode.AUTO)


async def test_a_designed_voice_is_the_chats_and_a_clone_its_owners_alone(store: Store) -> None:
    await store.voices.keep(CHAT, "7", DESIGNED)
    await store.voices.keep(CHAT, "7", OWN)
    assert await store.voices.usable(CHAT, "7") == [DESIGNED, OWN]
    assert await store.voices.usable(CHAT, "8") == [DESIGNED]
    assert await store.voices.usable(OTHER, "7") == [OWN]
    assert await store.voices.usable(OTHER, "8") == []
    await store.voices.forget(OWN)
    assert await store.voices.usable(CHAT, "7") == [DESIGNED]


async def test_voices_and_choices_move_with_the_chat(store: Store) -> None:
    await store.voices.keep(CHAT, "7", DESIGNED)
    chosen = ChatSettings(speech=SpeechSettings("kept:v1"), replies=RepliesMode.ALWAYS)
    await store.chats.save_settings(CHAT, chosen)
    moved = replace(CHAT, chat_id="-100500")
    await store.chats.move(CHAT, moved)
    assert await store.chats.settings(moved) == chosen
    assert await store.voices.usable(moved, "9") == [DESIGNED]


async def test_a_kept_voice_is_renamed_alone(store: Store) -> None:
    for voice in (DESIGNED, OWN):
        await store.voices.keep(CHAT, "7", voice)
    renamed = replace(OWN, name="mine")
    await store.voices.rename(renamed)
    assert await store.voices.usable(CHAT, "7") == [DESIGNED, renamed]
