"""LibreChat.

Sources: danny-avila/LibreChat, api/server/services/Files/Audio/STTService.js and TTSService.js,
packages/api/src/endpoints/models.ts and openai/llm.ts; langchain-ai/langchainjs,
libs/providers/langchain-openai/src/chat_models/completions.ts, which sends what llm.ts sets.
"""

from __future__ import annotations

from tests.openai_api.programs import Sent, fields, sound

SDK = {
    "Accept": "application/json",
    "User-Agent": "OpenAI/JS 5.12.2",
    "X-Stainless-Lang": "js",
    "X-Stainless-Retry-Count": "0",
    "X-Stainless-Runtime": "node",
}
#: Texts are lists of parts where files were attached.
TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": [{"type": "text", "text": "Hello! How can I help?"}]},
    {"role": "user", "content": [{"type": "text", "text": "Tell me about tides."}]},
]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "calculator", "arguments": '{"input": "6*7"}'},
}
SAMPLING = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}

REQUESTS = (
    Sent("LibreChat, models", "/models?user=64f0c0ffee"),
    # axios sends streams without their length; the type is that of the name.
    *(
        Sent(
            f"LibreChat, transcription of {media_type}",
            "/audio/transcriptions",
            form=(sound(name, media_type), *fields(model="whisper-1", **more)),
            is_chunked=True,
        )
        for name, media_type, more in (
            ("audio.webm", "video/webm", {"language": "en"}),
            ("audio.ogg", "audio/ogg", {}),
        )
    ),
    Sent(
        "LibreChat, speech",
        "/audio/speech",
        json={"input": "Here is what I found.", "model": "tts-1", "voice": "nova"},
    ),
    Sent(
        "LibreChat, speech without voices",
        "/audio/speech",
        json={"input": "Here is what I found.", "model": "tts-1-hd", "backend": "piper"},
    ),
    Sent(
        "LibreChat, speech of LocalAI",
        "/audio/speech",
        json={"input": "Here is what I found.", "model": "voice-en-us-amy-low", "backend": "piper"},
    ),
    Sent(
        "LibreChat, chat",
        "/chat/completions",
        json={
            "model": "gpt-4o",
            **SAMPLING,
            "user": "64f0c0ffee",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": TALK,
        },
        headers=SDK,
    ),
    Sent(
        "LibreChat, chat of an agent",
        "/chat/completions",
        json={
            "model": "gpt-4o",
            "max_tokens": 4096,
            "stream": True,
            "stream_options": {"include_usage": True},
            "parallel_tool_calls": True,
            "tools": [{"type": "function", "function": {"name": "calculator"}}],
            "tool_choice": "auto",
            "verbosity": "low",
            "messages": TALK,
        },
        headers=SDK,
    ),
    # The chat was with another model before, which used a tool.
    Sent(
        "LibreChat, chat of an agent after tools",
        "/chat/completions",
        json={
            "model": "gpt-4o",
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [
                {"role": "user", "content": "What is 6 times 7?"},
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": "42"},
                {"role": "assistant", "content": "It is 42."},
                {"role": "user", "content": "And times 2?"},
            ],
        },
        headers=SDK,
    ),
    Sent(
        "LibreChat, title",
        "/chat/completions",
        json={
            "model": "gpt-4o-mini",
            "stream": False,
            "user": "64f0c0ffee",
            "messages": [{"role": "user", "content": "Provide a concise, 5-word-or-less title"}],
        },
        headers=SDK,
    ),
)
