from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.models import Audio, Chat, ChatSettings, KeptVoice, RepliesMode, SpeechSettings
from core.store import Store

CHAT = Chat("test", "1", "100")
SAMPLE = Audio(b"RIFF\xff\x00", "audio/wav", 2.0)
DESIGNED = KeptVoice("v1", "Grandma", SAMPLE)
OWN = KeptVoice("v2", "me", SAMPLE, is_clone=True, consented_at=datetime.now(UTC))


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
